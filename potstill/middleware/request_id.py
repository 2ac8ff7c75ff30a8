"""One name for a request everywhere: in the application, in the logs, and for the client.

The id that a trusted proxy gave the request is kept, any other request gets a new one. The application finds
it as `environ["potstill.request_id"]`, and in place of the field, so that what already reads
`HTTP_X_REQUEST_ID` cannot be told a wrong one; the client gets it back in the response.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from potstill.middleware.headers import Fields, checked
from potstill.middleware.networks import Networks

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "potstill.request_id"
# What stands in ids that are in use, UUIDs and base64 among them; nothing that could forge a line of a log.
_ID = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}", re.ASCII)


class RequestId:
    """Gives each request of `app` an id of 32 hexadecimal digits, or keeps the one that it came with.

    Args:
        trusted: networks whose requests keep their id, as "10.0.0.0/8", or "unix" for unix sockets.
        header: the field, of the request and of the response.

    Raises ValueError for what is no network or no name of a field.
    """

    def __init__(
        self, app: WSGIApplication, *, trusted: Iterable[str] = (), header: str = "X-Request-ID"
    ) -> None:
        self._app = app
        self._header = checked(header)[0]
        self._lower = header.lower()
        self._variable = "HTTP_" + header.upper().replace("-", "_")
        self._trusted = Networks(trusted)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get(self._variable)
        if given and environ.get("REMOTE_ADDR", "") in self._trusted and _ID.fullmatch(given):
            name = given
        else:
            name = os.urandom(16).hex()
        environ[KEY] = environ[self._variable] = name

        def start(status: str, headers: Fields, exc_info: Any = None, /) -> Callable[[bytes], object]:
            fields = [field for field in headers if field[0].lower() != self._lower]
            try:
                return start_response(status, [*fields, (self._header, name)], exc_info)
            finally:
                exc_info = None

        return self._app(environ, start)
