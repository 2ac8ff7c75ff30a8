"""Sharing new clients: what more than a fair share is, and two engines that come to even ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from potstill.core.engine import Engine, slots_of
from potstill.core.share import judged
from potstill.core.stats import Board, Stats
from tests.support.engine import StartResponse, options

OPTIONS = options(threads=2)


def hello(environ: dict[str, object], start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


def seated(*loads: int) -> list[Stats]:
    """A worker for each load, all accepting."""
    board = Board(8)
    workers = [Stats(1, board, number) for number in range(len(loads))]
    for worker, load in zip(workers, loads, strict=True):
        worker.accept(True)
        judged(worker, load)
    return workers


@pytest.mark.parametrize(
    ("own", "others", "more", "much_more"),
    [
        (0, [0], False, False),
        (1, [0], True, False),
        (5, [5, 5], False, False),
        (100, [0], True, True),
        (12, [0], True, True),
        (2, [0], True, False),  # one connection and its request
        (3, [0], True, True),
        (110, [100, 100], True, False),  # and so is a quarter
        (170, [100, 100], True, True),
        (0, [100, 100], False, False),
    ],
)
def test_a_fair_share_is_the_mean(own: int, others: list[int], more: bool, much_more: bool) -> None:
    """Of the loads of all that accept."""
    worker = seated(own, *others)[0]
    assert judged(worker, own) == (more, much_more)


def test_a_worker_that_is_alone_has_its_share() -> None:
    """Whatever that is."""
    alone = Stats(1)
    alone.accept(True)
    assert judged(alone, 1_000_000) == (False, False)


def test_those_that_do_not_accept_do_not_count() -> None:
    """A worker that drains carries little, and must not make the others shy; nor does it share itself."""
    worker, leaving = seated(10, 0)
    leaving.accept(False)
    assert judged(worker, 10) == (False, False)
    assert judged(leaving, 100) == (False, False)


@contextmanager
def engines(count: int) -> Iterator[tuple[socket.socket, list[Engine]]]:
    """Engines on one listener that see each other as workers of one supervisor do."""
    board = Board(count)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
        made = [
            Engine(hello, [listener], OPTIONS, Stats(slots_of(OPTIONS), board, number))
            for number in range(count)
        ]
        for engine in made:
            engine.start()
            stack.callback(engine.stop)
        yield listener, made


def test_connections_spread_evenly() -> None:
    """Forty that come one after the other and stay: twenty for each of two, give or take chance."""
    with engines(2) as (listener, (one, other)), ExitStack() as clients:
        for _ in range(40):
            client = clients.enter_context(socket.create_connection(listener.getsockname(), timeout=10))
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        spread = (one.statistics().connections, other.statistics().connections)
        assert sum(spread) == 40
        assert min(spread) >= 14


def test_nobody_waits_for_a_worker_that_takes_nobody() -> None:
    """Where the others are gone without a word, the one that is left takes all, however much it carries."""
    board = Board(2)
    dead = Stats(slots_of(OPTIONS), board, 1)
    dead.accept(True)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
        engine = Engine(hello, [listener], OPTIONS, Stats(slots_of(OPTIONS), board, 0))
        engine.start()
        stack.callback(engine.stop)
        for _ in range(30):
            client = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=10))
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert engine.statistics().connections == 30
