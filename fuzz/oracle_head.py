"""A second opinion on request heads: slow, regular expressions over whole lines, written from the RFCs alone.

It answers for a prefix of a connection's bytes: "accept" with the facts, "refuse", or "wait" where no line
that is complete has a fault and the head has not ended.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x22\x24-\x7e]+) HTTP/1\.([0-9])")
FIELD_LINE = re.compile(
    rb"("
    + TOKEN
    + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
PATH = rb"(?:[^%?]|%[0-9A-Fa-f]{2})*"
ORIGIN_FORM = re.compile(rb"(/" + PATH + rb")(?:\?(.*))?")
ABSOLUTE_FORM = re.compile(rb"(?i:https?)://([^/?]*)((?:/" + PATH + rb")?)(?:\?(.*))?")
AUTHORITY = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]+)\]|\[(?i:v)[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+\]"
    rb"|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?"
)
METHOD_BYTES_MAX = 32


@dataclass(frozen=True)
class Limits:
    line: int = 8190
    fields: int = 100
    field: int = 16384
    head: int = 65536


@dataclass(frozen=True)
class Facts:
    """What both must agree on when a head is accepted."""

    length: int
    method: bytes
    path: bytes
    query: bytes
    authority: bytes
    minor: int
    fields: list[tuple[bytes, bytes]]
    dropped: int
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expect_continue: bool


class Refused(Exception):
    """This line, or the head as a whole, is not to be accepted."""


def judge(data: bytes, limits: Limits) -> Facts | str:
    """The facts, or "refuse", or "wait"."""
    try:
        return _judge(data, limits)
    except Refused:
        return "refuse"


def _judge(data: bytes, limits: Limits) -> Facts | str:
    lines: list[bytes] = []
    start = 0
    while True:
        skipped = 1 if lines and not lines[0] else 0
        in_fields = len(lines) > skipped
        if not in_fields and start < len(data) and not re.match(rb"\r|" + TOKEN, data[start:]):
            raise Refused
        end = data.find(b"\n", start)
        so_far = len(data) if end < 0 else end
        if so_far - start > (limits.field if in_fields else limits.line) + 1:
            raise Refused
        if so_far + (end >= 0) > limits.head:
            raise Refused
        if end < 0:
            return "wait"
        if end == start or data[end - 1 : end] != b"\r":
            raise Refused
        line = data[start : end - 1]
        start = end + 1
        if in_fields and not line:
            return whole(lines[skipped], lines[skipped + 1 :], start)
        if not line and lines:
            raise Refused
        lines.append(line)
        if len(lines) > skipped:
            partly(lines, limits)


def partly(lines: list[bytes], limits: Limits) -> None:
    """Refuses for a fault that is visible as soon as the line is there."""
    lines = lines[1:] if not lines[0] else lines
    if not lines:
        return
    method, target, _ = request_line(lines[0])
    authority = split_target(method, target)[2]
    if len(lines) - 1 > limits.fields:
        raise Refused
    names = []
    for line in lines[1:]:
        name, value = field(line)
        names.append(name.lower())
        if names[-1] in (b"host", b"content-length") and names.count(names[-1]) > 1:
            raise Refused
        if names[-1] == b"host" and not (is_authority(value) or not value and not authority):
            raise Refused
        if names[-1] == b"content-length" and not (
            re.fullmatch(rb"[0-9]{1,19}", value) and int(value) < 1 << 63
        ):
            raise Refused
        if names[-1] == b"expect" and set(elements(value)) - {b"100-continue", b""}:
            raise Refused
    codings = [
        coding
        for name, value in map(field, lines[1:])
        if name.lower() == b"transfer-encoding"
        for coding in elements(value)
    ]
    if b"chunked" in codings[:-1]:
        raise Refused
    if any(b"chunked" in each and each != b"chunked" or not re.fullmatch(TOKEN, each) for each in codings):
        raise Refused


def whole(line: bytes, field_lines: list[bytes], length: int) -> Facts:
    """The facts of a head that has come to its end, each line of which passed `partly`."""
    method, target, minor = request_line(line)
    path, query, authority = split_target(method, target)
    fields = [field(each) for each in field_lines]
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        values.setdefault(name.lower(), []).append(value)
    codings = [each for value in values.get(b"transfer-encoding", []) for each in elements(value)]
    if minor and b"host" not in values:
        raise Refused
    if codings and (not minor or b"content-length" in values or codings != [b"chunked"]):
        raise Refused
    options = [each for value in values.get(b"connection", []) for each in elements(value)]
    expectations = [each for value in values.get(b"expect", []) for each in elements(value)]
    return Facts(
        length=length,
        method=method,
        path=path,
        query=query,
        authority=authority,
        minor=minor,
        fields=[(name, value) for name, value in fields if b"_" not in name],
        dropped=sum(b"_" in name for name, _ in fields),
        content_length=int(values[b"content-length"][0]) if b"content-length" in values else None,
        chunked=bool(codings),
        keep_alive=b"close" not in options and (minor == 1 or b"keep-alive" in options),
        expect_continue=minor == 1 and b"100-continue" in expectations,
    )


def request_line(line: bytes) -> tuple[bytes, bytes, int]:
    match = REQUEST_LINE.fullmatch(line)
    if match is None or len(match[1]) > METHOD_BYTES_MAX or match[1] == b"CONNECT":
        raise Refused
    return match[1], match[2], 0 if match[3] == b"0" else 1


def split_target(method: bytes, target: bytes) -> tuple[bytes, bytes, bytes]:
    """Path, query, authority."""
    if target == b"*" and method == b"OPTIONS":
        return b"", b"", b""
    if match := ORIGIN_FORM.fullmatch(target):
        path, query, authority = match[1], match[2], b""
    elif (match := ABSOLUTE_FORM.fullmatch(target)) and is_authority(match[1]):
        authority, path, query = match.groups()
        if not path and not (method == b"OPTIONS" and query is None):
            path = b"/"
    else:
        raise Refused
    if b"%00" in path:
        raise Refused
    return path, query or b"", authority


def field(line: bytes) -> tuple[bytes, bytes]:
    match = FIELD_LINE.fullmatch(line)
    if match is None:
        raise Refused
    return match[1], match[2]


def is_authority(value: bytes) -> bool:
    match = AUTHORITY.fullmatch(value)
    if match is None or match[2] and int(match[2]) > 65535:
        return False
    if match[1] is None:
        return True
    try:
        ipaddress.IPv6Address(match[1].decode())
    except ValueError:
        return False
    return True


def elements(value: bytes) -> list[bytes]:
    return [each.strip(b" \t").lower() for each in value.split(b",")]
