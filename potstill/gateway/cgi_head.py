"""What a CGI program writes ahead of its body → a status and fields, or a redirect inside the server (RFC
3875 section 6).

Line ends may be LF or CRLF. What is no header is refused, never repaired: such a program is broken, and
guessing what it meant ends in responses that somebody else has written. A program whose name begins with
`nph-` writes a whole HTTP response (section 5); it is taken apart in the same way, because its framing is
the server's business here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

Headers = list[tuple[str, str]]

_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_STATUS = re.compile(r"([2-9][0-9][0-9])(?: +([\t\x20-\x7e\x80-\xff]*))?", re.ASCII)
_STATUS_LINE = re.compile(rb"HTTP/[0-9](?:\.[0-9])? +([\x20-\x7e\x80-\xff]*)")
_END = re.compile(rb"\r?\n\r?\n")
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_ONCE = ("content-type", "content-length", "location", "status")


class HeadError(ValueError):
    """The program wrote no CGI header; the text says what is wrong with it."""


@dataclass(frozen=True)
class Head:
    """A document, or with `local` set a redirect that the server follows itself (RFC 3875 section 6.2.2)."""

    status: str
    headers: Headers
    local: str = ""


def end_of_head(octets: bytes | bytearray) -> tuple[int, int] | None:
    """(where the header ends, where the body begins); None while the empty line has not come."""
    if octets[:1] == b"\n" or octets[:2] == b"\r\n":  # a header without a field, which is an error of its own
        return 0, 1
    found = _END.search(octets)
    return found.span() if found else None


def parse_head(octets: bytes, *, nph: bool) -> Head:
    """The header without its empty line. Raises HeadError."""
    lines = [line.removesuffix(b"\r") for line in octets.split(b"\n")]
    status = ""
    if nph:
        first = _STATUS_LINE.fullmatch(lines.pop(0))
        if first is None:
            raise HeadError("an nph- program begins with a status line like HTTP/1.1 200 OK")
        status = _status(first[1].decode("latin-1"))
    fields = [_field(line) for line in lines if line or not nph]
    once = _singletons(fields)
    if nph:
        if any(name.lower() == "transfer-encoding" for name, _ in fields):
            raise HeadError("an nph- program must not encode its body: the framing is this server's")
        return Head(status, _end_to_end(fields))
    return _cgi_head(fields, once)


def _field(line: bytes) -> tuple[str, str]:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise HeadError(f"{line[:80]!r} is not a header field (RFC 3875 section 6.3)")
    return match[1].decode("ascii"), match[2].decode("latin-1")


def _singletons(fields: Headers) -> dict[str, str]:
    """The fields that may stand only once, by their names in lower case."""
    once: dict[str, str] = {}
    for name, value in fields:
        lower = name.lower()
        if lower in _ONCE:
            if lower in once:
                raise HeadError(f"it gave {name} twice")
            once[lower] = value
    length = once.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) <= 19):
        raise HeadError(f"Content-Length {length!r} is not a length")
    return once


def _cgi_head(fields: Headers, once: dict[str, str]) -> Head:
    location, status = once.get("location", ""), once.get("status", "")
    if not location and "content-type" not in once and not status:
        raise HeadError("it gave neither Content-Type nor Location nor Status (RFC 3875 section 6.2)")
    if location.startswith("/") and not location.startswith("//") and len(fields) == 1:
        return Head("", [], location)
    if location and not status:
        status = "302 Found"  # RFC 3875 section 6.2.3
    if "content-type" not in once and status[:3] not in ("204", "304"):
        fields = [*fields, ("Content-Type", "text/plain")]  # of a redirect or a status without a document
    return Head(_status(status or "200 OK"), _end_to_end(fields))


def _status(text: str) -> str:
    match = _STATUS.fullmatch(text.strip())
    if match is None:
        raise HeadError(f"{text[:80]!r} is not a status like 404 Not Found")
    if match[2]:
        return f"{match[1]} {match[2]}"
    try:
        return f"{match[1]} {HTTPStatus(int(match[1])).phrase}"
    except ValueError:
        return f"{match[1]} Unknown"


def _end_to_end(fields: Headers) -> Headers:
    return [
        (name, value)
        for name, value in fields
        if name.lower() not in _HOP_BY_HOP and name.lower() != "status"
    ]
