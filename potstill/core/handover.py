"""The socket of a client that the application talks to by itself, as `environ["gunicorn.socket"]`.

WebSocket libraries for WSGI look for that name. Nothing happens until they use it; then the connection is
theirs, and the thread leaves its runner seat.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import get_ident
from typing import Any, Protocol


class TakenSocket(socket.socket):
    """The application's own end. A library that reads it in a thread of its own closes it by itself, perhaps
    after the view has returned: `shared` says so to the server, which lets it say its last words.
    """

    shared = False

    def close(self) -> None:
        """And say that no more will come, which the server's own descriptor would keep from the client."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
        super().close()


def is_shared(taken: Any) -> bool:
    """Whether a thread of the application still uses the socket that was taken over, if one was."""
    return taken is not None and taken.shared and taken.fileno() >= 0


class Source(Protocol):
    """Who gives the socket away."""

    def take_socket(self) -> tuple[TakenSocket, bytes]: ...


class HandedSocket:
    """A blocking socket. Bytes that the server has read already come first; `send` sends all it is given.

    Its methods are those of `socket.socket`; any of them takes the connection over. `fileno()` tells nothing
    of the bytes that came first: whoever waits by `select` calls `recv` once before.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._socket: TakenSocket | None = None
        self._thread = 0  # that has taken it
        self._ahead = b""

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Up to `size` bytes; b"" at the end of the stream. Raises OSError, ValueError as socket.recv."""
        if size < 0:
            raise ValueError(f"recv() was asked for {size} bytes")
        taken = self._taken()
        if not self._ahead:
            return taken.recv(size, flags)
        found, rest = self._ahead[:size], self._ahead[size:]
        if not flags & socket.MSG_PEEK:
            self._ahead = rest
        return found

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """Bytes put into `buffer`; `size` 0 is all of its room. Raises ValueError for more than that."""
        view = memoryview(buffer).cast("B")
        if not 0 <= size <= len(view):
            raise ValueError(f"recv_into() was asked for {size} bytes, into a buffer of {len(view)}")
        wanted = size or len(view)
        taken = self._taken()
        if not self._ahead:
            return taken.recv_into(view, wanted, flags)
        found = self.recv(wanted, flags)
        view[: len(found)] = found
        return len(found)

    def send(self, data: bytes, flags: int = 0) -> int:
        """Send all of it, unlike socket.send; returns its length."""
        self._taken().sendall(data, flags)
        return memoryview(data).nbytes

    def sendall(self, data: bytes, flags: int = 0) -> None:
        self._taken().sendall(data, flags)

    def close(self) -> None:
        """Closing twice, or what was never used, does nothing."""
        if self._socket is not None:
            self._socket.close()

    def fileno(self) -> int:
        return self._taken().fileno()

    def shutdown(self, how: int) -> None:
        self._taken().shutdown(how)

    def settimeout(self, seconds: float | None) -> None:
        self._taken().settimeout(seconds)

    def gettimeout(self) -> float | None:
        return self._taken().gettimeout()

    def setblocking(self, blocking: bool) -> None:
        self._taken().setblocking(blocking)

    def getpeername(self) -> Any:
        return self._taken().getpeername()

    def getsockname(self) -> Any:
        return self._taken().getsockname()

    def getsockopt(self, level: int, name: int, size: int = 0) -> int | bytes:
        return self._taken().getsockopt(level, name, size) if size else self._taken().getsockopt(level, name)

    def setsockopt(self, level: int, name: int, value: Any) -> None:
        self._taken().setsockopt(level, name, value)

    def _taken(self) -> TakenSocket:
        if self._socket is None:
            self._socket, self._ahead = self._source.take_socket()
            self._thread = get_ident()
        elif get_ident() != self._thread:
            self._socket.shared = True
        return self._socket
