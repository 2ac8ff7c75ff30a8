"""A second opinion on chunked bodies: regular expressions over whole lines, written from RFC 9112 section 7.1
alone.

It answers for a prefix of a connection's bytes: "complete" with the facts, "refuse" where a line or a chunk
that has arrived is wrong, or "wait". It looks at whole lines only: while one is arriving it says "wait" where
the parser may already have refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fuzz.oracle_head import FIELD_LINE, TOKEN, Limits

BWS = rb"[ \t]*"
QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
EXTENSION = (
    BWS + rb";" + BWS + TOKEN + rb"(?:" + BWS + rb"=" + BWS + rb"(?:" + TOKEN + rb"|" + QUOTED + rb"))?"
)
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:" + EXTENSION + rb")*)\r\n")
EXTENSION_BYTES_MAX = 4096
# Names that must not come in a trailer section; the generator uses no others that mean anything.
DROPPED = {
    b"content-length",
    b"transfer-encoding",
    b"host",
    b"authorization",
    b"cookie",
    b"te",
    b"x-forwarded-for",
}


@dataclass(frozen=True)
class Body:
    payload: bytes
    trailers: bytes
    rest: bytes


def judge(data: bytes, limits: Limits) -> Body | str:
    """The facts, or "refuse", or "wait"."""
    payload, at, extension_bytes = b"", 0, 0
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            return "wait"
        match = SIZE_LINE.fullmatch(data, at, end + 1)
        if match is None:
            return "refuse"
        extension_bytes += len(match[2])
        if extension_bytes > EXTENSION_BYTES_MAX:
            return "refuse"
        size, at = int(match[1], 16), end + 1
        if size == 0:
            return trailers(data, at, payload, limits)
        payload += data[at : at + size]
        at += size
        if not b"\r\n".startswith(data[at : at + 2]):
            return "refuse"
        if len(data) < at + 2:
            return "wait"
        at += 2


def trailers(data: bytes, begin: int, payload: bytes, limits: Limits) -> Body | str:
    """What follows the last chunk."""
    kept, at, count = b"", begin, 0
    while True:
        end = data.find(b"\n", at)
        before = len(data) if end < 0 else end
        if before - at > limits.field + 1 or before - begin + (end >= 0) > limits.head:
            return "refuse"
        if end < 0:
            return "wait"
        line = data[at : end + 1]
        at = end + 1
        if line == b"\r\n":
            return Body(payload, kept, data[at:])
        count += 1
        match = FIELD_LINE.fullmatch(line[:-2])
        if not line.endswith(b"\r\n") or match is None or count > limits.fields:
            return "refuse"
        if b"_" not in match[1] and match[1].lower() not in DROPPED:
            kept += line
