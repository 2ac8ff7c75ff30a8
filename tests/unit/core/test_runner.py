"""One thread of the engine: what it counts wherever it counts, and what it hears of its client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.engine import GET, WAIT_S, Environ, StartResponse, engine_on, hello, request
from tests.unit.core.lasting import Lasting, last
from tests.unit.core.views import answered


@pytest.fixture
def lasting() -> Iterator[Lasting]:
    made = Lasting()
    with made.gate:
        yield made


def test_every_request_is_counted_once(lasting: Lasting) -> None:
    """Before it moves to a slot of its own in the statistics, and afterwards."""
    with engine_on(lasting, threads=2) as running, ExitStack() as stack:
        clients = last(running, lasting, stack, 5)
        for _ in range(5):
            running.ask()
        running.wait(lambda now: now.requests == 5 and now.running == 0)
        assert running.now.in_application == 5
        lasting.gate.open()
        answered(*clients)
        running.wait(lambda now: now.requests == 10 and now.in_application == 0)
        assert running.engine.stats.queue_times().count == 10


def test_two_share_no_number(lasting: Lasting) -> None:
    """Whatever leaves and comes back in whatever order: what the threads count adds up."""
    with engine_on(lasting, threads=1, handover_limit=4) as running, ExitStack() as stack:
        for turn in range(1, 6):
            clients = last(running, lasting, stack, 4)
            assert running.now.in_application == 4
            lasting.gate.let(4)
            answered(*clients)
            running.wait(lambda now, turn=turn: now.handed_over == 0 and now.requests == 4 * turn)  # type: ignore[misc]
        assert lasting.told == [True] * 20


def test_who_asked_hears_that_the_client_has_left() -> None:
    """While the request runs: the poller tells, though nobody reads from the connection."""
    heard = threading.Event()
    came = threading.Event()
    told: list[tuple[bool, bool]] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        before = environ["potstill.client_disconnected"]()
        environ["potstill.on_disconnect"](heard.set)
        came.set()
        assert heard.wait(WAIT_S)
        told.append((before, environ["potstill.client_disconnected"]()))
        return hello(environ, start_response)

    with engine_on(application, threads=1) as running:
        with running.client() as client:
            client.send(GET)
            assert came.wait(WAIT_S)
            assert not heard.is_set()
        running.wait_idle()
        assert told == [(False, True)]


def test_a_socket_that_was_given_away_is_not_listened_to() -> None:
    """What its client sends is the application's alone; the engine reads none of it, and works on."""
    size = 300_000

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/take":
            return hello(environ, start_response)
        environ["potstill.on_disconnect"](lambda: None)  # it is in the poller by now
        taken = environ["gunicorn.socket"]
        taken.send(b"go")
        got = 0
        while got < size:
            got += len(taken.recv(65536))
        taken.send(b"%d" % got)
        taken.close()
        raise StopIteration

    with engine_on(application, threads=1) as running, running.client() as client:
        head = request("/take")
        client.send(head)
        assert client.socket.recv(2) == b"go"
        for _ in range(3):
            client.send(bytes(size // 3))
            assert running.ask() == b"hello\n"
        assert client.socket.recv(100, socket.MSG_WAITALL) == b"%d" % size
        running.wait_idle()
        assert running.now.octets_received == len(head) + 3 * len(GET)
