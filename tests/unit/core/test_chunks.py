"""Chunked bodies (RFC 9112 section 7.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from potstill.core.http1 import Chunks, Refusal

# What may come behind a body, and belongs to somebody else.
NEXT = b"GET /next HTTP/1.1\r\n"
HELLO = b"hello"
EVERY_BYTE = bytes(range(256))

Result = tuple[bytes, bool | Refusal, bytes]


def fed(pieces: list[bytes], **limits: Any) -> tuple[Result, bytes]:
    """Payload, how it stands, trailers; and what came behind the body."""
    chunks = Chunks(**limits)
    payload = b""
    state: bool | Refusal = False
    for piece in pieces:
        more, state = chunks.feed(piece)
        payload += more
    return (payload, state, chunks.trailers if state is True else b""), chunks.rest


def results(data: bytes, **limits: Any) -> Iterator[Result]:
    """What comes of `data` fed whole, byte by byte, cut in two anywhere, and with something behind it."""
    yield fed([data], **limits)[0]
    yield fed([data[at : at + 1] for at in range(len(data))], **limits)[0]
    for at in range(min(len(data), 100)):
        yield fed([data[:at], data[at:]], **limits)[0]
    behind, rest = fed([data, NEXT], **limits)
    assert rest == (NEXT if behind[1] is True else b"")
    yield behind
    yield fed([data + NEXT], **limits)[0]


def accepted(data: bytes, **limits: Any) -> tuple[bytes, bytes]:
    """Payload and trailers, on which all ways of feeding it agree."""
    first, *others = results(data, **limits)
    assert first[1] is True, first
    assert others == [first] * len(others)
    assert all(fed([data[:size]], **limits)[0][1] is False for size in range(len(data)))
    return first[0], first[2]


def refused(data: bytes, **limits: Any) -> tuple[int, str]:
    """Status and rule of the refusal, on which all ways of feeding it agree."""
    first, *others = results(data, **limits)
    assert isinstance(first[1], Refusal), first
    assert others == [first] * len(others)
    return first[1].status, first[1].rule


BODIES = [
    (b"0\r\n\r\n", b""),
    (b"000000000000000\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", HELLO),
    (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", HELLO),
    (b"0005\r\nhello\r\n00\r\n\r\n", HELLO),
    (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    (b"100\r\n" + EVERY_BYTE + b"\r\n0\r\n\r\n", EVERY_BYTE),
    (b"7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n\r\n"),
    (b"1\r\nb\r\n" * 50 + b"0\r\n\r\n", b"b" * 50),
]


@pytest.mark.parametrize(("data", "payload"), BODIES)
def test_chunks_are_put_together(data: bytes, payload: bytes) -> None:
    """chunked-body = *chunk last-chunk trailer-section CRLF"""
    assert accepted(data) == (payload, b"")


EXTENSIONS = [
    b";a", b";a=b", b";a=b;c;d=e", b";!#$%&'*+-.^_`|~=1", b" ;a", b"\t; a", b";a =b", b";a= b",
    b";a \t=\t b ;c",
    b';a=""', b';a="b c"', b';a="\\"\\\\"', b';a="\t\x80\xff;="', b';a="b" ;c="d"', b';a="b";c',
    b";" + b"a" * 4000,
]  # fmt: skip


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_extensions_are_skipped(extension: bytes) -> None:
    """RFC 9112 section 7.1.1: a recipient MUST ignore those that it does not know, and here that is all."""
    assert accepted(b"5" + extension + b"\r\nhello\r\n0" + extension[:90] + b"\r\n\r\n")[0] == HELLO


NO_EXTENSIONS = [
    (b" ", "bad-chunk-extension"),
    (b"\t", "bad-chunk-extension"),
    (b";", "bad-chunk-extension"),
    (b"; ", "bad-chunk-extension"),
    (b";a;", "bad-chunk-extension"),
    (b";;a", "bad-chunk-extension"),
    (b";=a", "bad-chunk-extension"),
    (b";a=", "bad-chunk-extension"),
    (b";a==b", "bad-chunk-extension"),
    (b";a ", "bad-chunk-extension"),
    (b";a b", "bad-chunk-extension"),
    (b";a=b c", "bad-chunk-extension"),
    (b";a,b", "bad-chunk-extension"),
    (b'; "a"', "bad-chunk-extension"),
    (b';a="', "bad-chunk-extension"),
    (b';a="b\\', "bad-chunk-extension"),
    (b';a="b"c', "bad-chunk-extension"),
    (b';a="b" ', "bad-chunk-extension"),
    (b';a="\x00"', "bad-chunk-extension"),
    (b';a="\\\x7f"', "bad-chunk-extension"),
    (b";\x00", "bad-chunk-extension"),
    (b";a\x80", "bad-chunk-extension"),
    (b";a\r", "bare-cr"),
    (b";\n", "bare-lf"),
    (b";a\n", "bare-lf"),
    (b";a=b\n;c", "bare-lf"),
    (b';a="\n"', "bare-lf"),
    (b';a="\r\n"', "bad-chunk-extension"),
]


@pytest.mark.parametrize(("extension", "rule"), NO_EXTENSIONS)
def test_extensions_have_a_grammar(extension: bytes, rule: str) -> None:
    """chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ); RFC 9112 erratum 7633."""
    assert refused(b"5" + extension + b"\r\nhello\r\n0\r\n\r\n") == (400, rule)


def test_extensions_have_a_limit_for_the_whole_body() -> None:
    """Otherwise they were a way to send much and be counted little (CVE-2024-21647)."""
    chunk = b"1;" + b"a" * 2047 + b"\r\nb\r\n"
    assert accepted(chunk * 2 + b"0\r\n\r\n")[0] == b"bb"
    assert refused(chunk * 2 + b"0;a\r\n\r\n") == (400, "chunk-extension-too-long")
    assert refused(b"1;a=" + b"b" * 4094) == (400, "chunk-extension-too-long")


SIZES = [
    (b"", "bad-chunk-size"),
    (b" 5", "bad-chunk-size"),
    (b"+5", "bad-chunk-size"),
    (b"-5", "bad-chunk-size"),
    (b"0x5", "bad-chunk-size"),
    (b"5_0", "bad-chunk-size"),
    (b"5h", "bad-chunk-size"),
    (b"5,", "bad-chunk-size"),
    (b"g", "bad-chunk-size"),
    (b"\xb2", "bad-chunk-size"),
    (b"5\x00", "bad-chunk-size"),
    (b";a", "bad-chunk-size"),
    (b'"5"', "bad-chunk-size"),
    (b"5\n", "bare-lf"),
    (b"\n", "bare-lf"),
    (b"5\r", "bare-cr"),
    (b"5\r5", "bare-cr"),
    (b"0000000000000005", "chunk-size-too-long"),
    (b"10000000000000005", "chunk-size-too-long"),
]


@pytest.mark.parametrize(("size", "rule"), SIZES)
def test_a_size_is_up_to_15_hexadecimal_digits(size: bytes, rule: str) -> None:
    """chunk-size = 1*HEXDIG, and what int() takes for a number is beside the point."""
    assert refused(size + b"\r\nhello\r\n0\r\n\r\n") == (400, rule)


def test_a_size_does_not_allocate() -> None:
    """2^60 - 1 is announced; what has come is handed over, and more is waited for."""
    assert fed([b"fffffffffffffff\r\nhello"])[0] == (HELLO, False, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"5\r\nhello!\r\n",
        b"5\r\nhello\n0",
        b"5\r\nhello\r0",
        b"5\r\nhello\r\r",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhelloX\n",
    ],
)
def test_data_ends_in_crlf(data: bytes) -> None:
    """Both bytes are looked at (h11: CVE-2025-43859)."""
    assert refused(data) == (400, "bad-chunk-end")


# Trailers
@pytest.mark.parametrize(
    ("trailers", "kept"),
    [
        (b"X-T: a\r\n", b"X-T: a\r\n"),
        (b"X-T:a \r\nETag: \xff\r\n", b"X-T:a \r\nETag: \xff\r\n"),
        (b"X_T: a\r\nB: c\r\n", b"B: c\r\n"),
        (b"A: b\r\nContent-Length: 5\r\nC: d\r\n", b"A: b\r\nC: d\r\n"),
        (
            b"transfer-encoding: x\r\nHost: a, b\r\nCookie: a\r\nAuthorization: b\r\nX-Forwarded-For: c\r\n",
            b"",
        ),
    ],
)
def test_trailers_are_kept_but_for_those_that_must_not_be_trailers(trailers: bytes, kept: bytes) -> None:
    """RFC 9110 section 6.5.1: nothing about framing, routing, authentication, modifiers or the content."""
    assert accepted(b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n") == (HELLO, kept)


@pytest.mark.parametrize(
    ("trailers", "rule"),
    [
        (b"X\r\n", "no-colon"),
        (b": a\r\n", "empty-name"),
        (b"X : a\r\n", "space-before-colon"),
        (b" X: a\r\n", "obs-fold"),
        (b"X: a\r\n b\r\n", "obs-fold"),
        (b"X: \x00\r\n", "bad-field-value"),
        (b"Content-Length: \x00\r\n", "bad-field-value"),
        (b"X: a\rb\r\n", "bare-cr"),
        (b"\rX: a\r\n", "bare-cr"),
        (b"X: a\n", "bare-lf"),
        (b"\n", "bare-lf"),
        (b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n", "no-colon"),
    ],
)
def test_trailers_are_fields(trailers: bytes, rule: str) -> None:
    """RFC 9112 section 7.1.2. A request where the last CRLF should be is never taken for trailers."""
    assert refused(b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n") == (400, rule)


@pytest.mark.parametrize(
    ("limit", "enough", "rule"),
    [
        ("fields_max", 2, "too-many-fields"),
        ("field_bytes_max", 6, "field-too-large"),
        ("head_bytes_max", 14, "trailers-too-large"),
    ],
)
def test_trailers_have_the_limits_of_a_head(limit: str, enough: int, rule: str) -> None:
    """All that came counts, whether it is kept or not."""
    data = b"0\r\nte: ab\r\nX:\r\n\r\n"
    assert accepted(data, **{limit: enough}) == (b"", b"X:\r\n")
    assert refused(data, **{limit: enough - 1}) == (431, rule)


def test_after_the_end_nothing_more_is_taken() -> None:
    """What follows is the next request's."""
    chunks = Chunks()
    assert chunks.feed(b"1;a\r\nb\r\n0\r\n\r\nrest") == (b"b", True)
    assert chunks.feed(b" and more") == (b"", True)
    assert (chunks.rest, chunks.extension_bytes) == (b"rest and more", 2)


def test_after_a_refusal_nothing_more_is_taken() -> None:
    """Bytes behind a fault are never looked at."""
    chunks = Chunks()
    payload, refusal = chunks.feed(b"1\r\nbX")
    assert payload == b"b"
    assert isinstance(refusal, Refusal)
    assert chunks.feed(b"\r\n0\r\n\r\n") == (b"", refusal)
