"""The engine's threads: who leaves a seat, who takes it, and that none of it adds up."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.engine import (
    GET,
    WAIT_S,
    Environ,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)
from tests.unit.core.lasting import LAST, Lasting, Stuck, last, threads_of
from tests.unit.core.stage import Log
from tests.unit.core.views import answered, block

COMPLAINT = "cannot give a request a thread of its own"


@pytest.fixture
def lasting() -> Iterator[Lasting]:
    made = Lasting()
    with made.gate:
        yield made


# By their own wish


def test_a_request_that_lasts_leaves_its_seat(lasting: Lasting) -> None:
    """With one seat, and that one left, another request is answered meanwhile; then the first is."""
    with engine_on(lasting, threads=1) as running, ExitStack() as stack:
        clients = last(running, lasting, stack, 1)
        assert running.ask() == b"hello\n"
        assert (running.now.handed_over, running.now.in_application) == (1, 1)
        lasting.gate.open()
        answered(*clients)
        running.wait(lambda now: now.handed_over == now.in_application == 0)
        assert running.now.requests == 2
        assert lasting.told == [True]


def test_many_last_and_the_seats_stay_what_they_are(lasting: Lasting) -> None:
    """Thirty have threads of their own; of those that did not ask, two run at a time as ever."""
    with engine_on(lasting, threads=2) as running, ExitStack() as stack:
        clients = last(running, lasting, stack, 30)
        before = lasting.gate.entered
        waiting = block(running, lasting, stack, 2)
        third = stack.enter_context(running.client())
        third.send(GET)
        running.wait(lambda now: now.backlog == 1)
        now = running.now
        assert (now.handed_over, now.running, now.in_application) == (30, 2, 32)
        assert lasting.gate.entered == before + 2
        lasting.gate.open()
        answered(*clients, *waiting, third)


def test_asking_twice_is_asking_once() -> None:
    """The second time changes nothing, and is true as well."""
    told: list[object] = []
    gate = Lasting().gate

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        told.extend(environ["potstill.io_bound"]() for _ in range(3))
        gate.pass_through()
        return hello(environ, start_response)

    with gate, engine_on(application, threads=1, handover_limit=2) as running, running.client() as client:
        client.send(GET)
        gate.wait_entered(1)
        assert told == [True, True, True]
        assert running.now.handed_over == 1
        gate.open()
        answered(client)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_beyond_the_limit_nobody_leaves(lasting: Lasting, log: Log, limit: int) -> None:
    """Who asks then is told so, keeps the seat, and finishes all the same; the log says it once."""
    with engine_on(lasting, threads=1, handover_limit=limit) as running, ExitStack() as stack:
        clients = last(running, lasting, stack, limit + 1)
        assert sorted(lasting.told) == [False] + [True] * limit
        later = stack.enter_context(running.client())
        later.send(LAST)
        running.wait(lambda now: now.backlog == 1)
        assert (running.now.handed_over, running.now.running) == (limit, 1)
        lasting.gate.open()
        answered(*clients, later)
        assert len([line for line in log.texts() if COMPLAINT in line]) == 1
        log.wait_for(COMPLAINT, "--handover-limit")


def test_a_refused_request_keeps_its_deadline() -> None:
    """Only a request with a thread of its own is free of it."""
    seen: list[object] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        before = environ["potstill.deadline"]
        seen.append((environ["potstill.io_bound"](), environ["potstill.deadline"] == before))
        return hello(environ, start_response)

    with engine_on(application, handover_limit=0, request_timeout_s=5) as running:
        running.ask()
    assert seen == [(False, True)]


@pytest.mark.slow
def test_threads_do_not_add_up() -> None:
    """After fifty hand-overs, with a limit of two at a time, there are as many threads as before."""
    told: list[bool] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        told.append(environ["potstill.io_bound"]())
        return hello(environ, start_response)

    with engine_on(application, threads=2, handover_limit=2) as running:
        wait_until(lambda: len(threads_of(running)) == len(running.engine.threads) > 2)
        begun = len(running.engine.threads)
        before = len(os.listdir("/proc/self/task"))
        for _ in range(50):
            running.ask()
            running.wait(lambda now: now.handed_over == 0)
        assert told == [True] * 50
        wait_until(lambda: len(threads_of(running)) == begun == len(running.engine.threads))
        wait_until(lambda: len(os.listdir("/proc/self/task")) <= before)
        running.wait(lambda now: now.requests == 50)


def test_the_connection_goes_on_without_its_thread() -> None:
    """The next request of it is another thread's, one that came behind as well as one that comes later."""
    threads: list[str] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        threads.append(threading.current_thread().name)
        environ["potstill.io_bound"]()
        return hello(environ, start_response)

    with engine_on(application, threads=1) as running, running.client() as client:
        for _ in range(10):
            client.send(GET + GET)
            answered(client, client)
            client.send(request(method="POST", body=b"x" * 100_000))
            answered(client)
        assert len(set(threads)) == 30
        assert client.socket.fileno() >= 0


