"""Responses compressed on their way: zstd, br or gzip, as the client likes.

A response is compressed when its status, type and size make that worth it and nothing speaks against it; see
`Compression.may`. That is mostly decided when the application calls `start_response`, and what is not to be
compressed goes on from there untouched. Else the head is held back until the first octets of the body are
there (PEP 3333 has servers do the same), because a body that is returned in one piece may turn out too small.

A body that comes in blocks is compressed block by block and flushed after each, so that none is delayed, as
PEP 3333 demands of middleware; a body that is there as a whole is compressed as a whole, with its length.

Compressed octets are another representation: the strong ETag of the application becomes a weak one (RFC 9110
section 8.8.1), Content-Length and Accept-Ranges are no longer true, and Vary tells caches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from potstill.middleware.content_codings import Compressor, available, maker
from potstill.middleware.negotiation import IDENTITY, choose
from potstill.middleware.replacing import close

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Fields = list[tuple[str, str]]

# Below this a response fits into one packet anyway, and the gain is less than the work.
SIZE_MIN = 1024
TYPES = (
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/wasm",
    "application/xml",
    "application/vnd.ms-fontobject",
    "font/otf",
    "font/ttf",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
    "text/*",
    "application/*+json",
    "application/*+xml",
)
# An event is small, and flushing after each would make it larger.
NEVER = "text/event-stream"

_NO_BODY = frozenset({"204", "205", "206", "304"})


class Compression:
    """Compresses the responses of `app`.

    Args:
        codings: those to offer, of zstd, br and gzip, the first of equals first; without it, those that are
            installed.
        size_min: octets below which a body of known size is left alone.
        types: media types to compress; `text/*` and `application/*+json` are patterns.

    Raises ValueError for an unknown coding, ImportError for one that is not installed.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        codings: Iterable[str] | None = None,
        size_min: int = SIZE_MIN,
        types: Iterable[str] = TYPES,
    ) -> None:
        self._app = app
        self._makers = {coding: maker(coding) for coding in (available() if codings is None else codings)}
        self.size_min = size_min
        patterns = (re.escape(kind.lower()).replace(r"\*", r"[^/+]+") for kind in types)
        # `text/*` is for any type of text, with a suffix or not.
        self._types = re.compile("|".join(each.replace("text/[^/+]+", "text/[^/]+") for each in patterns))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        coding = choose(environ.get("HTTP_ACCEPT_ENCODING"), self._makers)
        exchange = _Exchange(self, environ, start_response, coding)
        return exchange.body(self._app(environ, exchange.start_response))

    def make(self, coding: str) -> Compressor:
        return self._makers[coding]()

    def may(self, status: str, fields: Fields) -> bool:
        """Whether a response with this head is compressed for clients that accept it."""
        code = status[:3]
        if code in _NO_BODY or code.startswith("1"):
            return False
        kind, length = "", self.size_min
        for name, value in fields:
            match name.lower():
                case "content-encoding" | "content-range":
                    return False
                case "content-type":
                    kind = value.partition(";")[0].strip().lower()
                case "content-length":
                    length = int(value) if value.isdecimal() else length
                case "cache-control" if "no-transform" in value.lower():
                    return False  # RFC 9111 section 5.2.2.6
        return length >= self.size_min and kind != NEVER and bool(self._types.fullmatch(kind))


