"""Hundreds of clients that behave badly, in one thread, and a few that behave well, whose answers are timed.

    with Crowd(server.address, 500, dripping_head) as crowd:
        crowd.wait_beats()
        assert_prompt(server, alone_s)

A kind of client is a generator: it yields what it sends next, a byte or a whole request, and is asked for
the next piece at every beat. One that has nothing more to say stays connected and reads nothing.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import perf_counter
from types import TracebackType
from typing import Self

from tests.support.engine import WAIT_S, request, wait_until
from tests.support.server import Server
from tests.support.wire import Address, Client

# At each beat every client sends its next piece, and a crowd counts as such when so many have passed.
BEAT_S = 0.25
BEATS = 4

# What is promised: ninety-nine of a hundred ordinary requests are answered within this, crowd or not.
P99_S = 0.050
REQUESTS = 200
# A machine that is busy with something else delays everybody now and then; a server that the crowd holds up
# is held up every time. So the bound has to be kept in one of so many rounds, each whole.
ROUNDS = 8

Kind = Callable[[int], Iterator[bytes]]


def dripping_head(index: int) -> Iterator[bytes]:
    """Half of a head at once, the rest byte by byte, without an end."""
    yield b"GET /%d HTTP/1.1\r\nHost: drip.test\r\nX-Drip: " % index
    while True:
        yield b"x"


def dripping_body(index: int) -> Iterator[bytes]:
    """Byte by byte, of a million that were announced."""
    yield request(f"/count?{index}", "Content-Length: 1000000", method="PATCH")
    while True:
        yield b"x"


def dripping_chunks(index: int) -> Iterator[bytes]:
    """A chunk of one byte at each beat."""
    yield request(f"/count?{index}", "Transfer-Encoding: chunked", method="PATCH")
    while True:
        yield b"1\r\nx\r\n"


def not_reading(index: int) -> Iterator[bytes]:
    """Asks for 20 MB and takes nothing of it."""
    yield request("/large?blocks=320")


def silent(index: int) -> Iterator[bytes]:
    """Says nothing at all."""
    yield from ()


class Crowd:
    """So many clients of one kind; they leave, by a reset, with the block."""

    def __init__(self, address: Address, count: int, kind: Kind) -> None:
        self._address = address
        self._count = count
        self._kind = kind
        self._clients: list[tuple[socket.socket, Iterator[bytes]]] = []
        self._leave = threading.Event()
        self._beats = 0
        self._beat = threading.Thread(target=self._drip, name="crowd", daemon=True)
        self.turned_away = 0

    def __enter__(self) -> Self:
        for index in range(self._count):
            client = socket.socket()
            # So little that nearly all of an answer that is not read stays with the server.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            client.settimeout(WAIT_S)
            client.connect(self._address)
            pieces = self._kind(index)
            client.sendall(next(pieces, b""))
            client.setblocking(False)
            self._clients.append((client, pieces))
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        self._beat.join(WAIT_S)
        for client, _ in self._clients:
            client.close()

    @property
    def connections(self) -> list[socket.socket]:
        return [client for client, _ in self._clients]

    def wait_beats(self, count: int = BEATS) -> None:
        """Until each has sent so many pieces more."""
        until = self._beats + count
        wait_until(lambda: self._beats >= until, f"the crowd has had {count} beats")

    def wait_answering(self) -> None:
        """Until the first bytes of an answer have come to each; they are not taken."""
        waiting = set(self.connections)
        with selectors.DefaultSelector() as selector:
            for client in waiting:
                selector.register(client, selectors.EVENT_READ)
            deadline = perf_counter() + 2 * WAIT_S
            while waiting:
                ready = selector.select(max(0.0, deadline - perf_counter()))
                assert ready, f"{len(waiting)} of {self._count} clients are not answered"
                for key, _ in ready:
                    selector.unregister(key.fileobj)
                    waiting.discard(key.fileobj)

    def _drip(self) -> None:
        while not self._leave.wait(BEAT_S):
            for client, pieces in self._clients:
                with suppress(BlockingIOError):
                    try:
                        client.send(next(pieces, b""))
                    except (BrokenPipeError, ConnectionResetError):
                        self.turned_away += 1
            self._beats += 1


def latencies(address: Address, count: int = REQUESTS, raw: bytes = request()) -> list[float]:
    """How long each of so many ordinary requests took on one connection, in seconds; each answer is right."""
    taken = []
    with Client(address, WAIT_S) as client:
        for _ in range(count):
            begun = perf_counter()
            client.send(raw)
            answer = client.response()
            taken.append(perf_counter() - begun)
            assert answer.body == b"hello\n"
    return taken


def p99(taken: list[float]) -> float:
    """The least time that 99 of 100 keep to."""
    return sorted(taken)[max(0, len(taken) * 99 // 100 - 1)]


def assert_prompt(server: Server, alone_s: float) -> None:
    """The p99 of ordinary requests is below P99_S, in one round of ROUNDS.

    `alone_s` is what it was without the crowd: it tells a slow server from a slow machine in the message.
    """
    rounds = []
    for _ in range(ROUNDS):
        rounds.append(p99(latencies(server.address)))
        if rounds[-1] < P99_S:
            return
    shown = ", ".join(f"{each * 1000:.0f}" for each in rounds)
    raise AssertionError(f"p99 of {shown} ms beside the crowd; {alone_s * 1000:.0f} ms without it")
