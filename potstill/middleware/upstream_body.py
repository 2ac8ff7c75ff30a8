"""The body of a request on its way to an upstream server: how it is framed, and whether it can be sent twice.

The framing is made anew from what the WSGI server says (PEP 3333: CONTENT_LENGTH), never copied: a length
that two parsers could read differently does not get through. The first REPLAY_BYTES_MAX octets are kept, so
that a small body can be sent to a second server when the first one turned out to be dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from potstill.middleware.upstream import RequestRefused, UpstreamError

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream

BLOCK_BYTES = 65536
# A form, a JSON document. A larger body is an upload, and is sent once.
REPLAY_BYTES_MAX = 65536
LENGTH_DIGITS_MAX = 19

# RFC 9110 section 9.2.2: asking twice means no more than asking once.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class RequestBody:
    """A request's body, read once from the client, and as often as it is still whole from memory.

    One thread at a time. `length` is None for a body of unknown length, which is sent in chunks.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        """Raises RequestRefused: 400 for a length that is none, 411 where the end cannot be known."""
        self._input: InputStream = environ["wsgi.input"]
        self.length = _length(environ)
        self._left = self.length
        self._kept: list[bytes] | None = []
        self._kept_bytes = 0
        self._ended = self.length == 0

    @property
    def replayable(self) -> bool:
        """Whether `blocks` can begin again at the beginning."""
        return self._kept is not None

    def blocks(self) -> Iterator[bytes]:
        """The body from its beginning, in blocks that are not empty.

        Raises RequestRefused when the client left before all of it had come. Whoever asks again when
        `replayable` says no has made a mistake: RuntimeError.
        """
        if self._kept is None:
            raise RuntimeError("this body was too large to be kept, and is gone")
        yield from tuple(self._kept)
        while not self._ended:
            if block := self._read():
                yield block

    def _read(self) -> bytes:
        wanted = BLOCK_BYTES if self._left is None else min(BLOCK_BYTES, self._left)
        try:
            block = self._input.read(wanted)
        except OSError as error:
            raise RequestRefused(400, f"the body of the request could not be read: {error}") from error
        if self._left is not None:
            if not block:
                raise RequestRefused(400, "the body of the request ended before its Content-Length")
            self._left -= len(block)
        self._ended = self._left == 0 or not block
        self._keep(block)
        return block

    def _keep(self, block: bytes) -> None:
        self._kept_bytes += len(block)
        if self._kept_bytes > REPLAY_BYTES_MAX:
            self._kept = None
        elif self._kept is not None and block:
            self._kept.append(block)


def _length(environ: dict[str, Any]) -> int | None:
    text = environ.get("CONTENT_LENGTH") or ""
    if text:
        if not (text.isascii() and text.isdigit() and len(text) <= LENGTH_DIGITS_MAX):
            raise RequestRefused(400, f"{text[:30]!r} is not a Content-Length (RFC 9110 section 8.6)")
        return int(text)
    if not environ.get("HTTP_TRANSFER_ENCODING"):
        return 0
    # Without this promise PEP 3333 knows no end of a body but CONTENT_LENGTH, and a read might block for
    # ever.
    if environ.get("wsgi.input_terminated"):
        return None
    raise RequestRefused(411, "a body without Content-Length cannot be read under this server")


class Attempt:
    """What the tries of one request share: its body, and the time (monotonic seconds) by which an answer
    must have begun. One thread at a time.
    """

    def __init__(self, environ: dict[str, Any], deadline: float) -> None:
        self.deadline = deadline
        self._environ = environ
        # Servers that can tell offer it under one of these names; who cannot never knows.
        gone = environ.get("potstill.client_disconnected") or environ.get("waitress.client_disconnected")
        self.client_gone: Callable[[], object] = gone or _unknown

    @cached_property
    def body(self) -> RequestBody:
        """Raises RequestRefused, as `RequestBody`; the first time it is asked for."""
        return RequestBody(self._environ)

    def may_repeat(self, error: UpstreamError) -> bool:
        """Whether the request may be sent again after this failure (RFC 9110 section 9.2.2).

        A body that is gone cannot be; what was perhaps acted on must not be, unless it is idempotent.
        """
        if not self.body.replayable:
            return False
        return error.unsent or (error.unanswered and self._environ["REQUEST_METHOD"] in IDEMPOTENT)


def _unknown() -> bool:
    return False
