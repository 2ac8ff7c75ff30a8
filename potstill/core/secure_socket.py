"""The socket of a client over TLS that the application talks to by itself: as `socket.socket`, encrypted.

WebSocket libraries receive in one thread and send in another, which OpenSSL does not allow for one session.
So nobody waits inside of OpenSSL: it works on memory, under a lock and for a moment; who waits for the
network waits outside. Senders have a lock of their own, because records must leave in their order.

An `ssl.SSLSocket` could not go on with a handshake that was made in memory.
"""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

# What is encrypted before the socket is asked to take it, and what is read of the socket at a time.
STEP_BYTES = 65536
# ssl's numbers, which are the errno of an SSLError.
WANT_READ = 2


class SecureSocket:
    """Owns `plain`, and goes on with `session`; `unsent` are records that have to leave before all others.

    Like `socket.socket`, it is blocking at first; `send` sends all it is given. Flags are not possible.
    """

    shared = False  # as of a TakenSocket

    def __init__(
        self,
        plain: socket.socket,
        session: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        unsent: bytes = b"",
    ) -> None:
        self._plain = plain
        self._session = session
        self._incoming = incoming
        self._outgoing = outgoing
        self._unsent = unsent
        self._inside = threading.Lock()  # of OpenSSL
        self._sending = threading.Lock()
        self._timeout_s: float | None = None
        self._parted = False
        plain.setblocking(False)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Up to `size` bytes; b"" at the end of the stream, also where it was cut. Raises OSError."""
        _refuse_flags(flags)
        if size == 0:
            return b""
        until = self._until()
        while True:
            with self._inside:
                data = self._decrypted(size)
            if data is not None:
                return data
            self._wait(select.POLLIN, until)
            with self._inside:
                self._fetch()

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """Bytes put into `buffer`; `size` 0 is all of its room."""
        view = memoryview(buffer).cast("B")
        data = self.recv(size or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it. Raises OSError, TimeoutError where the client does not take it in time."""
        _refuse_flags(flags)
        view = memoryview(data).cast("B")
        until = self._until()
        with self._sending:
            self._send_records(until)
            for start in range(0, len(view), STEP_BYTES):
                self._encrypt(view[start : start + STEP_BYTES])
                self._send_records(until)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of it, and return its length."""
        self.sendall(data, flags)
        return memoryview(data).nbytes

    def shutdown(self, how: int) -> None:
        """As socket.shutdown; who sends no more says so by close_notify."""
        if how != socket.SHUT_RD:
            self.part()
        self._plain.shutdown(how)

    def close(self) -> None:
        """Say goodbye and close. Closing twice does nothing."""
        if self._plain.fileno() >= 0:
            self.part()
            self._plain.close()

    def part(self) -> None:
        """Send close_notify, once, if that can be done without waiting. Raises nothing."""
        if self._parted or not self._sending.acquire(blocking=False):
            return
        try:
            self._parted = True
            with self._inside:
                with suppress(OSError):  # the client's own goodbye has not come, nor is it waited for
                    self._session.unwrap()
            self._send_records(monotonic())
        except (OSError, ValueError):
            pass  # it is gone, or does not read any more
        finally:
            self._sending.release()

    def settimeout(self, seconds: float | None) -> None:
        """As socket.settimeout."""
        if seconds is not None and seconds < 0:
            raise ValueError("a timeout is not negative")
        self._timeout_s = seconds

    def gettimeout(self) -> float | None:
        """As socket.gettimeout."""
        return self._timeout_s

    def setblocking(self, blocking: bool) -> None:
        """As socket.setblocking."""
        self.settimeout(None if blocking else 0.0)

    def __getattr__(self, name: str) -> Any:
        """What is not about octets (fileno, getpeername, setsockopt …) is the plain socket's."""
        return getattr(self._plain, name)

    # Inside of OpenSSL: the lock is held

    def _decrypted(self, size: int) -> bytes | None:
        """What there is; None where more has to be read of the socket first."""
        try:
            return self._session.read(size)
        except OSError as error:
            if error.errno != WANT_READ:
                return b""  # close_notify, or something that is no TLS
        return None

    def _fetch(self) -> None:
        try:
            found = self._plain.recv(STEP_BYTES)
        except BlockingIOError:
            return  # another reader was faster
        if found:
            self._incoming.write(found)
        else:
            self._incoming.write_eof()

    # Sending: that lock is held

    def _encrypt(self, view: memoryview) -> None:
        with self._inside:
            done = 0
            while done < len(view):
                done += self._session.write(view[done:])

    def _send_records(self, until: float | None) -> None:
        with self._inside:
            self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                self._unsent = self._unsent[self._plain.send(self._unsent) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, until)

    # Waiting: no lock of OpenSSL's is held

    def _until(self) -> float | None:
        return None if self._timeout_s is None else monotonic() + self._timeout_s

    def _wait(self, event: int, until: float | None) -> None:
        if self._timeout_s == 0:
            raise BlockingIOError("the operation would wait")
        poll = select.poll()
        poll.register(self._plain, event)
        left_ms = None if until is None else max(0.0, (until - monotonic()) * 1000)
        if not poll.poll(left_ms):
            raise TimeoutError("timed out")


def _refuse_flags(flags: int) -> None:
    if flags:
        raise ValueError("a socket over TLS knows no flags")
