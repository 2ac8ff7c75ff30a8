"""Which responses are compressed, how, and what their fields say then."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from potstill.middleware import Compression
from tests.unit.middleware.calling import WAYS, Server, Speaker, decoded, hear, through
from tests.unit.middleware.hosts import environ_of, validated

BLOCKS = [b"hello " * 300, b"world " * 300]
BODY = b"".join(BLOCKS)
HTML = [("Content-Type", "text/html; charset=utf-8")]
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}


def compressed(app: WSGIApplication) -> Compression:
    return Compression(app, codings=["gzip"])


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_answer_is_compressed(way: str) -> None:
    """And can be read back; close() comes through, as `through` sees to."""
    fields = [*HTML, ("ETag", '"abc"'), ("Content-Length", str(len(BODY))), ("Accept-Ranges", "bytes")]
    heard = through(compressed, Speaker(way, BLOCKS, fields), **GZIP)
    assert gzip.decompress(heard.body) == BODY
    assert heard.all("Content-Encoding") == ["gzip"]
    assert heard.all("Vary") == ["Accept-Encoding"]
    assert heard.all("ETag") == ['W/"abc"']
    assert heard.all("Accept-Ranges") == []
    assert heard.all("Content-Type") == ["text/html; charset=utf-8"]
    assert heard.all("Content-Length") == ([str(len(heard.body))] if way == "whole" else [])


@pytest.mark.parametrize("way", WAYS)
def test_who_does_not_accept_gets_it_plain(way: str) -> None:
    """But Vary says so to caches; the tag stays strong, for these are the application's own octets."""
    fields = [*HTML, ("ETag", '"abc"'), ("Content-Length", str(len(BODY)))]
    heard = through(compressed, Speaker(way, BLOCKS, fields), HTTP_ACCEPT_ENCODING="br")
    assert heard.body == BODY
    assert heard.fields == [*fields, ("Vary", "Accept-Encoding")]


UNTOUCHED = [
    ("204 No Content", []),
    ("206 Partial Content", [*HTML, ("Content-Range", "bytes 0-3599/9999")]),
    ("200 OK", [("Content-Type", "image/png")]),
    ("200 OK", [("Content-Type", "application/octet-stream")]),
    ("200 OK", [("Content-Type", "text/event-stream")]),
    ("200 OK", [("Content-Type", "texthtml")]),
    ("200 OK", [*HTML, ("Content-Encoding", "br")]),
    ("200 OK", [*HTML, ("Content-Encoding", "identity")]),
    ("200 OK", [*HTML, ("Cache-Control", "public, No-Transform")]),
    ("200 OK", [*HTML, ("Content-Length", "1023")]),
]


@pytest.mark.parametrize(("status", "fields"), UNTOUCHED)
@pytest.mark.parametrize("way", ["whole", "blocks", "late"])
def test_what_is_left_alone(way: str, status: str, fields: list[tuple[str, str]]) -> None:
    """No body, a part of one, another coding, a type that does not shrink, too small, or not wanted."""
    blocks = [] if status.startswith("204") else [b"x" * 1023]
    heard = through(compressed, Speaker(way, blocks, fields, status), **GZIP)
    assert (heard.status, heard.fields, heard.body) == (status, fields, b"".join(blocks))


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/LD+JSON", "image/svg+xml", "text/x-y+z", "font/ttf"]
)
def test_types_that_shrink(kind: str) -> None:
    """By name and by pattern, in any case."""
    assert through(compressed, Speaker("whole", BLOCKS, [("Content-Type", kind)]), **GZIP).all(
        "Content-Encoding"
    )


def test_a_small_body_of_unknown_length_is_left_alone() -> None:
    """Returned in one piece it shows its size; the head waits for that."""
    heard = hear(compressed(Speaker("whole", [b"small"], HTML)), validate=False, **GZIP)
    assert heard.body == b"small"
    assert heard.fields == [*HTML, ("Vary", "Accept-Encoding")]
    heard = hear(
        Compression(Speaker("whole", [b"small"], HTML), codings=["gzip"], size_min=5), validate=False, **GZIP
    )
    assert gzip.decompress(heard.body) == b"small"


def test_what_is_not_compressed_is_the_applications_own() -> None:
    """The very object: a server knows its file wrapper by it."""
    result: list[bytes] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "image/png")])
        return result

    assert compressed(app)(environ_of(**GZIP), lambda *_: lambda _: None) is result


def test_the_client_chooses_the_coding() -> None:
    """By weight, then in the order in which they are offered."""
    app = Compression(Speaker("whole", BLOCKS, HTML))
    for header, coding in (("gzip, br, zstd", "zstd"), ("gzip;q=1, br;q=0.5", "gzip"), ("br", "br")):
        assert hear(app, HTTP_ACCEPT_ENCODING=header).all("Content-Encoding") == [coding]
    heard = hear(
        Compression(Speaker("whole", BLOCKS, HTML), codings=["br", "zstd"]), HTTP_ACCEPT_ENCODING="zstd, br"
    )
    assert heard.all("Content-Encoding") == ["br"]


