"""A limit on request bodies for one application: beyond it the answer is 413.

A Content-Length beyond the limit is refused before the application is called. A body of unknown length
(chunked) is counted while the application reads it. The read that would go beyond raises BodyTooLargeError;
whatever the application makes of that, as long as its response has not begun the client gets the 413.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from potstill.middleware.answers import plain_answer
from potstill.middleware.replacing import Fields, Judge, call_judged

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class BodyTooLargeError(OSError):
    """The body that is read has more octets than are allowed."""


class BodyLimit:
    """Lets `app` have request bodies of at most `bytes_max` octets. ValueError for a negative number."""

    def __init__(self, app: WSGIApplication, bytes_max: int) -> None:
        if bytes_max < 0:
            raise ValueError(f"body limit: {bytes_max!r} is below 0")
        self._app = app
        self._bytes_max = bytes_max

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH", "")
        if not length:
            counted = environ["wsgi.input"] = _Counted(environ["wsgi.input"], self._bytes_max)
            return call_judged(self._app, environ, start_response, _Sentence(counted))
        if not (length.isascii() and length.isdigit()):
            return plain_answer(
                environ, start_response, "400 Bad Request", (), "Content-Length is no number."
            )
        # Compared by its digits first: int() refuses numbers of thousands of them.
        if len(length.lstrip("0")) > 19 or int(length) > self._bytes_max:
            return too_large(environ, start_response)
        return self._app(environ, start_response)


def too_large(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return plain_answer(environ, start_response, "413 Content Too Large")


class _Sentence(Judge):
    """413 for whoever has read too much, also where the application made an answer out of the error."""

    def __init__(self, counted: _Counted) -> None:
        self._counted = counted

    def started(self, status: str, fields: Fields) -> WSGIApplication | None:
        return too_large if self._counted.exceeded else None

    def failed(self, error: Exception) -> WSGIApplication | None:
        return too_large if self._counted.exceeded else None


class _Counted:
    """A `wsgi.input` that ends with BodyTooLargeError instead of giving more than so many octets."""

    def __init__(self, stream: Any, bytes_max: int) -> None:
        self._stream = stream
        self._left = bytes_max
        self.exceeded = False

    def read(self, size: int | None = -1, /) -> bytes:
        # One octet more is asked for than may come: only its arrival shows that there are too many.
        if size is not None and size >= 0:
            return self._count(self._stream.read(min(size, self._left + 1)))
        blocks = []
        while block := self._count(self._stream.read(self._left + 1)):
            blocks.append(block)
        return b"".join(blocks)

    def readline(self, size: int | None = -1, /) -> bytes:
        bound = self._left + 1
        if size is not None and size >= 0:
            bound = min(size, bound)
        return self._count(self._stream.readline(bound))

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        lines: list[bytes] = []
        total = 0
        while line := self.readline():
            lines.append(line)
            total += len(line)
            if hint and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _count(self, data: bytes) -> bytes:
        if len(data) > self._left:
            self.exceeded = True
        if self.exceeded:
            raise BodyTooLargeError("the request's body is longer than is allowed here")
        self._left -= len(data)
        return data
