"""What is in flight, as shared memory tells it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from tests.support.engine import Environ, Gate, StartResponse, engine_on, request, wait_until


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
