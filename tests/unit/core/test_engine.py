"""The life of an engine: start, the limit on connections, drain, stop, and what each leaves behind.

Its scheduling is in test_engine_rules.py.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from potstill.core.engine import Engine, EngineStatistics
from tests.support.engine import (
    GET,
    WAIT_S,
    Environ,
    Gate,
    StartResponse,
    engine_on,
    hello,
    listen,
    options,
    request,
    wait_until,
)
from tests.support.wire import Client, CutError
from tests.unit.core.stage import Log

ROOT = Path(__file__).resolve().parents[3]
SIZE = 8_000_000


def gated(gate: Gate) -> object:
    """An application that waits at the gate when it is asked for /blocked."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/blocked"):
            gate.pass_through()
        if environ["PATH_INFO"].endswith("/large"):
            start_response("200 OK", [("Content-Length", str(SIZE))])
            return [bytes(SIZE)]
        return hello(environ, start_response)

    return application


def threads_of_engines() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("potstill-")}


# Start


def test_an_engine_that_was_not_started_has_no_threads() -> None:
    """Making one before a fork is safe; clients wait in the kernel meanwhile."""
    with listen() as listener:
        engine = Engine(hello, [listener], options(threads=3))
        assert threads_of_engines() == set()
        with Client(listener.getsockname(), WAIT_S) as client:
            client.send(GET)
            engine.start()
            try:
                assert client.response().body == b"hello\n"
                assert threads_of_engines() == {
                    *(f"potstill-{number}" for number in range(4)),
                    "potstill-watch",
                    "potstill-inspector",
                    "potstill-reporter",
                }
                assert all(
                    thread.daemon for thread in threading.enumerate() if thread.name in threads_of_engines()
                )
            finally:
                assert engine.stop() == []
    assert threads_of_engines() == set()


def test_an_engine_starts_once() -> None:
    with engine_on(hello) as running, pytest.raises(RuntimeError, match="started before"):
        running.engine.start()


def test_an_engine_that_was_never_started_may_be_stopped() -> None:
    with listen() as listener:
        engine = Engine(hello, [listener], options())
        assert engine.wait_drained(0) is False
        assert engine.stop() == []
        assert engine.statistics().connections == 0


def test_several_listeners(tmp_path: Path) -> None:
    """Each has its own SERVER_NAME and SERVER_PORT."""

    def where(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}".encode()]

    with listen() as first, listen() as second, listen(tmp_path / "socket") as third:
        engine = Engine(where, [first, second, third], options())
        engine.start()
        try:
            for listener in (first, second, third) * 2:
                address = listener.getsockname()
                expected = "localhost:80" if isinstance(address, str) else f"127.0.0.1:{address[1]}"
                with Client(address, WAIT_S) as client:
                    client.send(GET)
                    assert client.response().body == expected.encode()
        finally:
            assert engine.stop() == []


def test_what_it_is_given_it_keeps() -> None:
    given = options(threads=2)
    with listen() as listener:
        engine = Engine(hello, [listener], given)
        assert engine.options is given
        assert engine.stats.threads >= 3  # each counts in a slot of its own


# Statistics


def test_the_statistics_add_up() -> None:
    with engine_on(hello) as running:
        assert running.now == EngineStatistics(
            connections=0,
            accepted=0,
            requests=0,
            failures=0,
            in_application=0,
            running=0,
            awake=running.now.awake,
            target=1,
            ready=0,
            backlog=0,
            held=0,
            octets_received=0,
            octets_sent=0,
            refused={},
            draining=False,
            handed_over=0,
            lost=0,
        )
        post = request("/", method="POST", body=bytes(100_000))
        with running.client() as client:
            client.send(GET + post + b"nonsense\r\n\r\n")
            answers = [client.response() for _ in range(3)]
            assert [answer.status for answer in answers] == [200, 200, 400]
            client.half_close()
            client.expect_end()
        running.wait_idle()
        now = running.now
        assert (now.accepted, now.requests, now.failures) == (1, 2, 0)
        assert sum(now.refused.values()) == 1
        assert now.octets_received == len(GET) + len(post) + 12
        assert now.octets_sent > sum(len(answer.body) for answer in answers)
        assert dataclasses.is_dataclass(now)
        with pytest.raises(dataclasses.FrozenInstanceError):
            now.requests = 5  # type: ignore[misc]


# So many connections


def test_accepting_pauses_at_the_limit() -> None:
    """One more waits in the kernel, unanswered, until one of the others has gone; nobody is turned away."""
    with engine_on(hello, max_connections=3) as running:
        clients = [running.client() for _ in range(5)]
        for client in clients:
            client.send(GET)
        for client in clients[:3]:
            assert client.response().body == b"hello\n"
        running.wait_idle(3)
        assert running.now.accepted == 3
        clients[1].close()
        assert clients[3].response().body == b"hello\n"
        running.wait_idle(3)
        assert running.now.accepted == 4
        clients[0].close()
        clients[2].close()
        assert clients[4].response().body == b"hello\n"
        clients[3].send(GET)
        assert clients[3].response().body == b"hello\n"
        for client in clients:
            client.close()


