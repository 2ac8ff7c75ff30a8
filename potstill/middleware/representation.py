"""One file as HTTP sees it, and the answer to a request for it: 200, 206, 304, 412 or 416.

A `Representation` is made once and answers many requests, from several threads: all that a response says of
the file is worked out beforehand. A small one has its octets with it. A large one is opened for each
response and handed to the server's file wrapper, which can let the kernel send it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, BinaryIO

from potstill.middleware.conditions import NOT_MODIFIED, OK, evaluate, range_applies
from potstill.middleware.http_date import http_date
from potstill.middleware.ranges import Part, parse_range

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

BLOCK_BYTES = 64 * 1024
ETAG_BYTES = 16
# Of the fields of a 200, those that a 304 repeats (RFC 9110 section 15.4.5).
KEPT_BY_304 = frozenset({"cache-control", "content-location", "etag", "expires", "vary"})

Fields = list[tuple[str, str]]
Opener = Callable[[], BinaryIO]
# What tells that a file is another, or has changed: device, inode, size, times of content and of attributes.
Signature = tuple[int, int, int, int, int]


def signature(facts: os.stat_result) -> Signature:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


@dataclass(frozen=True, slots=True)
class Representation:
    """A file with one content coding. The lists are shared: whoever passes one on passes a copy."""

    signature: Signature
    size: int
    etag: str
    modified_s: int
    media_type: str
    fields: Fields  # of a 200
    fields_304: Fields
    content: bytes | None  # None: too large to be kept

    def answer(
        self, environ: WSGIEnvironment, start_response: StartResponse, opener: Opener
    ) -> Iterable[bytes]:
        """Answer a GET or HEAD. `opener` is called only when the octets are needed and not at hand."""
        verdict = evaluate(environ, self.etag, self.modified_s)
        if verdict == NOT_MODIFIED:
            start_response("304 Not Modified", [*self.fields_304])
            return []
        if verdict != OK:
            return self._precondition_failed(environ, start_response)
        if environ["REQUEST_METHOD"] == "HEAD":  # for which Range is not defined (section 14.2)
            start_response("200 OK", [*self.fields])
            return []
        parts = self._parts(environ)
        if parts is None:
            return self.whole(environ, start_response, opener)
        if not parts:
            fields = [("Content-Range", f"bytes */{self.size}"), ("Content-Length", "0")]
            start_response("416 Range Not Satisfiable", [("Content-Type", "text/plain"), *fields])
            return []
        if len(parts) == 1:
            return self._one_part(environ, start_response, opener, parts[0])
        return self._many_parts(start_response, opener, parts)

    def _parts(self, environ: WSGIEnvironment) -> list[Part] | None:
        wanted = environ.get("HTTP_RANGE")
        if wanted is None or not range_applies(environ, self.etag, self.modified_s, time.time()):
            return None
        return parse_range(wanted, self.size)

    def _precondition_failed(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        body = b"412 Precondition Failed\n"
        fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response("412 Precondition Failed", [*fields, ("ETag", self.etag)])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def whole(
        self, environ: WSGIEnvironment, start_response: StartResponse, opener: Opener
    ) -> Iterable[bytes]:
        """The 200, without a look at conditions: the answer to methods that have none."""
        if self.content is not None:
            start_response("200 OK", [*self.fields])
            return [self.content]
        file = opener()
        start_response("200 OK", [*self.fields])
        return to_the_end(environ, file, self.size)

    def _one_part(
        self, environ: WSGIEnvironment, start_response: StartResponse, opener: Opener, part: Part
    ) -> Iterable[bytes]:
        start, stop = part
        file = opener() if self.content is None else None
        start_response("206 Partial Content", self._fields_206(stop - start, self.media_type, part))
        if file is None:
            assert self.content is not None
            return [self.content[start:stop]]
        file.seek(start)
        return to_the_end(environ, file, stop - start) if stop == self.size else Pieces(file, [(b"", part)])

    def _many_parts(
        self, start_response: StartResponse, opener: Opener, parts: list[Part]
    ) -> Iterable[bytes]:
        # A boundary must not occur in the content; that nobody can guess it will do.
        boundary = os.urandom(16).hex()
        pieces: list[tuple[bytes, Part]] = []
        for number, part in enumerate(parts):
            lines = [
                f"{'' if number == 0 else chr(13) + chr(10)}--{boundary}",
                f"Content-Type: {self.media_type}",
                f"Content-Range: {self._content_range(part)}",
                "",
                "",
            ]
            pieces.append(("\r\n".join(lines).encode("latin-1"), part))
        pieces.append((f"\r\n--{boundary}--\r\n".encode(), Part(0, 0)))
        length = sum(len(head) + part.stop - part.start for head, part in pieces)
        file = opener() if self.content is None else None
        start_response(
            "206 Partial Content",
            self._fields_206(length, f"multipart/byteranges; boundary={boundary}", None),
        )
        if file is not None:
            return Pieces(file, pieces)
        assert self.content is not None
        return [b"".join(head + self.content[part.start : part.stop] for head, part in pieces)]

    def _fields_206(self, length: int, media_type: str, part: Part | None) -> Fields:
        """Section 15.3.7: Content-Range stands here for one part, inside the body for many."""
        own = {"content-length", "content-type"}
        fields = [field for field in self.fields if field[0].lower() not in own]
        fields += [("Content-Type", media_type), ("Content-Length", str(length))]
        return [*fields, ("Content-Range", self._content_range(part))] if part else fields

    def _content_range(self, part: Part) -> str:
        return f"bytes {part.start}-{part.stop - 1}/{self.size}"


def represent(
    facts: os.stat_result, content: bytes | None, media_type: str, more: Fields, coding: str = ""
) -> Representation:
    """The representation of a file. `more` are further fields of its responses (Cache-Control, Vary…).

    The ETag is strong: a digest of octets at hand, so that it is the same on all machines that have the same
    file; else the times of the file, to the nanosecond, with its size and inode.
    """
    if content is not None:
        size, etag = len(content), f'"{blake2b(content, digest_size=ETAG_BYTES).hexdigest()}"'
    else:
        size = facts.st_size
        etag = f'"{facts.st_mtime_ns:x}-{facts.st_ctime_ns:x}-{size:x}-{facts.st_ino:x}"'
    # Section 8.8.2.1: never later than the response itself.
    modified_s = int(min(facts.st_mtime, time.time()))
    fields = [("Content-Type", media_type), ("Content-Length", str(size))]
    fields += [("Content-Encoding", coding)] if coding else []
    fields += [("ETag", etag), ("Last-Modified", http_date(modified_s)), ("Accept-Ranges", "bytes"), *more]
    return Representation(
        signature=signature(facts),
        size=size,
        etag=etag,
        modified_s=modified_s,
        media_type=media_type,
        fields=fields,
        fields_304=[field for field in fields if field[0].lower() in KEPT_BY_304],
        content=content,
    )


def to_the_end(environ: WSGIEnvironment, file: BinaryIO, length: int) -> Iterable[bytes]:
    """The file from where it stands to its end, by the server's own way to send files if it has one."""
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is not None:
        return wrapper(file, BLOCK_BYTES)  # type: ignore[no-any-return]
    start = file.tell()
    return Pieces(file, [(b"", Part(start, start + length))])


class Pieces:
    """Parts of a file, each behind some octets of its own. Whoever iterates closes, as PEP 3333 asks.

    A file that has become shorter meanwhile ends the iteration early: the server sees that octets are missing
    and cuts the connection, so that the client does not take the rest of another response for them.
    """

    def __init__(self, file: BinaryIO, pieces: Iterable[tuple[bytes, Part]]) -> None:
        self._file = file
        self._blocks = self._read(pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        self._blocks.close()
        self._file.close()

    def _read(self, pieces: Iterable[tuple[bytes, Part]]) -> Generator[bytes, None, None]:
        for head, part in pieces:
            if head:
                yield head
            left = part.stop - part.start
            if left:
                self._file.seek(part.start)
            while left:
                block = self._file.read(min(left, BLOCK_BYTES))
                if not block:
                    return
                left -= len(block)
                yield block
