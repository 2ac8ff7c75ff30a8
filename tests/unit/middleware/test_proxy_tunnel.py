"""Octets both ways, until one side has enough."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from potstill.middleware.proxy.tunnel import tunnel
from tests.support.upstream import WAIT_S

MANY = bytes(range(256)) * 40_000


class SendsAll:
    """A server's own object, as Potstill's: `recv` gives what was read before first, `send` is `sendall`,
    and only what is listed here is there.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._ahead = b"early "
        self.fileno = channel.fileno
        self.settimeout = channel.settimeout
        self.close = channel.close

    def recv(self, size: int, /) -> bytes:
        ahead, self._ahead = self._ahead, b""
        return ahead or self._channel.recv(size)

    def sendall(self, octets: bytes, /) -> None:
        self._channel.sendall(octets)


@contextmanager
def tunnelled(
    ahead: bytes = b"",
    timeout_s: float = WAIT_S,
    lend: Callable[[socket.socket], Any] = lambda channel: channel,
) -> Iterator[tuple[socket.socket, socket.socket, threading.Thread]]:
    """The outer ends of a tunnel: the client's, the upstream's, and the thread that carries."""
    client, inner = socket.socketpair()
    server, ours = socket.socketpair()
    client.settimeout(WAIT_S)
    server.settimeout(WAIT_S)
    lent = lend(inner)

    def carry() -> None:
        tunnel(lent, ours, ahead, timeout_s)
        lent.close()
        ours.close()

    thread = threading.Thread(target=carry)
    thread.start()
    with client, server:
        yield client, server, thread
    thread.join(WAIT_S)
    assert not thread.is_alive()


def read_all(channel: socket.socket) -> bytes:
    with channel.makefile("rb") as stream:
        return stream.read()


def test_both_ways_at_once() -> None:
    """Ten megabytes in each direction, while neither side reads before it has written all: whoever blocked on
    one of them would wait for ever."""
    with tunnelled() as (client, server, _):
        senders = [threading.Thread(target=one.sendall, args=(MANY,)) for one in (client, server)]
        for sender in senders:
            sender.start()
        received: dict[str, bytes] = {}

        def receive(name: str, channel: socket.socket) -> None:
            with channel.makefile("rb") as stream:
                received[name] = stream.read(len(MANY))

        receiver = threading.Thread(target=receive, args=("client", client))
        receiver.start()
        receive("server", server)
        for thread in (receiver, *senders):
            thread.join(WAIT_S)
    assert {hashlib.sha256(octets).digest() for octets in received.values()} == {
        hashlib.sha256(MANY).digest()
    }


def test_a_servers_own_object() -> None:
    """What it had read before comes first, and a slow reader loses nothing though `send` means all."""
    with tunnelled(lend=SendsAll) as (client, server, _):
        sender = threading.Thread(target=server.sendall, args=(MANY,))
        sender.start()
        assert server.recv(6) == b"early "
        with client.makefile("rb") as stream:
            assert stream.read(len(MANY)) == MANY
        sender.join(WAIT_S)
        client.sendall(b"late")
        assert server.recv(4) == b"late"


def test_what_came_ahead_comes_first() -> None:
    with tunnelled(b"first ") as (client, server, _):
        server.sendall(b"then")
        server.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"first then"


def test_the_end_of_one_side_is_the_end() -> None:
    """After everything it said has been delivered."""
    for name in ("client", "server"):
        with tunnelled() as (client, server, thread):
            here, there = (client, server) if name == "client" else (server, client)
            here.sendall(b"goodbye" * 1000)
            here.close()
            assert read_all(there) == b"goodbye" * 1000
            thread.join(WAIT_S)
            assert not thread.is_alive()


def test_nothing_for_too_long() -> None:
    with tunnelled(timeout_s=0.05) as (client, _, thread):
        thread.join(WAIT_S)
        assert not thread.is_alive()
        assert client.recv(1) == b""


def test_a_side_that_reads_nothing_holds_the_other_up_and_not_the_memory() -> None:
    with tunnelled(timeout_s=0.2) as (client, _server, thread):
        client.settimeout(WAIT_S)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += client.send(MANY)
        except OSError:
            pass
        assert sent < 8 << 20
        thread.join(WAIT_S)
        assert not thread.is_alive()
