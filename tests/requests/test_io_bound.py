"""environ["potstill.io_bound"](): a long request leaves its seat and goes on in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from tests.support.engine import (
    WAIT_S,
    Environ,
    Gate,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)


class Bound:
    """/bound says that it is, and waits at the gate; the rest is hello."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.threads: set[str] = set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/bound":
            return hello(environ, start_response)
        environ["potstill.io_bound"]()
        environ["potstill.io_bound"]()  # a second time does nothing
        self.threads.add(threading.current_thread().name)
        self.gate.pass_through()
        return hello(environ, start_response)


BOUND = request("/bound")


def test_it_gives_its_seat_away() -> None:
    """Twenty wait with one thread; ordinary requests are answered, then all of them."""
    with Gate() as gate, engine_on(app := Bound(gate), threads=1) as running, ExitStack() as stack:
        stack.callback(gate.open)
        clients = [stack.enter_context(running.client()) for _ in range(20)]
        for count, client in enumerate(clients, 1):
            client.send(BOUND)
            gate.wait_entered(count)
            assert running.ask() == b"hello\n"
        assert running.now.backlog == 0
        assert len(app.threads) == 20
        gate.open()
        for client in clients:
            assert client.response().body == b"hello\n"


def test_the_connection_goes_on() -> None:
    """With keep-alive, and another request of either kind."""
    with Gate() as gate, engine_on(Bound(gate), threads=1) as running, running.client() as client:
        gate.open()
        for _ in range(5):
            client.send(BOUND + request())
            assert [client.response().body for _ in range(2)] == [b"hello\n"] * 2


def test_its_threads_end() -> None:
    """What came for them goes with them."""

    def count() -> int:
        return sum(thread.name.startswith("potstill-") for thread in threading.enumerate())

    with Gate() as gate, engine_on(Bound(gate), threads=2) as running:
        running.ask()
        before = count()
        clients = [running.client() for _ in range(10)]
        for client in clients:
            client.send(BOUND)
        gate.wait_entered(10)
        gate.open()
        for client in clients:
            assert client.response().status == 200
            client.close()
        wait_until(lambda: count() == before, f"there are {before} threads again")
        assert running.ask() == b"hello\n"


def test_beyond_the_limit_it_keeps_its_seat() -> None:
    """Nobody is refused for having asked: two of three have threads, the third holds the only seat."""
    with Gate() as gate, engine_on(Bound(gate), threads=1, handover_limit=2) as running, ExitStack() as stack:
        stack.callback(gate.open)
        clients = [stack.enter_context(running.client()) for _ in range(3)]
        for count, client in enumerate(clients, 1):
            client.send(BOUND)
            gate.wait_entered(count)
        with running.client() as waiting:
            waiting.send(request())
            running.wait(lambda now: now.backlog == 1)
            gate.open()
            assert waiting.response().status == 200
        assert [client.response().status for client in clients] == [200] * 3


def test_a_stream_that_is_bound_leaves_as_it_is_made() -> None:
    """Block by block, on one thread, beside another; closed when its client leaves."""
    with Gate() as first, Gate() as second:
        gates = {"/first": first, "/second": second}
        closed: list[str] = []

        def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            environ["potstill.io_bound"]()
            start_response("200 OK", [("Content-Type", "text/event-stream")])
            try:
                for number in range(1000):
                    yield b"data: %d\n\n" % number
                    gates[environ["PATH_INFO"]].pass_through()
            finally:
                closed.append(environ["PATH_INFO"])

        with engine_on(app, threads=1) as running, running.client() as one, running.client() as two:
            streams = {"/first": one, "/second": two}
            for path, client in streams.items():
                client.send(request(path))
                client.wait_for(b"data: 0\n")
            for path, client in streams.items():
                gates[path].let(1)
                client.wait_for(b"data: 1\n")
            for path, client in streams.items():
                client.close()
                gates[path].open()
                wait_until(lambda: closed[-1:] == [path], "it is closed")  # noqa: B023
            running.wait_idle()


def test_draining_waits_for_it() -> None:
    with Gate() as gate, engine_on(Bound(gate), threads=1) as running, running.client() as client:
        client.send(BOUND)
        gate.wait_entered(1)
        running.engine.drain()
        assert not running.engine.wait_drained(0)
        gate.open()
        assert client.response().status == 200
        assert running.engine.wait_drained(WAIT_S)
