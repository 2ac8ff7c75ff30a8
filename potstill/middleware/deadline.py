"""A time limit for one route, kept by the server.

Python code cannot be stopped from outside without harm, so a middleware cannot keep a time limit. A server
can: Potstill puts the time by which it gives up a request, in seconds of `time.monotonic`, into
`environ["potstill.deadline"]`, and reads it back. This middleware makes it earlier. Under a server without
the key it does nothing.
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
        deadline = environ.get(KEY)
        if deadline is not None:
            environ[KEY] = min(deadline, time.monotonic() + self._timeout_s)
        return self._app(environ, start_response)
