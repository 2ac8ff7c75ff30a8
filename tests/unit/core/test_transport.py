"""A client socket and its queue: what goes in comes out, once and in order, however slow the client is."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from potstill.core.transport import TransportFace
from tests.support.engine import WAIT_S

# More than any socket buffer here takes.
LARGE = random.Random(1).randbytes(6_000_000)
FAMILIES = ["tcp", "unix"]


class Ends:
    """A transport and its client's socket."""

    def __init__(self, server: socket.socket, client: socket.socket) -> None:
        server.setblocking(False)
        client.settimeout(WAIT_S)
        self.transport = TransportFace(server.detach())
        self.client = client

    def flush_into(self, size: int) -> bytes:
        """What the client receives, the transport flushing whenever it has read something, until it has
        `size`.
        """
        received = bytearray()
        while len(received) < size:
            self.transport.flush()
            received += self.client.recv(size - len(received))
        return bytes(received)

    def reset(self) -> None:
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()


@pytest.fixture(params=FAMILIES)
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    if request.param == "unix":
        server, client = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
    made = Ends(server, client)
    yield made
    made.transport.close()
    made.client.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    return path


# Reading


def test_receiving(ends: Ends) -> None:
    """Bytes, None while there are none, and the end."""
    assert ends.transport.receive(100) is None
    ends.client.sendall(b"hello")
    assert ends.transport.receive(100) == b"hello"
    assert ends.transport.receive(100) is None
    ends.client.shutdown(socket.SHUT_WR)
    assert ends.transport.receive(100) == b""
    assert ends.transport.receive(100) == b""


def test_a_short_read_means_that_the_socket_is_empty(ends: Ends) -> None:
    """epoll(7): that saves the read that would only be told EAGAIN. A full read says nothing."""
    ends.client.sendall(b"hello")
    assert ends.transport.receive(5) == b"hello"
    assert not ends.transport.drained
    ends.client.sendall(b"hello")
    assert ends.transport.receive(6) == b"hello"
    assert ends.transport.drained


def test_the_end_of_the_stream_is_no_empty_socket(ends: Ends) -> None:
    """No event will tell of it again, so nobody may think that there is nothing left to see."""
    ends.client.shutdown(socket.SHUT_WR)
    assert ends.transport.receive(5) == b""
    assert not ends.transport.drained


def test_a_reset_loses_the_connection(ends: Ends) -> None:
    """Nothing goes in either direction any more, and sending is silently dropped."""
    if ends.client.family == socket.AF_UNIX:
        ends.transport.send(b"unread")  # a unix socket is reset when it is closed with bytes unread
    ends.reset()
    with pytest.raises(ConnectionError):
        ends.transport.receive(100)
    assert ends.transport.lost
    ends.transport.send(b"late")
    ends.transport.flush()
    assert ends.transport.queued == 0


# Writing


@pytest.mark.parametrize(
    "pieces",
    [
        (b"", b"one", b""),
        (b"one ", b"two", b""),
        (b"", b"two", b" three"),
        (b"one ", b"two", b" three"),
        (b"", b"", b""),
        (b"x" * 70_000, b"y" * 70_000, b"z" * 70_000),
    ],
)
def test_three_pieces_leave_as_one(ends: Ends, pieces: tuple[bytes, bytes, bytes]) -> None:
    before, data, after = pieces
    ends.transport.send(data, before, after)
    assert ends.flush_into(len(b"".join(pieces))) == b"".join(pieces)
    assert ends.transport.queued == 0
    assert ends.transport.sent == len(b"".join(pieces))


def test_what_the_client_does_not_take_is_queued(ends: Ends) -> None:
    """Bytes sent and bytes queued add up at any time; the rest leaves when there is room again."""
    ends.transport.send(LARGE, b"<", b">")
    assert 0 < ends.transport.queued < len(LARGE)
    assert ends.transport.sent + ends.transport.queued == len(LARGE) + 2
    assert ends.flush_into(len(LARGE) + 2) == b"<" + LARGE + b">"
    assert ends.transport.queued == 0


def test_pieces_of_all_sizes_stay_in_order(ends: Ends) -> None:
    """Small ones are collected, large ones kept by reference; nobody sees the difference."""
    chance = random.Random(4)
    expected = bytearray()
    ends.transport.send(LARGE)
    expected += LARGE
    for _ in range(120):
        pieces = [chance.randbytes(chance.choice((0, 1, 10, 1000, 16384, 16385, 40_000))) for _ in range(3)]
        ends.transport.send(pieces[1], pieces[0], pieces[2])
        expected += b"".join(pieces)
    assert ends.transport.sent + ends.transport.queued == len(expected)
    assert ends.flush_into(len(expected)) == expected


