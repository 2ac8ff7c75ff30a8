"""Fuzzes request heads: however they are cut, and against a second opinion (oracle_head.py)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz import harness
from fuzz.heads import heads
from fuzz.oracle_head import Facts, Limits, judge
from potstill.core.http1 import KNOWN_FIELDS, Head, Refusal, measure_head, parse_head

SPIKES = (
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b",", b";", b"%", b"%00", b"?", b"#", b"*",
    b"/", b"//",
    b"@", b"[", b"]", b"[::1]", b"_", b"-", b"\x00", b"\x1f", b"\x7f", b"\x80", b"\xff", b"\"", b"+", b"0",
    b"9",
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"GET", b"OPTIONS", b"CONNECT", b"http://",
    b"HTTPS://h",
    b"Host: h\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive, x\r\n", b"Expect: 100-continue\r\n", b"X_A: b\r\n", b" folded\r\n", b"chunked",
    b"gzip", b"close", b"100-continue", b"9223372036854775808", b"cookie: a=b\r\n",
)  # fmt: skip

LIMITS = (
    Limits(),
    Limits(line=20, fields=3, field=24, head=80),
    Limits(line=40, fields=2, field=10, head=60),
)


def check(data: bytes, cuts: Sequence[float]) -> None:
    """One answer, however the bytes are cut; the oracle's answer; and none from bytes behind the head."""
    for limits in LIMITS:
        whole = parsed(data, limits, ())
        assert parsed(data, limits, range(len(data))) == whole, "byte by byte differs"
        assert parsed(data, limits, harness.cut(data, cuts)) == whole, "in pieces differs"
        verdict = judge(data, limits)
        assert verdict == opinion(whole), f"oracle: {verdict}, parser: {whole}"
        if isinstance(whole, Head):
            for name, _, known in whole.fields:
                lower = name.decode().lower()
                assert known == (lower if lower in KNOWN_FIELDS else None), f"{name!r} is taken for {known}"
            assert parsed(data[: whole.length], limits, ()) == whole, "trailing bytes matter"
            assert parsed(data[: whole.length - 1], limits, ()) is None, "complete too early"


def parsed(data: bytes, limits: Limits, splits: Sequence[int]) -> Head | Refusal | None:
    return parse_head(
        data,
        splits=splits,
        line_bytes_max=limits.line,
        fields_max=limits.fields,
        field_bytes_max=limits.field,
        head_bytes_max=limits.head,
    )


def opinion(answer: Head | Refusal | None) -> Facts | str:
    """The parser's answer in the oracle's words."""
    if not isinstance(answer, Head):
        return "wait" if answer is None else "refuse"
    return Facts(
        length=answer.length,
        method=answer.method,
        path=answer.path,
        query=answer.query,
        authority=answer.authority,
        minor=answer.minor,
        fields=[(name, value) for name, value, _ in answer.fields],
        dropped=answer.dropped,
        content_length=answer.content_length,
        chunked=answer.chunked,
        keep_alive=answer.keep_alive,
        expect_continue=answer.expect_continue,
    )


def linear() -> None:
    """Long lines and many fields, whole and trickling in, take time in proportion."""
    shapes: dict[str, Callable[[int], bytes]] = {
        "a long target": lambda size: b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        "a long value": lambda size: b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"\t" * size + b"x\r\n\r\n",
        "a list": lambda size: b"GET / HTTP/1.1\r\nHost: h\r\nConnection: " + b"," * size + b"\r\n\r\n",
        "codings": lambda size: (
            b"GET / HTTP/1.1\r\nTransfer-Encoding: " + b"chunke" * (size // 6) + b"\r\n\r\n"
        ),
        "many fields": lambda size: b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (size // 6) + b"Host: h\r\n\r\n",
        "no end": lambda size: b"GET /" + b"a" * size,
    }
    for what, shape in shapes.items():
        for step in (0, 7):
            harness.grows_linearly(partial(seconds, shape, step), 30_000, what)


def seconds(shape: Callable[[int], bytes], step: int, size: int) -> float:
    return measure_head(shape(size), 3, step=step)


FUZZED = harness.Target("head", check, heads(), SPIKES, linear)

if __name__ == "__main__":
    sys.exit(harness.main(FUZZED))
