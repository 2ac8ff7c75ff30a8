"""The head of an upstream's answer → what `start_response` is given, or the reason why it is none.

Stricter than h11, whose events these are: control characters in values, and a length beside chunks (RFC 9112
section 6.3 lets a proxy take that for an attack), are a bad answer. Hop-by-hop fields stay here, and so does
what PEP 3333 and the CGI specification forbid an application to say.
"""

from __future__ import annotations

import re
from http import HTTPStatus

import h11

from potstill.middleware.proxy.request import Headers, via
from potstill.middleware.upstream import UpstreamError

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authentication-info te trailer "
    b"transfer-encoding upgrade".split()
)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS = b"status"  # of CGI; PEP 3333 calls it an error in a response
_WITHOUT_CONTENT = frozenset({204, 304})


def response_head(response: h11.Response, name: str) -> tuple[str, Headers]:
    """The status line and the fields, for `start_response`; `name` is ours in the Via field.

    Raises UpstreamError (502).
    """
    raw = response.headers.raw_items()
    lower = [field.lower() for field, _ in raw]
    if b"transfer-encoding" in lower and b"content-length" in lower:
        raise UpstreamError(502, "it gave a length beside Transfer-Encoding")
    dropped = _HOP_BY_HOP | {_STATUS} | _named(response)
    if response.status_code in _WITHOUT_CONTENT:
        dropped |= {b"content-type"}  # describes nothing (RFC 9110 section 15.4.5)
    if response.status_code == HTTPStatus.NO_CONTENT:
        dropped |= {b"content-length"}  # RFC 9110 section 8.6
    headers: Headers = []
    so_far = ""
    for field, (written, value) in zip(lower, raw, strict=True):
        if _CONTROL.search(value):
            raise UpstreamError(502, f"there is a control character in its field {written.decode('latin-1')}")
        if field == b"via":
            so_far = f"{so_far}, {value.decode('latin-1')}" if so_far else value.decode("latin-1")
        elif field not in dropped:
            headers.append((written.decode("latin-1"), value.decode("latin-1")))
    version = response.http_version.decode("ascii")
    headers.append(("Via", via(so_far, version, name)))
    return status_line(response), headers


def switch_head(response: h11.InformationalResponse, name: str) -> bytes:
    """The octets of a 101 answer for the client; the two fields that make it one stay in it."""
    lines = [b"HTTP/1.1 101 Switching Protocols"]
    for written, value in response.headers.raw_items():
        if _CONTROL.search(value):
            raise UpstreamError(502, "there is a control character in its 101 answer")
        if written.lower() not in _HOP_BY_HOP or written.lower() == b"upgrade":
            lines.append(written + b": " + value)
    hop = via("", response.http_version.decode("ascii"), name)
    lines += [b"Connection: Upgrade", f"Via: {hop}".encode("ascii"), b"", b""]
    return b"\r\n".join(lines)


def status_line(response: h11.Response) -> str:
    """`200 OK`; a reason that was left out is the registered one."""
    code = response.status_code
    reason = bytes(response.reason).decode("latin-1").strip()
    if not reason or _CONTROL.search(bytes(response.reason)):
        reason = HTTPStatus(code).phrase if code in HTTPStatus.__members__.values() else "Unknown"
    return f"{code} {reason}"


def _named(response: h11.Response) -> frozenset[bytes]:
    """The fields that the Connection field calls hop-by-hop."""
    return frozenset(
        option.strip().lower()
        for field, value in response.headers
        if field == b"connection"
        for option in value.split(b",")
    )
