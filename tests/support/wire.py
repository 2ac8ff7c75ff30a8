"""A client that sends the bytes it is given and believes nothing it reads.

The server under test must be measured by something that shares no code with it and forgives nothing: a
response is taken apart here by the grammar of RFC 9112, and whatever does not fit raises `BadResponseError`.
There is no general HTTP client that could do this: they all repair.

    with Client(address) as client:
        client.send(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
        response = client.response()

Every wait has the bound `WAIT_S`. The end of a connection is a fact too: `expect_end` tells a clean end (FIN)
from a reset, and from bytes that nobody asked for.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Address = tuple[str, int] | str

WAIT_S = 5.0
RECEIVE_BYTES = 65536

# Feeding a large message one byte at a time shows nothing new in its middle: the first and the last of it go
# byte by byte, what lies between in pieces of an odd size, so that they never fall in step with a power of
# two.
BYTEWISE_EDGE_BYTES = 600
BYTEWISE_MIDDLE_BYTES = 997

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)", re.ASCII)
FIELD_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)"
    rb":[ \t]*((?:[!-~\x80-\xff](?:[\t\x20-~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*"
)
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
DIGITS = re.compile(rb"[0-9]{1,19}")
BODILESS = frozenset({204, 304})


class BadResponseError(AssertionError):
    """The server sent something that is not HTTP/1.1."""


class CutError(AssertionError):
    """The connection ended in the middle of a response; `partial` is what came, `reset` whether by RST."""

    def __init__(self, partial: Response | None, reset: bool) -> None:
        super().__init__(f"cut {'by a reset' if reset else 'short'} after {partial}")
        self.partial = partial
        self.reset = reset


@dataclass(repr=False)
class Response:
    """One response as it stood on the wire. Field names are in lower case, values and order as they came."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    framing: str = "none"  # "none", "length", "chunked" or "close"
    parts: list[bytes] = field(default_factory=list)  # of the body, as they were received
    chunks: list[bytes] = field(default_factory=list)
    interim: list[Response] = field(default_factory=list)

    def __repr__(self) -> str:
        """Short enough for the message of a failed assertion."""
        body = self.body
        return f"<{self.status} {self.reason} {self.fields} {self.framing}: {len(body)} bytes {body[:300]!r}>"

    @property
    def body(self) -> bytes:
        """The body, without its framing; of a response that was cut, what came of it."""
        return b"".join(self.parts)

    def all(self, name: str) -> list[str]:
        """Every value of the field, in order."""
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name: str) -> str | None:
        """The value of a field that must not be repeated; None without it."""
        values = self.all(name)
        if len(values) > 1:
            raise BadResponseError(f"{name} is repeated: {values}")
        return values[0] if values else None

    @property
    def connection(self) -> set[str]:
        """The options of the Connection field, in lower case."""
        return {option.strip().lower() for value in self.all("connection") for option in value.split(",")}


class Responses:
    """Takes responses out of a stream of bytes, strictly.

    `receive` returns the next bytes, b"" at the clean end, and raises ConnectionResetError at the other.
    Nothing is read ahead of need, but what came with a response stays for the next.
    """

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._received = bytearray()
        self._ended = False

    def response(self, *, head: bool = False) -> Response:
        """The next final response, with the interim ones before it in `.interim`.

        `head` says that it answers a HEAD request and so has no body. Raises BadResponseError, or CutError
        when the connection ended before the response did.
        """
        interim: list[Response] = []
        while True:
            response = self._response_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        self._read_body(response, head)
        return response

    def interim(self) -> Response:
        """The next response, which must be an interim one (1xx)."""
        response = self._response_head()
        if not 100 <= response.status < 200:
            raise BadResponseError(f"expected 1xx, got {response.status}")
        return response

    def wait_for(self, needle: bytes) -> None:
        """Until these bytes have come. They are not taken: the next response may begin with them."""
        while needle not in self._received:
            self._more(None)

    def take(self, size: int) -> bytes:
        """Exactly so many bytes, unparsed: what follows when the protocol has been switched."""
        while len(self._received) < size:
            self._more(None)
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def remainder(self) -> bytes:
        """Everything up to the clean end of the connection, unparsed. A reset is an AssertionError."""
        try:
            while self._fill():
                pass
        except ConnectionResetError as error:
            raise AssertionError(f"reset instead of a clean end, after {self._received[-200:]!r}") from error
        rest = bytes(self._received)
        self._received.clear()
        return rest

    def _fill(self) -> bool:
        """Receive something; False at the clean end."""
        if self._ended:
            return False
        received = self._receive()
        self._received += received
        self._ended = not received
        return bool(received)

    def _more(self, partial: Response | None) -> None:
        """Receive something, or raise CutError because the response is not whole."""
        try:
            if self._fill():
                return
        except ConnectionResetError as error:
            raise CutError(partial, reset=True) from error
        raise CutError(partial, reset=False)

    def _line(self, partial: Response | None) -> bytes:
        """One line without its CRLF; a lone CR or LF is BadResponseError."""
        while (end := self._received.find(b"\n")) < 0:
            self._more(partial)
        line = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise BadResponseError(f"a lone CR or LF in {line!r}")
        return line[:-2]

    def _take(self, size: int, response: Response) -> None:
        """Move exactly `size` bytes to the body, as they come, so that a cut response keeps what did come."""
        while size:
            if not self._received:
                self._more(response)
            part = bytes(self._received[:size])
            del self._received[: len(part)]
            size -= len(part)
            response.parts.append(part)

    def _response_head(self) -> Response:
        line = self._line(None)
        match = STATUS_LINE.fullmatch(line)
        if not match:
            raise BadResponseError(f"not a status line: {line!r}")
        response = Response(int(match[1]), match[2].decode("latin-1"), self._fields(None))
        check_framing_fields(response)
        return response

    def _fields(self, partial: Response | None) -> list[tuple[str, str]]:
        fields = []
        while line := self._line(partial):
            match = FIELD_LINE.fullmatch(line)
            if not match:
                raise BadResponseError(f"not a field line: {line!r}")
            fields.append((match[1].decode("ascii").lower(), match[2].decode("latin-1")))
        return fields

    def _read_body(self, response: Response, head: bool) -> None:
        """The four cases of RFC 9112 §6.3 that a client meets."""
        if head or response.status in BODILESS or response.status == 101:
            return
        length = response.get("content-length")
        if response.get("transfer-encoding") is not None:
            response.framing = "chunked"
            self._read_chunks(response)
        elif length is not None:
            response.framing = "length"
            self._take(int(length), response)
        else:
            response.framing = "close"
            self._read_to_end(response)

    def _read_chunks(self, response: Response) -> None:
        while True:
            line = self._line(response)
            if not CHUNK_SIZE.fullmatch(line):
                raise BadResponseError(f"not a chunk size: {line!r}")
            size = int(line, 16)
            if size == 0:
                break
            start = len(response.parts)
            self._take(size, response)
            response.chunks.append(b"".join(response.parts[start:]))
            if self._line(response):
                raise BadResponseError("chunk data is not followed by CRLF")
        if trailers := self._fields(response):
            raise BadResponseError(f"trailers that nobody asked for: {trailers}")

    def _read_to_end(self, response: Response) -> None:
        try:
            while self._fill():
                pass
        except ConnectionResetError as error:
            raise CutError(response, reset=True) from error
        finally:
            response.parts.append(bytes(self._received))
            self._received.clear()


