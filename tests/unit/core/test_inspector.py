"""Requests that run for long: their deadlines, and the reports of them. The clock is moved by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator

import pytest

from potstill.core.interrupts import RequestTimeout
from tests.support.engine import (
    GET,
    WAIT_S,
    Environ,
    Gate,
    StartResponse,
    engine_on,
    hello,
    request,
)
from tests.support.wire import CutError
from tests.unit.core.busy import BUSY, Busy, Rounds, busy_on
from tests.unit.core.lasting import Stuck
from tests.unit.core.stage import PLAIN, Log

SLOW = "slow request, still running"
LATE = "deadline passed, request ended"


# Deadlines


def test_a_deadline_ends_its_request(log: Log) -> None:
    """504 at once, and the end; RequestTimeout in the view, whose `finally` runs; a log line."""
    application = Busy()
    with busy_on(application, request_timeout_s=5) as running, running.client() as client:
        client.send(BUSY)
        assert application.started.wait(WAIT_S)
        running.engine.advance_clock(6)
        response = client.response()
        assert (response.status, response.connection) == (504, {"close"})
        client.expect_end()
        assert application.ended.wait(WAIT_S)
        assert application.how == [RequestTimeout]
        line = log.wait_for(LATE, "GET /busy", client.local_address, "r-42", "in the application", "queued")
        assert "pause.acquire" in line.getMessage()
        client.close()
        assert running.ask() == b"hello\n"
        running.wait_idle()
        assert (running.now.failures, running.now.lost) == (0, 0)
        assert len(log.texts()) == 1


def test_in_time_nothing_happens() -> None:
    """However often it is looked at."""
    rounds = Rounds()

    def begin(environ: Environ, start_response: StartResponse) -> None:
        environ["potstill.deadline"] = rounds

    application = Busy(begin)
    with busy_on(application, request_timeout_s=5) as running, running.client() as client:
        client.send(BUSY)
        assert application.started.wait(WAIT_S)
        running.engine.advance_clock(4)
        rounds.wait()
        application.stop.set()
        assert client.response().body == b"hello\n"
        assert application.how == []


def test_the_deadline_is_told() -> None:
    """Seconds of the monotonic clock; None where there is none."""
    told: list[float | None] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        told.append(environ["potstill.deadline"])
        return hello(environ, start_response)

    with engine_on(application, request_timeout_s=5) as running:
        before = time.monotonic()
        running.ask()
        after = time.monotonic()
    with engine_on(application) as running:
        running.ask()
    first, second = told
    assert first is not None
    assert before + 4 < first < after + 5.1
    assert second is None


@pytest.mark.parametrize("timeout_s", [0, 1000])
def test_an_application_may_lower_its_deadline(timeout_s: float) -> None:
    """Also where there was none."""

    def begin(environ: Environ, start_response: StartResponse) -> None:
        environ["potstill.deadline"] = time.monotonic() + 3

    application = Busy(begin)
    with busy_on(application, request_timeout_s=timeout_s) as running, running.client() as client:
        client.send(BUSY)
        assert application.started.wait(WAIT_S)
        running.engine.advance_clock(4)
        assert client.response().status == 504
        assert application.ended.wait(WAIT_S)
        assert application.how == [RequestTimeout]


class Trap:
    def __float__(self) -> float:
        raise KeyError("an object of the application's")


@pytest.mark.parametrize(
    "nonsense",
    ["soon", object(), [], float("nan"), float("inf"), 10**400, None, Trap()],
    ids=["word", "object", "list", "nan", "inf", "huge", "none", "trap"],
)
def test_a_deadline_that_is_nonsense_never_passes(nonsense: object) -> None:
    """It is the application's own mistake; the engine, and others' deadlines, do not suffer from it."""
    rounds = Rounds()
    marked = threading.Event()
    application = Busy(lambda environ, _: environ.__setitem__("potstill.deadline", nonsense))

    def both(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/mark":
            environ["potstill.deadline"] = rounds
            marked.set()
            application.stop.wait(WAIT_S)
        return application(environ, start_response)

    with engine_on(both, threads=2) as running:  # with a timeout of the server's, that would hold
        with running.client() as client, running.client() as mark:
            client.send(BUSY)
            mark.send(request("/mark"))
            assert application.started.wait(WAIT_S)
            assert marked.wait(WAIT_S)
            running.engine.advance_clock(100)
            rounds.wait()
            application.stop.set()
            assert client.response().body == b"hello\n"
            assert mark.response().body == b"hello\n"
            assert application.how == []


def test_behind_the_head_the_connection_is_cut(log: Log) -> None:
    """Nobody must take what has come for all: the client sees that it is not."""

    def begin(environ: Environ, start_response: StartResponse) -> None:
        start_response("200 OK", [*PLAIN, ("Content-Length", "1000")])(b"half")

    application = Busy(begin)
    with busy_on(application, request_timeout_s=5) as running, running.client() as client:
        client.send(BUSY)
        assert application.started.wait(WAIT_S)
        client.wait_for(b"half")
        running.engine.advance_clock(6)
        with pytest.raises(CutError) as cut:
            client.response()
        assert cut.value.partial is not None
        assert cut.value.partial.body == b"half"
        assert application.ended.wait(WAIT_S)
        assert application.how == [RequestTimeout]
        log.wait_for(LATE)
        assert running.ask() == b"hello\n"


def test_a_streaming_view_is_interrupted_too() -> None:
    """Inside its generator, whose `finally` runs; close() is called."""
    ended = threading.Event()
    started = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            yield b"a"
            busy = Busy()
            started.set()
            busy.run()
        finally:
            ended.set()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/busy":
            return hello(environ, start_response)
        start_response("200 OK", PLAIN)
        return pieces()

    with engine_on(application, threads=1, request_timeout_s=5) as running, running.client() as client:
        client.send(BUSY)
        assert started.wait(WAIT_S)
        running.engine.advance_clock(6)
        assert ended.wait(WAIT_S)
        with pytest.raises(CutError):
            client.response()
        assert running.ask() == b"hello\n"


def test_a_view_that_swallows_the_interruption_has_no_say_any_more() -> None:
    """What it returns goes nowhere: the client has its 504, and the next client its own answer."""
    with Stuck() as stuck:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/busy":
                try:
                    stuck.stay()
                    for _ in range(1000):
                        pass
                except RequestTimeout:
                    pass
            return hello(environ, start_response)

        with engine_on(application, threads=1, request_timeout_s=5, interrupt_grace_s=1000) as running:
            with running.client() as client:
                client.send(BUSY)
                stuck.wait_entered()
                running.engine.advance_clock(6)
                assert client.response().status == 504
                stuck.free()
                client.expect_end()
                client.close()
                assert running.ask() == b"hello\n"
                running.wait_idle()
                assert running.now.lost == 0


@pytest.mark.slow
def test_the_interruption_hits_nobody_else() -> None:
    """A view that ends by itself in the very moment: the next requests of that thread are not interrupted."""
    application = Busy()
    with busy_on(application, request_timeout_s=5) as running:
        for _ in range(10):
            application.started.clear()
            application.stop.clear()
            with running.client() as client:
                client.send(BUSY)
                assert application.started.wait(WAIT_S)
                running.engine.advance_clock(6)
                application.stop.set()
                assert client.response().status in (200, 504)
            for _ in range(10):
                assert running.ask() == b"hello\n"
        running.wait_idle()
        assert running.now.failures == 0


# The report


@pytest.mark.slow
def test_a_slow_request_is_reported_at_doubling_times(log: Log) -> None:
    """At 10, 20 and 40 seconds, and not in between; each time with the stack of that moment."""
    rounds = Rounds()
    application = Busy(lambda environ, _: environ.__setitem__("potstill.deadline", rounds))
    with busy_on(application, slow_request_s=10) as running, running.client() as client:
        client.send(BUSY)
        assert application.started.wait(WAIT_S)
        lines = []
        for seconds in (9, 2, 8, 2, 5, 12, 3, 30):  # 9, 11, 19, 21, 26, 38, 41, 71
            running.engine.advance_clock(seconds)
            rounds.wait()
            lines.append(len(log.texts()))
        assert lines == [0, 1, 1, 2, 2, 2, 3, 3]
        for text in log.texts():
            assert SLOW in text
            assert "pause.acquire(timeout=0.002)" in text
            assert f"GET /busy from {client.local_address}, request id r-42" in text
        application.stop.set()
        assert client.response().body == b"hello\n"


def test_a_long_silence_is_reported_once(log: Log) -> None:
    """Where the inspector comes late, it does not make up for what it has missed."""
    rounds = Rounds()
    application = Busy(lambda environ, _: environ.__setitem__("potstill.deadline", rounds))
    with busy_on(application, slow_request_s=10) as running, running.client() as client:
        client.send(BUSY)
        assert application.started.wait(WAIT_S)
        running.engine.advance_clock(1000)
        rounds.wait()
        rounds.wait()
        assert len(log.texts()) == 1


def test_reports_may_be_off(log: Log) -> None:
    rounds = Rounds()
    application = Busy(lambda environ, _: environ.__setitem__("potstill.deadline", rounds))
    with busy_on(application, slow_request_s=0) as running, running.client() as client:
        client.send(BUSY)
        assert application.started.wait(WAIT_S)
        running.engine.advance_clock(1000)
        rounds.wait()
        assert log.texts() == []


# The table of what runs


def test_what_is_in_flight() -> None:
    """Each request with its facts, the oldest first, and the stack of its own thread."""
    with Gate() as gate:

        def first_view() -> None:
            gate.pass_through()

        def second_view() -> None:
            gate.pass_through()

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/first":
                first_view()
            elif environ["PATH_INFO"] == "/second":
                environ["potstill.request_id"] = "mine"
                second_view()
            return hello(environ, start_response)

        with engine_on(application, threads=2) as running:
            assert running.engine.in_flight() == []
            with running.client() as one, running.client() as two:
                one.send(request("/first?a=%20b"))
                gate.wait_entered(1)
                running.engine.advance_clock(3)
                two.send(request("/second", method="POST", body=b"x"))
                gate.wait_entered(2)
                running.engine.advance_clock(1)
                first, second = running.engine.in_flight()
                assert (first.method, first.target, first.peer) == ("GET", "/first?a=%20b", one.local_address)
                assert (second.method, second.target, second.request_id) == ("POST", "/second", "mine")
                assert first.request_id == "-"
                assert 4 <= first.elapsed_s < 4 + WAIT_S
                assert 1 <= second.elapsed_s < first.elapsed_s
                assert "in first_view" in first.stack
                assert "in second_view" in second.stack
                assert first.thread != second.thread
                assert {first.thread, second.thread} <= {each.name for each in running.engine.threads}
                gate.open()
                one.response()
                two.response()
            running.wait(lambda now: now.in_application == 0)
            assert running.engine.in_flight() == []


def test_the_time_in_the_queue_is_told_apart() -> None:
    """It waited for the only seat before it ran."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            return hello(environ, start_response)

        with engine_on(application, threads=1) as running:
            with running.client() as one, running.client() as two:
                one.send(GET)
                gate.wait_entered(1)
                two.send(request("/queued"))
                running.wait(lambda now: now.backlog == 1)
                running.engine.advance_clock(7)
                running.wait_looked()
                gate.let(1)
                one.response()
                gate.wait_entered(2)
                (now,) = running.engine.in_flight()
                assert now.target == "/queued"
                assert 7 <= now.queued_s < 7 + WAIT_S
                assert now.elapsed_s < WAIT_S
                gate.open()
                two.response()