class _Exchange:
    """One request and its response: not started, then held or passed; what was held is compressed or passed.

    `passed`: the head has gone to the server, and the body goes as it is.
    """

    def __init__(
        self, owner: Compression, environ: WSGIEnvironment, start_response: StartResponse, coding: str
    ) -> None:
        self._owner = owner
        self._environ = environ
        self._start_response = start_response
        self._coding = coding
        self._held: tuple[str, Fields, Any] | None = None
        self._compressor: Compressor | None = None
        self._server_write: Callable[[bytes], object] | None = None
        self._sent = False  # compressed octets
        self.passed = False

    # What the application calls

    def start_response(
        self, status: str, headers: Fields, exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        try:
            if self._sent:  # the server raises what it is given: there is no way back
                return self._start_response(status, headers, exc_info)
            if self._held is not None and not exc_info:
                raise AssertionError("start_response was called twice without exc_info (PEP 3333)")
            self._held, self._compressor = (status, list(headers), exc_info), None
            if not self._wants_compression() or self.passed:
                return self._pass()
            return self.write
        finally:
            exc_info = None  # PEP 3333: no cycle through the traceback

    def write(self, data: bytes, /) -> None:
        if data:
            block = self.next(data)
            assert self._server_write is not None
            self._server_write(block)

    # The body

    def body(self, result: Iterable[bytes]) -> Iterable[bytes]:
        """What stands for the iterable that the application returned."""
        if self.passed:
            return result
        if self._held is not None and (type(result) is list or type(result) is tuple):
            return self._whole(b"".join(result))
        return _Blocks(result, self)

    def _whole(self, body: bytes) -> list[bytes]:
        """A body that is there at once; write() may have sent something before."""
        if self._compressor is not None:
            return [self.end(body)]
        if self._head_only or len(body) < self._owner.size_min:
            self._pass()
            return [body]
        compressed = self._owner.make(self._coding).end(body)
        self._compress(len(compressed))
        return [compressed]

    def next(self, block: bytes) -> bytes:
        """What stands for one block.

        Even for an empty one, which says "nothing yet", the server must have been told a head (PEP 3333);
        as long as no octet has been sent, it takes another one.
        """
        if self.passed:
            return block
        if self._compressor is None:
            if self._head_only:
                self._pass()
                return block
            self._compress(None)
        if not block:
            return block
        assert self._compressor is not None
        self._sent = True
        return self._compressor.block(block)

    def end(self, block: bytes = b"") -> bytes:
        """What is left to send, the last block included."""
        if self._compressor is not None:
            return self._compressor.end(block)
        if self._held is not None and not self.passed:
            self._pass()
        return b""

    # The head

    @property
    def _head_only(self) -> bool:
        return bool(self._environ["REQUEST_METHOD"] == "HEAD")

    def _wants_compression(self) -> bool:
        """Judge the held head, and mark it as one that depends on Accept-Encoding if it does."""
        assert self._held is not None
        status, fields, _ = self._held
        if self._owner.may(status, fields):
            vary_on_encoding(fields)
            return self._coding != IDENTITY
        if status.startswith("304"):
            # It stands for a 200 that was compressed if the client has that one's tag.
            vary_on_encoding(fields)
            weaken(fields, known=self._environ.get("HTTP_IF_NONE_MATCH", ""))
        return False

    def _pass(self) -> Callable[[bytes], object]:
        """Let the head go, for a body that is not compressed; to HEAD, what can be known of the GET's."""
        assert self._held is not None
        _, fields, _ = self._held
        if self._head_only and self._wants_compression():
            if has(fields, "content-length"):
                self._describe(fields, None)
            else:
                weaken(fields)  # whether a GET is compressed depends on its size
        self.passed = True
        return self._begin()

    def _compress(self, length: int | None) -> None:
        assert self._held is not None
        self._describe(self._held[1], length)
        self._compressor = self._owner.make(self._coding)
        self._begin()

    def _describe(self, fields: Fields, length: int | None) -> None:
        gone = {"content-length", "accept-ranges"}
        fields[:] = [field for field in fields if field[0].lower() not in gone]
        fields.append(("Content-Encoding", self._coding))
        if length is not None:
            fields.append(("Content-Length", str(length)))
        weaken(fields)

    def _begin(self) -> Callable[[bytes], object]:
        assert self._held is not None
        status, fields, exc_info = self._held
        self._held = status, fields, None
        self._server_write = self._start_response(status, fields, exc_info)
        return self._server_write


class _Blocks:
    """The body of a response that is made while it is sent."""

    def __init__(self, result: Iterable[bytes], exchange: _Exchange) -> None:
        self._result = result
        self._exchange = exchange
        self._blocks = iter(result)
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        try:
            return self._exchange.next(next(self._blocks))
        except StopIteration:
            self._ended = True
            rest = self._exchange.end()
            if not rest:
                raise
            return rest

    def close(self) -> None:
        close(self._result)


def has(fields: Fields, lower_name: str) -> bool:
    return any(name.lower() == lower_name for name, _ in fields)


def vary_on_encoding(fields: Fields) -> None:
    """Say that the response depends on Accept-Encoding, unless it says so already."""
    named = ",".join(value for name, value in fields if name.lower() == "vary").lower()
    if not {"accept-encoding", "*"} & {each.strip() for each in named.split(",")}:
        fields.append(("Vary", "Accept-Encoding"))


def weaken(fields: Fields, known: str | None = None) -> None:
    """Make a strong ETag a weak one; with `known`, an If-None-Match field, only if it is known as that."""
    for place, (name, value) in enumerate(fields):
        strong = name.lower() == "etag" and value.startswith('"')
        if strong and (known is None or f"W/{value}" in known):
            fields[place] = name, f"W/{value}"
