"""A WSGI application, run once as a CGI program (RFC 3875).

The protocol is `wsgiref.handlers`'; this adds what a server on the open net needs: the environ holds what
CGI defines and not the whole environment, the body ends where CONTENT_LENGTH says even if standard input
stays open, a header with a line break in it is an error, HEAD has no body, and what the application prints
goes to standard error instead of into the response.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO
from wsgiref.handlers import BaseCGIHandler

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import WSGIApplication

INPUT_BLOCK_BYTES = 65536

# RFC 3875 section 4.1, and what web servers commonly add.
_VARIABLES = frozenset(
    {
        "AUTH_TYPE",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "DOCUMENT_ROOT",
        "GATEWAY_INTERFACE",
        "HTTPS",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_IDENT",
        "REMOTE_PORT",
        "REMOTE_USER",
        "REQUEST_METHOD",
        "REQUEST_SCHEME",
        "REQUEST_URI",
        "SCRIPT_FILENAME",
        "SCRIPT_NAME",
        "SERVER_ADDR",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SOFTWARE",
        "UNIQUE_ID",
    }
)
# SSL_CERT_FILE and its like are no variables of a request.
_FAMILIES = (
    "HTTP_",
    "REDIRECT_",
    "SSL_CIPHER",
    "SSL_CLIENT_",
    "SSL_PROTOCOL",
    "SSL_SERVER_",
    "SSL_SESSION_",
)
# HTTP_PROXY is what libraries take for a proxy's address (httpoxy); the other two have no HTTP_ twin in WSGI.
_NEVER = frozenset({"HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"})
# PEP 3333: these are there and, the first three, never empty.
_DEFAULTS = {
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.0",
    "SCRIPT_NAME": "",
    "PATH_INFO": "",
    "QUERY_STRING": "",
}
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def run_with_cgi(application: WSGIApplication) -> int:
    """Answer the one request that the web server has started this process for, on standard output.

    An exception of the application is a 500 response, and a traceback on standard error. Returns what fits
    `sys.exit`: 0, or 1 after an exception. Raises ValueError, before it writes anything, when the process was
    not started by a web server.
    """
    with taken_stdout() as output:
        return respond(application, output)


def respond(application: WSGIApplication, output: BinaryIO) -> int:
    """The same with a stream for the response, in binary mode."""
    environ = cgi_environ(os.environb)
    source = _Body(sys.stdin.buffer, environ.get("CONTENT_LENGTH") or "0")
    handler = _Handler(source, output, sys.stderr, environ)
    handler.run(application)
    return int(handler.failed)


def taken_stdout() -> BinaryIO:
    """Standard output as a binary stream of one's own; what anybody else prints goes to standard error
    from now on, that of C libraries and child processes included.
    """
    sys.stdout.flush()
    output = _Output(io.FileIO(os.dup(1), "wb"))
    os.dup2(2, 1)
    return output


def cgi_environ(variables: Mapping[bytes, bytes]) -> dict[str, str]:
    """The CGI variables among those of the process, as latin-1 text (PEP 3333, "Unicode Issues").

    Raises ValueError without REQUEST_METHOD.
    """
    found = {
        name: value.decode("latin-1")
        for name, value in ((key.decode("latin-1"), value) for key, value in variables.items())
        if name in _VARIABLES or (name.startswith(_FAMILIES) and name not in _NEVER)
    }
    if not found.get("REQUEST_METHOD"):
        raise ValueError(
            "this was not started by a web server's CGI: there is no REQUEST_METHOD in the environment"
        )
    for name, value in _DEFAULTS.items():
        found[name] = found.get(name) or value
    return found


class _Output(io.BufferedWriter):
    """The response. Where the web server has left, what it has not taken is nobody's any more."""

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            super().close()


class _Body(io.BufferedReader):
    """`wsgi.input`: the request's body and nothing behind it (RFC 3875 section 4.2)."""

    def __init__(self, stream: BinaryIO, length: str) -> None:
        """Raises ValueError when the web server gave a length that is none."""
        if not (length.isascii() and length.isdigit()):
            raise ValueError(f"CONTENT_LENGTH is {length!r}, which is not a length")
        super().__init__(_Bounded(stream, int(length)), INPUT_BLOCK_BYTES)


class _Bounded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream = stream
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, into: WriteableBuffer, /) -> int:
        view = memoryview(into)
        octets = self._stream.read(min(len(view), self._left))
        if not octets and self._left and len(view):
            raise OSError(f"the body of the request ended {self._left} bytes before its CONTENT_LENGTH")
        self._left -= len(octets)
        view[: len(octets)] = octets
        return len(octets)


class _Handler(BaseCGIHandler):
    """One run. `failed`: the application raised."""

    os_environ: dict[str, str] = {}  # noqa: RUF012  # wsgiref's name for what an environ is begun with

    def __init__(self, source: Any, output: Any, errors: TextIO, environ: dict[str, str]) -> None:
        super().__init__(source, output, errors, environ, multithread=False, multiprocess=True)
        self.wsgi_run_once = True
        self.failed = False
        self._head_only = environ["REQUEST_METHOD"] == "HEAD"
        self._in_head = False

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        for text in (status, *(part for header in headers for part in header)):
            if _CONTROL.search(text):
                raise ValueError(f"there is a control character in the response's head: {text!r}")
        return super().start_response(status, headers, exc_info)

    def send_headers(self) -> None:
        self._in_head = True
        super().send_headers()
        self._in_head = False

    def _write(self, data: bytes) -> None:
        """RFC 3875 section 4.3.3: no body in answer to HEAD, whatever the application yields."""
        if self._in_head or not self._head_only:
            super()._write(data)

    def log_exception(self, exc_info: Any) -> None:
        self.failed = True
        super().log_exception(exc_info)