class Client(Responses):
    """One connection to the server under test. Any wait longer than `wait_s` is an AssertionError."""

    def __init__(self, address: Address, wait_s: float = WAIT_S) -> None:
        super().__init__(self._receive_some)
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if isinstance(address, tuple) and ":" in address[0]:
            family = socket.AF_INET6
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(wait_s)
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def local_address(self) -> str:
        """This end as the server's log names it: `127.0.0.1:54321`."""
        host, port = self.socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, raw: bytes) -> None:
        """Send it all at once. A server that no longer takes bytes is an AssertionError."""
        try:
            self.socket.sendall(raw)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise AssertionError(f"the server reset the connection while it was sent {raw[:80]!r}") from error

    def send_bytewise(self, raw: bytes) -> None:
        """Send it a byte at a time, each in a segment of its own (a large middle in small pieces)."""
        for piece in pieces(raw):
            self.send(piece)

    def half_close(self) -> None:
        """Say that no more bytes will follow; the other direction stays open."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave without a farewell: the server gets an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close this end; may be called twice."""
        self.socket.close()

    def expect_end(self) -> None:
        """The server has ended the connection cleanly and sent nothing more."""
        if rest := self.remainder():
            raise BadResponseError(f"bytes that nobody asked for: {rest[:200]!r}")

    def _receive_some(self) -> bytes:
        try:
            return self.socket.recv(RECEIVE_BYTES)
        except TimeoutError as error:
            came = bytes(self._received[-200:])
            raise AssertionError(f"nothing came for {self.socket.gettimeout()} s after {came!r}") from error


def check_framing_fields(response: Response) -> None:
    """What RFC 9110 §8.6 and RFC 9112 §6 forbid a server to say about its own body."""
    length = response.get("content-length")
    coding = response.get("transfer-encoding")
    if length is not None and coding is not None:
        raise BadResponseError("Content-Length and Transfer-Encoding in one response (RFC 9112 §6.2)")
    if length is not None and not DIGITS.fullmatch(length.encode("latin-1")):
        raise BadResponseError(f"Content-Length: {length} (RFC 9110 §8.6)")
    if coding is not None and coding != "chunked":
        raise BadResponseError(f"Transfer-Encoding: {coding} was not asked for (RFC 9112 §6.1)")
    framed = length is not None or coding is not None
    if framed and (response.status < 200 or response.status == 204):
        raise BadResponseError(f"{response.status} with a framing field (RFC 9110 §8.6, RFC 9112 §6.1)")


def pieces(raw: bytes) -> Iterator[bytes]:
    """`raw` in single bytes; a large one has its middle in pieces of BYTEWISE_MIDDLE_BYTES."""
    edge = BYTEWISE_EDGE_BYTES if len(raw) > 4 * BYTEWISE_EDGE_BYTES else len(raw)
    middle_end = max(edge, len(raw) - edge)
    yield from (raw[at : at + 1] for at in range(edge))
    yield from (
        raw[at : min(at + BYTEWISE_MIDDLE_BYTES, middle_end)]
        for at in range(edge, middle_end, BYTEWISE_MIDDLE_BYTES)
    )
    yield from (raw[at : at + 1] for at in range(middle_end, len(raw)))
