"""What the tests of TLS by the command serve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """`/echo` gives the body back; everything else says over what it came."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    if environ["PATH_INFO"] == "/echo":
        return [environ["wsgi.input"].read()]
    return [f"{environ['wsgi.url_scheme']} {environ.get('SSL_PROTOCOL')}\n".encode()]
