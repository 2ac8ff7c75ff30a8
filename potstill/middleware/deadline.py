"""A time limit for one route, kept by the server.

A middleware cannot stop the application that it has called. A server can: Potstill puts the time by which it
interrupts a request, in seconds of `time.monotonic` or None for never, into `environ["potstill.deadline"]`,
and reads it back. This middleware makes it earlier. Under a server without the key it does nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "potstill.deadline"


class Deadline:
    """Gives each request of `app` at most `timeout_s` seconds from here on, if the server knows how.

    Raises ValueError for a time that is not above 0.
    """

    def __init__(self, app: WSGIApplication, timeout_s: float) -> None:
        if not timeout_s > 0:
            raise ValueError(f"deadline: {timeout_s!r} is no time above 0 seconds")
        self._app = app
        self._timeout_s = timeout_s

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if KEY in environ:
            deadline, own = environ[KEY], time.monotonic() + self._timeout_s
            environ[KEY] = own if deadline is None else min(deadline, own)
        return self._app(environ, start_response)
