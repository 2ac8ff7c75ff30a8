"""Octets both ways between a client and an upstream server, after an upgrade (RFC 9110 section 7.8).

The server lends its client's socket as `environ["gunicorn.socket"]`. Both sockets are polled by the one
thread that serves the request; each direction has one block of memory, and is read again when that has been
written. The tunnel ends when either side has ended and what it said has been delivered, when a side breaks,
or when nothing has moved for the time that is allowed. It occupies a thread of the server for as long as it
lives.
"""

from __future__ import annotations

import contextlib
import ssl
from select import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, poll
from time import monotonic
from typing import Any, Protocol

BLOCK_BYTES = 65536

# A server's own socket object may time out at once instead of refusing to block.
_WANTS = (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Channel(Protocol):
    """As much of a socket as is needed here."""

    def recv(self, size: int, /) -> bytes: ...
    def send(self, octets: memoryview, /) -> int: ...
    def fileno(self) -> int: ...
    def settimeout(self, timeout_s: float | None, /) -> None: ...


class _Direction:
    """One way: what was read from `source` and has not been written to `sink`."""

    def __init__(self, source: Channel, sink: Channel, held: bytes = b"") -> None:
        self.source = source
        self.sink = sink
        self.held = memoryview(held)
        self.ended = False  # nothing more will be read

    def move(self) -> bool:
        """Read and write what is possible without waiting; whether anything moved. OSError ends the
        tunnel.
        """
        moved = False
        if not self.held and not self.ended:
            with contextlib.suppress(*_WANTS):
                octets = self.source.recv(BLOCK_BYTES)
                self.held, self.ended, moved = memoryview(octets), not octets, True
        if self.held:
            with contextlib.suppress(*_WANTS):
                sent = self.sink.send(self.held)
                self.held, moved = self.held[sent:], True
        return moved


def tunnel(client: Channel, upstream: Channel, ahead: bytes, timeout_s: float) -> None:
    """Carry octets both ways until it is over. `ahead` has come from the upstream already and goes first.

    Neither socket is closed. Returns also when a side broke or nothing moved for `timeout_s` seconds.
    """
    client.settimeout(0.0)
    upstream.settimeout(0.0)
    one, other = _Direction(upstream, client, ahead), _Direction(client, upstream)
    poller = poll()
    with contextlib.suppress(OSError):
        while not (one.ended or other.ended) or one.held or other.held:
            moved = one.move()
            moved = other.move() or moved
            if not moved and not _wait(poller, one, other, monotonic() + timeout_s):
                return


def _wait(poller: Any, one: _Direction, other: _Direction, deadline: float) -> bool:
    """Until one of the directions can move; False when that took too long or a peer has gone for good."""
    wanted: dict[int, int] = {}
    for direction in (one, other):
        if direction.held:
            wanted[direction.sink.fileno()] = wanted.get(direction.sink.fileno(), 0) | POLLOUT
        elif not direction.ended:
            wanted[direction.source.fileno()] = wanted.get(direction.source.fileno(), 0) | POLLIN
    if not wanted or min(wanted) < 0:
        return False
    for descriptor, events in wanted.items():
        poller.register(descriptor, events)
    ready = poller.poll(max(deadline - monotonic(), 0) * 1000)
    for descriptor in wanted:
        poller.unregister(descriptor)
    hopeless = POLLERR | POLLNVAL
    return bool(ready) and not any(
        events & hopeless or (events & POLLHUP and not events & POLLIN) for _, events in ready
    )