def test_no_block_is_delayed() -> None:
    """PEP 3333, "Middleware Handling of Block Boundaries": one step of ours for one of the application's."""
    asked: list[int] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        for number in range(3):
            asked.append(number)
            yield b"block %d" % number
        yield b""

    blocks = iter(compressed(app)(environ_of(**GZIP), lambda *_: lambda _: None))
    read = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
    for number in range(3):
        assert read(next(blocks)) == b"block %d" % number
        assert asked == list(range(number + 1))
    assert next(blocks) == b""
    assert read(next(blocks)) == b""
    assert list(blocks) == []


@pytest.mark.parametrize("way", ["whole", "blocks", "late"])
def test_a_body_that_never_comes(way: str) -> None:
    """The head goes as it is."""
    heard = through(compressed, Speaker(way, [], HTML), **GZIP)
    assert (heard.status, heard.body, heard.all("Content-Encoding")) == ("200 OK", b"", [])


@pytest.mark.parametrize("way", ["blocks", "late", "whole"])
def test_head_says_what_get_would(way: str) -> None:
    """RFC 9110 section 9.3.2: except for what only the body would show."""
    fields = [*HTML, ("ETag", '"abc"'), ("Content-Length", str(len(BODY)))]
    get = through(compressed, Speaker("blocks", BLOCKS, fields), **GZIP)
    head = through(compressed, Speaker(way, [], fields), REQUEST_METHOD="HEAD", **GZIP)
    assert (head.status, head.fields, head.body) == (get.status, get.fields, b"")


def test_head_of_unknown_length() -> None:
    """The tag is weak, for a GET of many octets would have that one; more cannot be known."""
    head = through(
        compressed, Speaker("whole", [], [*HTML, ("ETag", '"abc"')]), REQUEST_METHOD="HEAD", **GZIP
    )
    assert head.fields == [*HTML, ("ETag", 'W/"abc"'), ("Vary", "Accept-Encoding")]


def test_not_modified_keeps_the_tag_that_the_client_has() -> None:
    """RFC 9111 section 4.3.4: a strong tag would not select the stored response, whose tag was made weak."""
    speaker = Speaker("whole", [], [("ETag", '"abc"')], "304 Not Modified")
    weak = through(compressed, speaker, HTTP_IF_NONE_MATCH='W/"abc"', **GZIP)
    assert weak.fields == [("ETag", 'W/"abc"'), ("Vary", "Accept-Encoding")]
    speaker.closed = 0
    assert through(compressed, speaker, HTTP_IF_NONE_MATCH='"abc"', **GZIP).all("ETag") == ['"abc"']


@pytest.mark.parametrize(
    ("said", "vary"),
    [
        (["Cookie"], ["Cookie", "Accept-Encoding"]),
        (["accept-encoding"], ["accept-encoding"]),
        (["Cookie, Accept-Encoding"], ["Cookie, Accept-Encoding"]),
        (["*"], ["*"]),
        (["X-Accept-Encoding"], ["X-Accept-Encoding", "Accept-Encoding"]),
    ],
)
def test_vary_is_completed(said: list[str], vary: list[str]) -> None:
    """And not said twice."""
    fields = [*HTML, *(("Vary", value) for value in said)]
    assert through(compressed, Speaker("whole", BLOCKS, fields), **GZIP).all("Vary") == vary


def test_an_error_after_the_first_block_goes_to_the_server() -> None:
    """start_response with exc_info raises there, as PEP 3333 says; the middleware does not hide it."""

    def app(environ: WSGIEnvironment, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        yield BODY
        try:
            raise LookupError("too late")
        except LookupError as error:
            start_response("500 Oops", HTML, (LookupError, error, error.__traceback__))
        yield b"never sent"

    for wrapped in (app, validated(app)):
        server = Server(compressed(wrapped))
        with pytest.raises(LookupError, match="too late"):
            server.ask(environ_of(**GZIP))
        assert server.heard.status == "200 OK"


@pytest.mark.parametrize(("kind", "coding"), [("image/png", []), ("text/plain", ["gzip"])])
def test_an_error_before_the_first_octet_can_be_corrected(kind: str, coding: list[str]) -> None:
    """Nothing but an empty block has been sent: the second head counts, and is judged anew."""

    def app(environ: WSGIEnvironment, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        yield b""
        try:
            raise LookupError
        except LookupError as error:
            start_response("500 Oops", [("Content-Type", kind)], (LookupError, error, None))
        yield b"sorry"

    heard = hear(compressed(app), **GZIP)
    assert (heard.status, decoded(heard), heard.all("Content-Encoding")) == ("500 Oops", b"sorry", coding)


def test_starting_twice_is_an_error() -> None:
    """PEP 3333: "it is a fatal error to call start_response a second time without exc_info"."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", HTML)
        start_response("200 OK", HTML)
        return []

    with pytest.raises(AssertionError, match="called twice"):
        hear(compressed(app), validate=False, **GZIP)


def test_wrong_codings_are_said_at_once() -> None:
    """Not by the first client who accepts them."""
    with pytest.raises(ValueError, match="'lzma' is not one of"):
        Compression(Speaker("whole", []), codings=["lzma"])
