"""The answers that a proxy gives itself: plain words for the client, nothing about the servers behind it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

_WORDS = {
    400: "The request cannot be handed on.",
    411: "The length of the request has to be given.",
    501: "What was asked for is not offered here.",
    502: "The server behind this one did not answer rightly.",
    503: "No server behind this one is free. Please try again.",
    504: "The server behind this one did not answer in time.",
    508: "The request goes in circles.",
}


def own_answer(
    environ: dict[str, Any], start_response: Callable[..., Any], status: int, retry_after_s: int = 0
) -> list[bytes]:
    """A finished WSGI response with the status and one sentence; Retry-After where a number of seconds is
    given.
    """
    line = f"{status} {HTTPStatus(status).phrase}"
    body = f"{line}\n\n{_WORDS[status]}\n".encode("ascii")
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    if retry_after_s:
        headers.append(("Retry-After", str(retry_after_s)))
    start_response(line, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
