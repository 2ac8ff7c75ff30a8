"""What is in flight, as shared memory tells it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from tests.support.engine import Environ, Gate, StartResponse, behind, engine_on, request, wait_until


def test_a_request_is_in_flight_while_it_is_in_the_application() -> None:
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            start_response("200 OK", [])
            return [b""]

        with engine_on(application) as running, running.client() as client:
            stats = running.engine.stats
            assert stats.flights() == []
            client.send(request("/cart?id=7"))
            gate.wait_entered(1)
            (flight,) = stats.flights()
            host, port = client.socket.getsockname()
            assert (flight.method, flight.target, flight.peer) == ("GET", "/cart?id=7", f"{host}:{port}")
            assert (flight.phase, flight.sent) == ("running", 0)
            assert 0 <= time.monotonic() - flight.since_s < 20
            assert flight.thread_id in {thread.native_id for thread in threading.enumerate()}
            assert f"GET /cart?id=7 from {host}:{port}" in flight.line(time.monotonic())
            gate.open()
            assert client.response().status == 200
            wait_until(lambda: stats.flights() == [])


def test_what_is_sent_of_an_answer_is_told() -> None:
    """The phase is another one then."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [])
            yield b"a" * 1000
            gate.pass_through()

        with engine_on(application) as running, running.client() as client:
            client.send(request("/"))
            gate.wait_entered(1)
            (flight,) = running.engine.stats.flights()
            assert (flight.phase, flight.sent) == ("writing", 1000)
            gate.open()


def test_route_and_request_id_are_told_of_what_is_older() -> None:
    """The inspector looks them up: they may be given while the request runs."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ["potstill.route"] = "/cart"
            gate.pass_through()
            start_response("200 OK", [])
            return []

        with engine_on(application) as running, running.client() as client:
            client.send(request("/", "X-Request-ID: abc"))
            gate.wait_entered(1)
            running.engine.advance_clock(1)
            wait_until(lambda: running.engine.stats.flights()[0].route == "/cart")
            assert running.engine.stats.flights()[0].request_id == "abc"
            gate.open()


def test_texts_are_cut_and_harmless() -> None:
    """A target as long as a page, and a field with a line break's worth of trouble."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ["potstill.request_id"] = "a\nb\x1b[2J\xe9"
            gate.pass_through()
            start_response("200 OK", [])
            return []

        with engine_on(application) as running, running.client() as client:
            client.send(request("/" + "x" * 5000))
            gate.wait_entered(1)
            running.engine.advance_clock(1)
            wait_until(lambda: running.engine.stats.flights()[0].request_id)
            (flight,) = running.engine.stats.flights()
            assert flight.target == "/" + "x" * 158
            assert flight.request_id == r"a\x0ab\x1b[2J\xe9"
            gate.open()


def test_whoever_leaves_its_seat_stays_in_flight() -> None:
    """It counts in another slot from then on, and in that one only."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            asked: Any = environ["potstill.io_bound"]
            assert asked()
            gate.pass_through()
            start_response("200 OK", [])
            return []

        with engine_on(application) as running, running.client() as client:
            client.send(request("/events"))
            gate.wait_entered(1)
            assert [flight.target for flight in running.engine.stats.flights()] == ["/events"]
            assert running.engine.stats.gauges().handed_over == 1
            gate.open()
            client.response()
            running.wait_idle(1)
            wait_until(lambda: running.engine.stats.gauges().handed_over == 0)
            assert running.engine.stats.flights() == []


def test_a_request_that_waits_for_a_thread_is_seen_too() -> None:
    """Behind those in the application, until its turn comes; with the id that its client gave it."""
    with Gate() as gate:
        with (
            engine_on(behind(gate), threads=1) as running,
            running.client() as first,
            running.client() as second,
        ):
            stats = running.engine.stats
            first.send(request("/first"))
            gate.wait_entered(1)
            second.send(request("/second", "X-Request-ID: abc"))
            running.wait(lambda now: now.backlog == 1)
            called, waiting = stats.flights()
            assert (called.target, called.phase) == ("/first", "running")
            host, port = second.socket.getsockname()
            assert (waiting.method, waiting.target, waiting.peer) == ("GET", "/second", f"{host}:{port}")
            assert (waiting.phase, waiting.request_id, waiting.thread_id) == ("queued", "abc", 0)
            assert 0 <= time.monotonic() - waiting.since_s < 20
            assert waiting.line(waiting.since_s + 2).endswith("request id abc: 2.000 s queued")
            gate.let(1)
            gate.wait_entered(2)
            (called,) = stats.flights()
            assert (called.target, called.phase) == ("/second", "running")
            gate.open()
            assert first.response().status == second.response().status == 200
            wait_until(lambda: stats.flights() == [])


def test_who_leaves_while_it_waits_is_seen_no_more() -> None:
    with Gate() as gate:
        with engine_on(behind(gate), threads=1) as running, running.client() as first:
            first.send(request("/first"))
            gate.wait_entered(1)
            with running.client() as second:
                second.send(request("/second"))
                running.wait(lambda now: now.backlog == 1)
                second.reset()
            gate.open()
            assert first.response().status == 200
            wait_until(lambda: running.engine.stats.flights() == [])


def test_a_request_that_the_application_has_postponed_waits() -> None:
    resumes: list[Any] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not resumes:
            resumes.append(environ["potstill.postpone"](lambda: None))
            return []
        start_response("200 OK", [])
        return []

    with engine_on(application) as running, running.client() as client:
        client.send(request("/later"))
        running.wait(lambda now: now.held == 1)
        (flight,) = running.engine.stats.flights()
        assert (flight.target, flight.phase) == ("/later", "queued")
        assert resumes[0]()
        assert client.response().status == 200
        wait_until(lambda: running.engine.stats.flights() == [])


def test_of_very_many_that_wait_some_are_seen() -> None:
    """As many as there are places for; all are answered, and every place is free again."""
    with Gate() as gate, ExitStack() as stack:
        with engine_on(behind(gate), threads=1) as running:
            for round_ in range(2):
                clients = [stack.enter_context(running.client()) for _ in range(100)]
                for client in clients:
                    client.send(request("/crowd"))
                running.wait(lambda now: now.backlog == 99)
                phases = Counter(flight.phase for flight in running.engine.stats.flights())
                assert phases == {"running": 1, "queued": 64}, round_
                gate.let(100)
                assert {client.response().status for client in clients} == {200}
                wait_until(lambda: running.engine.stats.flights() == [])
