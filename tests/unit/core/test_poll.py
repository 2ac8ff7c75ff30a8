"""epoll and its friends: what the core relies on, asked of a real kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from potstill.core.poll import Poller

TOKEN = (7 << 32) | 5
ALL = Poller.READABLE | Poller.WRITABLE | Poller.PEER_CLOSED | Poller.BROKEN


@pytest.fixture
def poller() -> Iterator[Poller]:
    made = Poller()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """(server's end, client's end) of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    server.setblocking(False)
    with server, client:
        yield server, client


def notes(poller: Poller, timeout_ms: int = 5000) -> int:
    """The notes of the one event that there is."""
    ((token, found),) = poller.wait(timeout_ms)
    assert token == TOKEN
    return found


def fill(server: socket.socket) -> int:
    """Send until the socket takes no more; how much it took."""
    sent = 0
    while True:
        try:
            sent += server.send(bytes(65536))
        except BlockingIOError:
            return sent


def test_a_fresh_connection_is_writable(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    assert poller.add(pair[0].fileno(), TOKEN) == 0
    assert notes(poller) == Poller.WRITABLE


def test_an_event_is_told_once(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    """Edge-triggered: bytes that nobody reads are not announced again; more bytes are."""
    server, client = pair
    poller.add(server.fileno(), TOKEN)
    poller.wait(0)
    client.sendall(b"a")
    assert notes(poller) & Poller.READABLE
    assert poller.wait(0) == []
    client.sendall(b"b")
    assert notes(poller) & Poller.READABLE
    assert server.recv(10) == b"ab"


def test_bytes_that_came_before_are_told(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    """A connection joins the poller only after it was read from: nothing may fall between the two."""
    server, client = pair
    client.sendall(b"early")
    poller.add(server.fileno(), TOKEN)
    assert notes(poller) & Poller.READABLE


def test_a_half_close_is_told_as_such(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    """RDHUP is how a running request learns that its client sends no more."""
    server, client = pair
    poller.add(server.fileno(), TOKEN)
    poller.wait(0)
    client.shutdown(socket.SHUT_WR)
    found = notes(poller)
    assert found & Poller.PEER_CLOSED
    assert not found & Poller.BROKEN


def test_a_reset_is_told_as_such(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    poller.add(server.fileno(), TOKEN)
    poller.wait(0)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert notes(poller) & Poller.BROKEN


def test_a_full_socket_is_told_when_it_takes_bytes_again(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    server, client = pair
    poller.add(server.fileno(), TOKEN)
    poller.wait(0)
    sent = fill(server)
    assert poller.wait(0) == []
    assert not Poller.wait_writable(server.fileno(), 0)
    while sent:
        sent -= len(client.recv(1 << 20))
    assert notes(poller) & Poller.WRITABLE
    assert Poller.wait_writable(server.fileno(), 0)


def test_waiting_for_a_socket_ends_when_it_breaks(pair: tuple[socket.socket, socket.socket]) -> None:
    """A runner that waits for its client must not wait for one that has gone."""
    server, client = pair
    fill(server)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert Poller.wait_writable(server.fileno(), 5000)


def test_a_listener_tells_of_clients(poller: Poller) -> None:
    """It reports nothing but that, and once for all who have come."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert poller.add(listener.fileno(), TOKEN, listener=True) == 0
        assert poller.wait(0) == []
        with socket.create_connection(listener.getsockname()):
            assert notes(poller) == Poller.READABLE
            assert poller.wait(0) == []


def test_what_is_removed_is_silent(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    poller.add(server.fileno(), TOKEN)
    poller.wait(0)
    assert poller.remove(server.fileno()) == 0
    client.sendall(b"a")
    assert poller.wait(0) == []
    assert poller.remove(server.fileno()) == -errno.ENOENT


def test_failures_are_negative_errnos(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    """As the kernel has them: nothing here may raise, for the caller need not hold the GIL."""
    server, _ = pair
    assert poller.add(server.fileno(), TOKEN) == 0
    assert poller.add(server.fileno(), TOKEN) == -errno.EEXIST
    assert poller.add(1 << 20, TOKEN) == -errno.EBADF
    with open(__file__, "rb") as regular:
        assert poller.add(regular.fileno(), TOKEN) == -errno.EPERM


def test_looking_takes_nothing_away(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    """The watch asks whether work waits without taking the work from whoever polls."""
    assert not poller.ready()
    poller.add(pair[0].fileno(), TOKEN)
    assert poller.ready()
    assert poller.ready()
    assert notes(poller) == Poller.WRITABLE
    assert not poller.ready()


def test_one_wait_takes_so_many_and_leaves_the_others(poller: Poller) -> None:
    count = Poller.EVENTS_AT_ONCE + 3
    ends = [socket.socketpair() for _ in range(count)]
    try:
        for token, (end, _) in enumerate(ends):
            assert poller.add(end.fileno(), token) == 0
        first, second = poller.wait(0), poller.wait(0)
        assert (len(first), len(second), poller.wait(0)) == (Poller.EVENTS_AT_ONCE, 3, [])
        assert {token for token, _ in first + second} == set(range(count))
    finally:
        for pair in ends:
            for end in pair:
                end.close()


@pytest.mark.parametrize("token", [0, 1, (1 << 32) - 1, 1 << 63, (1 << 64) - 1])
def test_a_token_comes_back_whole(
    poller: Poller, pair: tuple[socket.socket, socket.socket], token: int
) -> None:
    """Index and generation of a slot fill all of its 64 bits."""
    poller.add(pair[0].fileno(), token)
    assert poller.wait(0) == [(token, Poller.WRITABLE)]


def test_the_bell(poller: Poller) -> None:
    """It rings once however often it is struck, is silent when hushed, and rings again."""
    wake = Poller.open_wake()
    try:
        assert not os.get_inheritable(wake)
        poller.add(wake, TOKEN, listener=True)
        Poller.ring(wake)
        Poller.ring(wake)
        assert notes(poller) == Poller.READABLE
        Poller.hush(wake)
        Poller.hush(wake)
        assert poller.wait(0) == []
        Poller.ring(wake)
        assert notes(poller) == Poller.READABLE
    finally:
        os.close(wake)


def test_the_clocks_go_forward() -> None:
    """In nanoseconds; work costs processor time."""
    first, used_first = Poller.clocks()
    assert sum(range(20_000)) > 0
    second, used_second = Poller.clocks()
    assert 0 < second - first < 10_000_000_000
    assert 0 < used_second - used_first < 10_000_000_000


def test_the_notes_are_bits_of_their_own() -> None:
    bits = (Poller.READABLE, Poller.WRITABLE, Poller.PEER_CLOSED, Poller.BROKEN)
    assert sum(bits) == ALL
    assert all(bit.bit_count() == 1 for bit in bits)