def test_no_thread_to_be_had(lasting: Lasting, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request stays where it is, and all goes on; the next may have better luck."""
    start = threading.Thread.start
    failures = iter([RuntimeError("can't start new thread")])

    def fail_once(thread: threading.Thread) -> None:
        if (error := next(failures, None)) is not None:
            raise error
        start(thread)

    with engine_on(lasting, threads=1) as running, ExitStack() as stack:
        threads = threads_of(running)
        monkeypatch.setattr(threading.Thread, "start", fail_once)
        clients = last(running, lasting, stack, 1)
        assert lasting.told == [False]
        assert (running.now.handed_over, threads_of(running)) == (0, threads)
        log.wait_for(COMPLAINT, "can't start new thread")
        clients += last(running, lasting, stack, 1)
        assert lasting.told == [False, True]
        assert running.ask() == b"hello\n"
        lasting.gate.open()
        answered(*clients)
        running.wait(lambda now: now.handed_over == 0)
        for _ in range(20):
            assert running.ask() == b"hello\n"


# Because they did not come back


class Lost:
    """/stay is stuck in C; else hello."""

    def __init__(self, stuck: Stuck) -> None:
        self.stuck = stuck
        self.ends: list[str] = []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/stay":
            try:
                self.stuck.stay()
            except BaseException as error:
                self.ends.append(type(error).__name__)
                raise
        return hello(environ, start_response)


@pytest.mark.slow
def test_the_seat_of_a_lost_runner_goes_to_another(log: Log) -> None:
    """Its client hears 504 at once; after the grace the seat is free. A thread that comes back ends."""
    with Stuck() as stuck:
        application = Lost(stuck)
        limits: dict[str, Any] = {
            "request_timeout_s": 5.0,
            "interrupt_grace_s": 3.0,
            "threads": 1,
            "handover_limit": 0,
        }
        with engine_on(application, **limits) as running, running.client() as client:
            threads = len(threads_of(running))
            client.send(request("/stay"))
            stuck.wait_entered()
            running.engine.advance_clock(6)
            assert client.response().status == 504
            client.expect_end()
            assert running.now.lost == 0
            running.engine.advance_clock(4)
            running.wait(lambda now: now.lost == 1)
            assert running.ask() == b"hello\n"
            assert (running.now.handed_over, running.now.in_application) == (0, 1)
            wait_until(lambda: len(threads_of(running)) == threads + 1)
            log.wait_for("not back within --interrupt-grace", "GET /stay", "stuck.stay()")
            stuck.free()
            running.wait(lambda now: now.in_application == 0)
            wait_until(lambda: len(threads_of(running)) == threads == len(running.engine.threads))
            assert running.now.lost == 1  # since the start
        assert application.ends == ["RequestTimeout"]


@pytest.mark.slow
def test_stopping_does_not_wait_for_those_who_have_left(lasting: Lasting) -> None:
    """They are inside the application, as any other that does not come back, and are named."""
    with engine_on(lasting, threads=2) as running, ExitStack() as stack:
        clients = last(running, lasting, stack, 3)
        left = running.engine.stop(0.05)
        assert len(left) == 3
        lasting.gate.open()
        assert running.engine.stop(WAIT_S) == []
        running.wait(lambda now: now.handed_over == now.connections == 0)
        for client in clients:
            client.close()


def test_a_draining_engine_waits_for_those_who_have_left(lasting: Lasting) -> None:
    """Their answers are whole, and say that they are the last."""
    with engine_on(lasting, threads=1) as running, ExitStack() as stack:
        clients = last(running, lasting, stack, 3)
        running.engine.drain()
        assert not running.engine.wait_drained(0)
        lasting.gate.open()
        for client in clients:
            response = client.response()
            assert (response.body, response.connection) == (b"hello\n", {"close"})
            client.expect_end()
            client.close()
        assert running.engine.wait_drained(WAIT_S)