def test_the_limit_holds_in_a_crowd() -> None:
    """Three hundred short connections through five places; it is never exceeded."""
    seen = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(running.now.connections)
        return hello(environ, start_response)

    with engine_on(application, max_connections=5, threads=4) as running:

        def crowd() -> None:
            for _ in range(50):
                assert running.ask() == b"hello\n"

        callers = [threading.Thread(target=crowd) for _ in range(6)]
        for each in callers:
            each.start()
        for each in callers:
            each.join(WAIT_S)
        running.wait_idle()
        assert running.now.requests == len(seen) == 300
    assert max(seen) <= 5


OUT_OF_DESCRIPTORS = """
import resource, sys, time
from tests.support.engine import *
from tests.support.wire import Client

limit = len(os.listdir("/proc/self/fd")) + 40
with engine_on(hello) as running:
    clients = [running.client() for _ in range(10)]
    for client in clients:
        client.send(GET)
        client.response()
    # Descriptors for the waiting clients, and none for the server's ends of them.
    used = len(os.listdir("/proc/self/fd")) - 1
    waiting = [socket.socket() for _ in range(5)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 5, 4096))
    for each in waiting:
        each.connect(running.address)
        each.sendall(GET)
        each.settimeout(WAIT_S)
    clients[0].send(GET)
    assert clients[0].response().body == b"hello\\n", "those that are in are served"
    running.wait(lambda now: now.accepted == 10 and idle(now))
    cpu = time.process_time()
    threading.Event().wait(0.5)
    cpu = time.process_time() - cpu
    assert cpu < 0.1, f"it spins: {cpu} s of processor time in half a second"
    assert running.now.connections == 10
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    running.engine.advance_clock(0.3)
    for each in waiting:
        assert each.recv(1000).startswith(b"HTTP/1.1 200"), "those that waited are served"
        each.close()
    for client in clients:
        client.close()
print("served")
"""


@pytest.mark.slow
def test_out_of_descriptors(tmp_path: Path) -> None:
    """Nothing spins, nobody is turned away, one line is logged; the service comes back by itself."""
    told = subprocess.run(
        [sys.executable, "-c", OUT_OF_DESCRIPTORS], cwd=ROOT, capture_output=True, text=True, timeout=40
    )
    assert (told.returncode, told.stdout) == (0, "served\n"), told.stderr
    assert told.stderr.count("cannot accept connections for now: Too many open files") == 1


# Drain


def test_draining_closes_the_idle_and_accepts_no_more() -> None:
    """Those that have said nothing, and those between two requests."""
    with engine_on(hello) as running, running.client() as fresh, running.client() as idle:
        idle.send(GET)
        idle.response()
        running.wait_idle(2)
        running.engine.drain()
        assert running.engine.wait_drained(WAIT_S)
        fresh.expect_end()
        idle.expect_end()
        with running.client() as late:
            late.send(GET)
            assert running.now.accepted == 2
        running.engine.drain()
        assert running.engine.wait_drained(0)


def test_nobody_there_is_drained_at_once() -> None:
    with engine_on(hello) as running:
        running.engine.drain()
        assert running.engine.wait_drained(WAIT_S)


def test_draining_lets_everything_finish() -> None:
    """A running view, a whole request in the backlog, one that is half there; each is told that it was the
    last.
    """
    with Gate() as gate, engine_on(gated(gate), threads=1) as running:  # type: ignore[arg-type]
        with running.client() as runs, running.client() as queued, running.client() as half:
            runs.send(request("/blocked"))
            gate.wait_entered(1)
            queued.send(GET)
            running.wait(lambda now: now.backlog == 1)
            half.send(GET[:10])
            running.wait(lambda now: now.octets_received == len(request("/blocked")) + len(GET) + 10)
            running.engine.drain()
            assert not running.engine.wait_drained(0)
            half.send(GET[10:])
            gate.open()
            for client in (runs, queued, half):
                answer = client.response()
                assert (answer.status, answer.connection) == (200, {"close"})
                client.expect_end()
        assert running.engine.wait_drained(WAIT_S)
        assert running.now.requests == 3


def test_draining_lets_an_answer_leave() -> None:
    """One that the client has begun to take, or that was promised a kept connection."""
    with Gate() as gate, engine_on(gated(gate), response_memory_bytes=1 << 30) as running:  # type: ignore[arg-type]
        with running.client() as client:
            client.send(request("/large"))
            running.wait(lambda now: now.requests == 1 and now.running == 0)
            running.engine.drain()
            assert not running.engine.wait_drained(0)
            assert len(client.response().body) == SIZE
            client.expect_end()
        assert running.engine.wait_drained(WAIT_S)


