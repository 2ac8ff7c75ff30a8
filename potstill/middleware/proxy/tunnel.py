"""Octets both ways between a client and an upstream server, after an upgrade (RFC 9110 section 7.8).

The server lends its client's socket as `environ["gunicorn.socket"]`, perhaps as an object of its own: its
`send` may mean all, and TLS may be behind it. So it is used as if it only knew to block: read when it is
readable, and written in pieces that fit whenever it is writable. The upstream's socket is ours, and never
blocks.

One thread carries both directions. Each holds one block of memory, and is read again when that has been
written. The tunnel ends when either side has ended and what it said has been delivered, when a side breaks,
or when nothing has moved for the time that is allowed. It occupies a thread of the server for as long as it
lives.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from select import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, poll
from typing import Protocol

BLOCK_BYTES = 65536
# A socket that is writable has room for a third of its buffer, of which the smallest is some 4 KiB.
PIECE_BYTES = 1024

_WANTS = (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_READABLE = POLLIN | POLLHUP | POLLERR


class Lent(Protocol):
    """As much of the client's socket as is needed here."""

    def recv(self, size: int, /) -> bytes: ...
    def sendall(self, octets: bytes, /) -> None: ...
    def fileno(self) -> int: ...
    def settimeout(self, timeout_s: float | None, /) -> None: ...


class _Client:
    """The end that the server has lent."""

    def __init__(self, channel: Lent, timeout_s: float) -> None:
        self._channel = channel
        # What the server has read already shows in no poll; it comes with the first recv.
        self._early: bytes | None = None
        channel.settimeout(0.0)
        with contextlib.suppress(*_WANTS):
            self._early = channel.recv(BLOCK_BYTES)
        channel.settimeout(timeout_s)
        self.descriptor = channel.fileno()

    @property
    def has_more(self) -> bool:
        """Whether there is something to read that no poll shows: TLS decrypts more than it was asked for."""
        pending = getattr(self._channel, "pending", None)
        return self._early is not None or (pending is not None and pending() > 0)

    def read(self, ready: int) -> bytes | None:
        """The next octets, b"" at the end; None when there are none yet."""
        if self._early is not None:
            early, self._early = self._early, None
            return early
        return self._channel.recv(BLOCK_BYTES) if ready & _READABLE or self.has_more else None

    def write(self, octets: memoryview, ready: int) -> int:
        """How many octets were written."""
        if not ready & POLLOUT:
            return 0
        piece = bytes(octets[:PIECE_BYTES])
        self._channel.sendall(piece)
        return len(piece)


class _Upstream:
    """Our own end."""

    has_more = False  # every read goes on until it would block

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self.descriptor = channel.fileno()
        channel.setblocking(False)

    def read(self, ready: int) -> bytes | None:
        with contextlib.suppress(*_WANTS):
            return self._channel.recv(BLOCK_BYTES)
        return None

    def write(self, octets: memoryview, ready: int) -> int:
        with contextlib.suppress(*_WANTS):
            return self._channel.send(octets)
        return 0


_End = _Client | _Upstream


class _Direction:
    """One way: what was read from `source` and has not been written to `sink`."""

    def __init__(self, source: _End, sink: _End, held: bytes = b"") -> None:
        self.source = source
        self.sink = sink
        self.held = memoryview(held)
        self.ended = False  # nothing more will be read

    def move(self, ready: dict[int, int]) -> bool:
        """Read and write what is possible without waiting; whether anything moved. OSError ends the
        tunnel.
        """
        moved = False
        if not self.held and not self.ended:
            octets = self.source.read(ready.get(self.source.descriptor, 0))
            if octets is not None:
                self.held, self.ended, moved = memoryview(octets), not octets, True
        if self.held:
            sent = self.sink.write(self.held, ready.get(self.sink.descriptor, 0))
            self.held, moved = self.held[sent:], moved or sent > 0
        return moved


def tunnel(client: Lent, upstream: socket.socket, ahead: bytes, timeout_s: float) -> None:
    """Carry octets both ways until it is over. `ahead` has come from the upstream already and goes first.

    Neither socket is closed. Returns also when a side broke or nothing moved for `timeout_s` seconds.
    """
    with contextlib.suppress(OSError):
        near, far = _Client(client, timeout_s), _Upstream(upstream)
        down, up = _Direction(far, near, ahead), _Direction(near, far)
        moved = True
        while not (down.ended or up.ended) or down.held or up.held:
            hurried = moved or (near.has_more and not up.held)
            ready = _ready(down, up, 0 if hurried else timeout_s)
            if ready is None or not (ready or hurried):
                return
            moved = down.move(ready)
            moved = up.move(ready) or moved


def _ready(one: _Direction, other: _Direction, timeout_s: float) -> dict[int, int] | None:
    """What poll says of the ends that are waited for, by descriptor; None when a peer has gone for good."""
    wanted: dict[int, int] = {}
    for direction in (one, other):
        if direction.held:
            descriptor = direction.sink.descriptor
            wanted[descriptor] = wanted.get(descriptor, 0) | POLLOUT
        elif not direction.ended:
            descriptor = direction.source.descriptor
            wanted[descriptor] = wanted.get(descriptor, 0) | POLLIN
    poller = poll()
    for descriptor, events in wanted.items():
        poller.register(descriptor, events)
    ready = dict(poller.poll(timeout_s * 1000))
    hopeless = any(
        events & (POLLERR | POLLNVAL) or (events & POLLHUP and not events & POLLIN)
        for events in ready.values()
    )
    return None if hopeless else ready