def test_bytes_of_a_subclass_are_bytes(ends: Ends) -> None:
    """They too are kept by reference, and come out as they went in."""

    class Text(bytes):
        pass

    ends.transport.send(Text(LARGE))
    ends.transport.send(Text(LARGE[::-1]))
    assert ends.flush_into(2 * len(LARGE)) == LARGE + LARGE[::-1]


def test_a_client_that_leaves_takes_the_queue_with_it(ends: Ends) -> None:
    ends.transport.send(LARGE)
    assert ends.transport.queued
    ends.reset()
    ends.transport.flush()
    assert ends.transport.lost
    assert ends.transport.queued == 0


def test_no_signal_is_raised_for_a_broken_pipe(ends: Ends) -> None:
    """SIGPIPE would end a process that does not ignore it, as those that embed Python may not."""
    ends.client.close()
    for _ in range(3):
        ends.transport.send(b"x")
    assert ends.transport.lost


# Files


def test_a_file_follows_what_stands_before_it(ends: Ends, file: Path) -> None:
    with file.open("rb") as opened:
        ends.transport.send_file(b"head ", opened.fileno(), 0, len(LARGE))
    # The application has closed its file, and the rest is still sent from it.
    assert ends.transport.queued
    assert ends.flush_into(5 + len(LARGE)) == b"head " + LARGE
    assert ends.transport.queued == 0


def test_a_part_of_a_file(ends: Ends, file: Path) -> None:
    """From an offset, and not to its end; the file's own position is left where it is."""
    with file.open("rb", buffering=0) as opened:
        opened.seek(7)
        ends.transport.send_file(b"", opened.fileno(), 1_000_000, 3_000_000)
        assert opened.tell() == 7
    assert ends.flush_into(3_000_000) == LARGE[1_000_000:4_000_000]


def test_files_and_bytes_in_one_queue(ends: Ends, file: Path) -> None:
    expected = hashlib.sha256()
    with file.open("rb") as opened:
        for part in (b"first", b"second" * 9000):
            ends.transport.send_file(part, opened.fileno(), 0, len(LARGE))
            ends.transport.send(part)
            expected.update(part + LARGE + part)
    size = 2 * (5 + len(LARGE) + 54_000)
    assert hashlib.sha256(ends.flush_into(size)).digest() == expected.digest()


def test_a_queued_file_closes_its_descriptor(ends: Ends, file: Path) -> None:
    """When it has been sent, and also when the client has gone."""
    before = set(os.listdir("/proc/self/fd"))
    with file.open("rb") as opened:
        ends.transport.send_file(b"", opened.fileno(), 0, len(LARGE))
    assert set(os.listdir("/proc/self/fd")) != before
    ends.flush_into(len(LARGE))
    assert set(os.listdir("/proc/self/fd")) == before
    with file.open("rb") as opened:
        ends.transport.send_file(b"", opened.fileno(), 0, len(LARGE))
    ends.transport.close()
    assert len(set(os.listdir("/proc/self/fd")) - before) == 0


def test_a_file_that_ends_early_is_an_error(ends: Ends, file: Path) -> None:
    """At once, or when the rest is flushed: bytes that were promised cannot be sent."""
    with file.open("rb") as opened, pytest.raises(OSError, match="shorter"):
        ends.transport.send_file(b"", opened.fileno(), len(LARGE) - 10, 11)
    assert ends.client.recv(20) == LARGE[-10:]
    with file.open("rb") as opened:
        ends.transport.send_file(b"", opened.fileno(), 0, len(LARGE))
    os.truncate(file, 10)
    with pytest.raises(OSError, match="shorter"):
        ends.flush_into(len(LARGE))


# The end


def test_a_half_close_is_the_end_for_the_client_alone(ends: Ends) -> None:
    ends.transport.send(b"last")
    ends.transport.shut_sending()
    assert ends.client.recv(10) == b"last"
    assert ends.client.recv(10) == b""
    ends.client.sendall(b"still here")
    assert ends.transport.receive(20) == b"still here"


def test_closing_is_orderly_and_may_be_repeated(ends: Ends) -> None:
    ends.transport.send(b"last")
    ends.transport.close()
    ends.transport.close()
    assert ends.transport.lost
    assert ends.client.recv(10) == b"last"
    assert ends.client.recv(10) == b""


@pytest.mark.parametrize("ends", ["tcp"], indirect=True)
def test_a_reset_instead(ends: Ends) -> None:
    """Where the end of the connection is the end of the body, this says that the body is not whole."""
    ends.transport.close(reset=True)
    with pytest.raises(ConnectionResetError):
        ends.client.recv(10)