def test_pipelined_requests_after_the_drain_are_not_answered() -> None:
    """RFC 9112 section 9.6: behind an answer that says close, nothing counts."""
    with Gate() as gate, engine_on(gated(gate)) as running, running.client() as client:  # type: ignore[arg-type]
        client.send(request("/blocked") + GET)
        gate.wait_entered(1)
        running.engine.drain()
        gate.open()
        assert client.response().connection == {"close"}
        client.half_close()
        client.expect_end()
        assert running.engine.wait_drained(WAIT_S)
        assert running.now.requests == 1


def test_waiting_for_the_drain_has_a_bound() -> None:
    with Gate() as gate, engine_on(gated(gate)) as running, running.client() as client:  # type: ignore[arg-type]
        client.send(request("/blocked"))
        gate.wait_entered(1)
        running.engine.drain()
        assert not running.engine.wait_drained(0.01)
        gate.open()
        assert running.engine.wait_drained(WAIT_S)
        client.response()


# Stop


def test_stopping_cuts_what_is_left() -> None:
    """Idle, in the head, in the body, in the answer: all see an end; an unfinished answer sees a cut."""
    with Gate() as gate, engine_on(gated(gate), response_memory_bytes=1 << 30) as running:  # type: ignore[arg-type]
        with (
            running.client() as idle,
            running.client() as head,
            running.client() as body,
            running.client() as answer,
        ):
            head.send(GET[:10])
            body.send(request("/", method="POST", body=bytes(10))[:-5])
            answer.send(request("/large"))
            running.wait(lambda now: now.connections == 4 and now.requests == 1 and now.running == 0)
            assert running.engine.stop() == []
            idle.expect_end()
            head.expect_end()
            body.expect_end()
            with pytest.raises(CutError):
                answer.response()
        assert running.now.connections == 0
        assert running.engine.stop() == []


def test_a_view_that_does_not_end_is_named() -> None:
    """Its thread cannot be ended; every other connection is closed, and when the view returns its client is
    served.
    """
    with Gate() as gate, engine_on(gated(gate), threads=2) as running:  # type: ignore[arg-type]
        with running.client() as blocked, running.client() as idle, running.client() as head:
            idle.send(GET)
            idle.response()
            head.send(GET[:10])
            blocked.send(request("/blocked"))
            gate.wait_entered(1)
            running.wait(lambda now: now.connections == 3)
            (name,) = running.engine.stop(0.05)
            assert name.startswith("potstill-")
            assert threads_of_engines() == {name}
            idle.expect_end()
            head.expect_end()
            assert running.engine.stop(0) == [name]
            gate.open()
            assert blocked.response().connection == {"close"}
            blocked.expect_end()
        assert running.engine.stop() == []
        assert running.now.connections == 0


def test_stopping_from_inside_of_a_view() -> None:
    """As a program does that ends itself by a request. Its own thread is not waited for, nor is it a
    deadlock.
    """
    left: list[list[str]] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        left.append(running.engine.stop(WAIT_S))
        return hello(environ, start_response)

    with engine_on(application) as running, running.client() as client:
        client.send(GET)
        assert client.response().body == b"hello\n"
        client.expect_end()
    assert len(left) == 1
    assert len(left[0]) == 1


def test_the_listeners_stay_the_callers() -> None:
    """A second engine serves on the same socket when the first has stopped."""
    with listen() as listener:
        for _ in range(3):
            engine = Engine(hello, [listener], options())
            engine.start()
            with Client(listener.getsockname(), WAIT_S) as client:
                client.send(GET)
                assert client.response().body == b"hello\n"
            assert engine.stop() == []
            assert listener.fileno() >= 0


def test_an_engine_leaves_nothing_behind() -> None:
    """No thread, no descriptor, no reference to the application."""

    class Application:
        def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            return hello(environ, start_response)

    application = Application()
    gc.collect()  # what other tests have left
    before = os.listdir("/proc/self/fd"), sys.getrefcount(application)
    with engine_on(application) as running:
        assert running.ask() == b"hello\n"
    del running
    gc.collect()
    wait_until(lambda: (os.listdir("/proc/self/fd"), sys.getrefcount(application)) == before)
    assert threads_of_engines() == set()


def test_stopping_in_the_middle_of_uploads(tmp_path: Path) -> None:
    """Every thread of the engine helps to close what is left; nothing is closed twice."""
    for _ in range(20):
        with engine_on(hello, body_memory_bytes=10, spool_dir=str(tmp_path), threads=4) as running:
            clients = [running.client() for _ in range(12)]
            for client in clients:
                client.send(request("/", method="POST", body=bytes(5000))[:-1])
            running.wait(lambda now: now.connections == 12 and now.running == 0 and now.ready == 0)
            assert running.engine.stop() == []
            for client in clients:
                client.close()


# Log


def test_an_engine_is_quiet_when_all_is_well(log: Log) -> None:
    with engine_on(hello) as running:
        for _ in range(3):
            running.ask()
        running.engine.drain()
        running.engine.wait_drained(WAIT_S)
    assert log.texts() == []
