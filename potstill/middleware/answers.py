"""The short answers that middleware gives by itself, without asking the application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def plain_answer(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    status: str,
    fields: Iterable[tuple[str, str]] = (),
    text: str = "",
) -> list[bytes]:
    """Start a `text/plain` response and return its body: the status, and the sentence in `text`.

    The answer to HEAD has the fields of the one to GET and no body (RFC 9110 section 9.3.2), for not every
    server takes it away.
    """
    body = f"{status}\n{text}\n".encode() if text else f"{status}\n".encode()
    start_response(
        status,
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), *fields],
    )
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
