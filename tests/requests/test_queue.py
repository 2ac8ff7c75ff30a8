"""Time in the queue: told to the application, and the reason for a 503 when there is too much of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.support.engine import Environ, Gate, Running, StartResponse, engine_on, hello, request
from tests.support.wire import Client, Response

BLOCK = request("/block")


class Noted:
    """/block waits at the gate; every request's time in the queue is noted by its path."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.queue_seconds: dict[str, float] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seconds = environ["potstill.queue_seconds"]
        assert type(seconds) is float
        self.queue_seconds[environ["PATH_INFO"]] = seconds
        if environ["PATH_INFO"] == "/block":
            self.gate.pass_through()
        return hello(environ, start_response)


@contextmanager
def blocked(**changes: Any) -> Iterator[tuple[Running, Noted, ExitStack]]:
    """An engine whose one runner is in a view; its client is in the stack."""
    with Gate() as gate, engine_on(app := Noted(gate), threads=1, **changes) as running, ExitStack() as stack:
        first = stack.enter_context(running.client())
        first.send(BLOCK)
        gate.wait_entered(1)
        # Before the engine is stopped.
        stack.callback(gate.open)
        yield running, app, stack


def queued(running: Running, stack: ExitStack, raw: bytes = request("/queued")) -> Client:
    """A client whose request is in the backlog."""
    before = running.now.backlog
    client = stack.enter_context(running.client())
    client.send(raw)
    running.wait(lambda now: now.backlog == before + 1)
    return client


# environ["potstill.queue_seconds"]


def test_a_request_that_is_taken_at_once_has_not_queued() -> None:
    with Gate() as gate, engine_on(app := Noted(gate)) as running:
        running.ask()
    assert 0 <= app.queue_seconds["/"] < 1


def test_waiting_for_a_seat_is_told() -> None:
    with blocked() as (running, app, stack):
        client = queued(running, stack)
        running.engine.advance_clock(5)
        app.gate.open()
        assert client.response().status == 200
        assert 5 <= app.queue_seconds["/queued"] < 7


def test_the_time_of_a_slow_client_is_not_queue_time() -> None:
    """It counts from the end of the request, not from the connection's first byte."""
    with Gate() as gate, engine_on(app := Noted(gate)) as running, running.client() as client:
        raw = request("/slow")
        client.send(raw[:-1])
        running.wait_received(len(raw) - 1)
        running.engine.advance_clock(15)
        client.send(raw[-1:])
        client.response()
        assert app.queue_seconds["/slow"] < 1


# X-Request-Start: when a proxy in front took the request


def ago(seconds: float) -> float:
    return time.time() - seconds


FORMS = {
    "seconds": lambda then: f"{then:.3f}",
    "whole seconds": lambda then: f"{then:.0f}",
    "milliseconds": lambda then: f"{then * 1000:.0f}",
    "microseconds": lambda then: f"{then * 1e6:.0f}",
    "t= seconds (nginx)": lambda then: f"t={then:.3f}",
    "t= milliseconds": lambda then: f"t={then * 1000:.0f}",
    "t= microseconds (Apache)": lambda then: f"t={then * 1e6:.0f}",
}


def seconds_told(value: str, *, trust: bool = True) -> float:
    with Gate() as gate, engine_on(app := Noted(gate), trust_request_start=trust) as running:
        running.ask(request("/", f"X-Request-Start: {value}"))
    return app.queue_seconds["/"]


@pytest.mark.parametrize("form", FORMS)
def test_the_start_is_understood_in_every_form(form: str) -> None:
    assert 29 <= seconds_told(FORMS[form](ago(30))) < 35


@pytest.mark.parametrize("form", FORMS)
def test_a_start_in_the_future_is_now(form: str) -> None:
    """Clocks of two machines differ; time never runs backwards."""
    assert 0 <= seconds_told(FORMS[form](ago(-300))) < 1


@pytest.mark.parametrize(
    "value",
    [
        "",
        "t=",
        "yesterday",
        "-5",
        "0",
        "t=-5",
        "nan",
        "inf",
        "1e400",
        "0x65",
        "1_700_000_000",
        "t=t=1700000000",
        "9" * 400,
        "1700000000, 1700000001",
        "\u0663".encode().decode("latin-1") * 10,  # a digit to int(), not to RFC 9110
    ],
)
def test_nonsense_is_ignored(value: str) -> None:
    """As if there were no such field: it is a hint, not a reason to refuse anybody."""
    assert 0 <= seconds_told(value) < 1


def test_without_trust_the_field_is_only_a_field() -> None:
    assert 0 <= seconds_told(f"t={ago(30):.3f}", trust=False) < 1


# 503


def check_503(response: Response) -> None:
    assert response.status == 503
    retry_after = response.get("retry-after")
    assert retry_after is not None
    assert retry_after.isdigit()
    assert 1 <= int(retry_after) <= 3600


def test_who_queued_too_long_is_answered_503() -> None:
    """While the runner is still in its view; who came later waits on, and the reason is counted."""
    with blocked(queue_timeout_s=10.0) as (running, app, stack):
        early = queued(running, stack)
        running.engine.advance_clock(6)
        late = queued(running, stack, request("/late"))
        running.engine.advance_clock(5)
        check_503(early.response())
        running.wait(lambda now: now.refused == {"queue-timeout": 1})
        assert running.now.backlog == 1
        app.gate.open()
        assert late.response().status == 200
        assert "/queued" not in app.queue_seconds
        assert app.queue_seconds["/late"] < 8


def test_without_the_option_requests_queue_for_ever() -> None:
    with blocked(queue_timeout_s=0.0) as (running, app, stack):
        client = queued(running, stack)
        running.engine.advance_clock(100_000)
        running.wait_looked()
        app.gate.open()
        assert client.response().status == 200


def test_time_before_the_proxy_counts() -> None:
    """Queue time is one thing: what was lost in front of us, if it is trusted, is lost as well."""
    old = f"X-Request-Start: t={ago(30):.3f}"
    with Gate() as gate:
        gate.open()
        with engine_on(Noted(gate), trust_request_start=True, queue_timeout_s=10.0) as running:
            with running.client() as client:
                client.send(request("/", old))
                check_503(client.response())
        with engine_on(Noted(gate), queue_timeout_s=10.0) as running:
            assert running.ask(request("/", old)) == b"hello\n"


def test_a_full_backlog_is_answered_503() -> None:
    """At once; those that are in it are served, and when there is room again so is everybody."""
    with blocked(backlog_limit=2) as (running, app, stack):
        inside = [queued(running, stack, request(f"/{name}")) for name in ("one", "two")]
        for count in range(1, 4):
            with running.client() as client:
                client.send(request("/too-many"))
                check_503(client.response())
            running.wait(lambda now: now.refused == {"backlog-full": count})  # noqa: B023
        assert running.now.backlog == 2
        app.gate.open()
        assert [client.response().status for client in inside] == [200, 200]
        assert "/too-many" not in app.queue_seconds
        assert running.ask() == b"hello\n"


def test_a_full_backlog_is_said_before_the_body_is_read() -> None:
    """Whoever would be turned away in the end need not upload first; or is turned away after it, but is."""
    with blocked(backlog_limit=1) as (running, _, stack):
        queued(running, stack)
        with running.client() as client:
            client.send(request("/too-many", method="POST", body=bytes(1000)))
            check_503(client.response())


def test_without_a_limit_the_backlog_grows() -> None:
    with blocked(backlog_limit=0) as (running, app, stack):
        clients = [queued(running, stack) for _ in range(50)]
        app.gate.open()
        assert {client.response().status for client in clients} == {200}
