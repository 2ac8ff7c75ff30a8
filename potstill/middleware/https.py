"""Two words about https: "ask there", on a plain port, and "never ask anywhere else" (RFC 6797), over TLS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from potstill.middleware.answers import plain_answer
from potstill.middleware.headers import Headers
from potstill.middleware.redirect import PATH_SAFE, REASONS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HTTPS_PORT = 443
PERMANENT = REASONS[308]  # method and body stay as they are
FIELD = "Strict-Transport-Security"


class HttpsRedirect:
    """A WSGI application that sends everybody to the same place, by https.

    Args:
        port: where TLS is spoken.
    """

    def __init__(self, port: int = HTTPS_PORT) -> None:
        self._port = "" if port == HTTPS_PORT else f":{port}"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
        name = urlsplit(f"//{host}").hostname or environ["SERVER_NAME"]
        if ":" in name:
            name = f"[{name}]"
        path = quote(environ.get("PATH_INFO", "").encode("latin-1"), PATH_SAFE) or "/"
        query = environ.get("QUERY_STRING", "")
        target = f"https://{name}{self._port}{path}" + (f"?{query}" if query else "")
        return plain_answer(environ, start_response, PERMANENT, [("Location", target)])


class StrictTransportSecurity:
    """Add the field to answers over TLS, where the application has not set it.

    Args:
        app: the application.
        value: of the field, such as "max-age=31536000; includeSubDomains".
    """

    def __init__(self, app: WSGIApplication, value: str) -> None:
        self._http = app
        self._https = Headers(app, default={FIELD: value})

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # RFC 6797 section 7.2: never over a connection that is not secure.
        chosen = self._https if environ["wsgi.url_scheme"] == "https" else self._http
        return chosen(environ, start_response)
