"""Requests that the application answers before it serves: in this process, without a socket.

They have the environ that a client on the same machine would cause, and take the road of PEP 3333 from there.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from potstill import __version__
from potstill.core.options import Options

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SERVER_ERROR = 500


class WarmupError(Exception):
    """The application did not answer as it should; the text says what it answered."""


def warm_up(
    application: WSGIApplication, paths: Sequence[str], listener: socket.socket, options: Options
) -> list[str]:
    """Ask for each path; a line about each answer.

    Raises WarmupError for a status of 500 and above, or an answer without a status, and what the application
    raises.
    """
    return [ask(application, path, listener, options) for path in paths]


def ask(application: WSGIApplication, path: str, listener: socket.socket, options: Options) -> str:
    began = time.monotonic()
    status, size = answer(application, environ_for(path, listener, options))
    if not status[:3].isdecimal() or int(status[:3]) >= SERVER_ERROR:
        raise WarmupError(
            f"the application answered the warm-up request {path} with {status or 'no status'!r}"
        )
    return f"warm-up {path}: {status}, {size} bytes, {(time.monotonic() - began) * 1000:.0f} ms"


def environ_for(path: str, listener: socket.socket, options: Options) -> dict[str, Any]:
    """What the engine would make of such a request."""
    from potstill.core.listener import Listener, environ_of

    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: potstill-warmup/{__version__}\r\n\r\n"
    return {**environ_of(Listener(listener, options), head.encode("ascii")), "REMOTE_ADDR": "127.0.0.1"}


def answer(application: WSGIApplication, environ: dict[str, Any]) -> tuple[str, int]:
    """The status line and the size of the body, all of which is read."""
    told: list[str] = []
    written: list[int] = []

    def start_response(status: str, fields: object, error: object = None, /) -> Callable[[bytes], object]:
        told.append(status)
        return lambda block: written.append(len(block))

    blocks = application(environ, start_response)
    try:
        size = sum(map(len, blocks))
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            close()
    return told[-1] if told else "", size + sum(written)
