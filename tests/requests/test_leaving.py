"""Clients that leave: the application can ask, be told, or be interrupted. Who half-closes has not left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

import potstill
from tests.requests.stuck import Stuck
from tests.support.engine import (
    GET,
    Application,
    Environ,
    Gate,
    Running,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)
from tests.support.wire import Client
from tests.unit.core.stage import Log

KEYS = ["potstill.client_disconnected", "waitress.client_disconnected"]
LEAVE: dict[str, Callable[[Client], None]] = {"closing": Client.close, "resetting": Client.reset}
leaving = pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)


class Watched:
    """A view that waits at a gate, with its environ for the test to ask; everything else is hello."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.environ: Environ = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/watched":
            self.environ = environ
            self.gate.pass_through()
        return hello(environ, start_response)

    def gone(self, key: str = KEYS[0]) -> bool:
        answer = self.environ[key]()
        assert type(answer) is bool
        return answer


WATCHED = request("/watched")


# Asking


@pytest.mark.parametrize("key", KEYS)
@leaving
def test_a_client_that_leaves_is_missed(key: str, leave: Callable[[Client], None]) -> None:
    """False while it is there, true soon after it has gone, and for ever after."""
    with Gate() as gate, engine_on(app := Watched(gate), threads=2) as running:
        client = running.client()
        client.send(WATCHED)
        gate.wait_entered(1)
        running.wait_looked()
        assert app.gone(key) is False
        leave(client)
        wait_until(lambda: app.gone(key), "the application learns that the client has gone")
        assert app.gone(key) is True
        gate.open()


def test_it_is_missed_with_one_thread() -> None:
    """The only runner is in the view: somebody else has to look."""
    with Gate() as gate, engine_on(app := Watched(gate), threads=1) as running:
        client = running.client()
        client.send(WATCHED)
        gate.wait_entered(1)
        client.close()
        wait_until(app.gone)
        gate.open()
        assert running.ask() == b"hello\n"


def test_a_client_of_a_large_upload_is_missed() -> None:
    """Also when its body went through a file."""
    with Gate() as gate, engine_on(app := Watched(gate), body_memory_bytes=10_000) as running:
        client = running.client()
        client.send(request("/watched", method="POST", body=bytes(200_000)))
        gate.wait_entered(1)
        assert app.gone() is False
        client.close()
        wait_until(app.gone)
        gate.open()


@pytest.mark.parametrize("key", KEYS)
def test_who_half_closes_with_more_to_say_has_not_left(key: str) -> None:
    """`printf … | nc`: two requests and the end of sending. Both are answered, and nobody has gone."""
    with Gate() as gate, engine_on(app := Watched(gate), threads=2) as running, running.client() as client:
        client.send(WATCHED + GET)
        client.half_close()
        gate.wait_entered(1)
        running.wait_looked()
        assert app.gone(key) is False
        gate.open()
        assert [client.response().body for _ in range(2)] == [b"hello\n"] * 2
        client.expect_end()


@pytest.mark.parametrize("cancel", [False, True], ids=["", "cancel-on-disconnect"])
def test_who_half_closes_gets_the_answer(cancel: bool) -> None:
    """http-rules: "half-close by the client: the response is still sent"."""
    with Gate() as gate, engine_on(Watched(gate), threads=2, cancel_on_disconnect=cancel) as running:
        with running.client() as client:
            client.send(WATCHED + GET)
            client.half_close()
            gate.wait_entered(1)
            running.wait_looked()
            gate.open()
            assert [client.response().body for _ in range(2)] == [b"hello\n"] * 2
            client.expect_end()


def test_a_lone_request_and_a_half_close_are_answered() -> None:
    """The same without anything pending, which may look like leaving; what can still be sent is."""
    with Gate() as gate, engine_on(Watched(gate), threads=2) as running, running.client() as client:
        client.send(WATCHED)
        client.half_close()
        gate.wait_entered(1)
        running.wait_looked()
        gate.open()
        assert client.response().body == b"hello\n"
        client.expect_end()


def test_each_request_of_a_connection_has_its_own_answer() -> None:
    """What is asked of a finished request crashes nobody; and the next one's client is there."""
    kept: list[Callable[[], bool]] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kept.append(environ[KEYS[0]])
        assert kept[-1]() is False
        return hello(environ, start_response)

    with engine_on(app) as running, running.client() as client:
        for _ in range(3):
            client.send(GET)
            client.response()
        client.close()
        running.wait_idle()
        with running.client() as other:
            other.send(GET)
            other.response()
        assert [type(ask()) for ask in kept] == [bool] * 4


# Being told


def registered(gate: Gate, *callbacks: Callable[[], object], late: bool = False) -> Application:
    """A view that registers callbacks, before or after it has waited at the gate."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/watched":
            return hello(environ, start_response)
        if late:
            gate.pass_through()
        for callback in callbacks:
            environ["potstill.on_disconnect"](callback)
        gate.pass_through()
        return hello(environ, start_response)

    return app


@leaving
def test_callbacks_are_called_once_each(leave: Callable[[Client], None]) -> None:
    """While the view still runs, in the order of registration, without arguments."""
    calls: list[str] = []
    with Gate() as gate:
        app = registered(gate, lambda: calls.append("one"), lambda: calls.append("two"))
        with engine_on(app, threads=1) as running:
            client = running.client()
            client.send(WATCHED)
            gate.wait_entered(1)
            running.wait_looked()
            assert calls == []
            leave(client)
            wait_until(lambda: calls == ["one", "two"], "both were called")
            gate.open()
            assert running.ask() == b"hello\n"
            running.wait_idle()
        assert calls == ["one", "two"]


def test_a_callback_that_comes_too_late_is_called_at_once() -> None:
    """Nobody has to look first whether it is needed still."""
    calls: list[str] = []
    with Gate() as gate, engine_on(registered(gate, lambda: calls.append("late"), late=True)) as running:
        client = running.client()
        client.send(WATCHED)
        gate.wait_entered(1)
        client.reset()
        running.wait_looked()
        gate.let(1)
        gate.wait_entered(2)
        wait_until(lambda: calls == ["late"])
        gate.open()


def test_a_client_that_stays_calls_nobody() -> None:
    """Nor one that leaves after its answer: the request is over."""
    calls: list[str] = []
    with Gate() as gate, engine_on(registered(gate, lambda: calls.append("called"))) as running:
        gate.open()
        with running.client() as client:
            client.send(WATCHED)
            assert client.response().status == 200
        running.wait_idle()
        assert running.ask() == b"hello\n"
    assert calls == []


def test_a_callback_that_fails_is_logged_and_no_more(log: Log) -> None:
    """The next one is called all the same, and the server goes on."""
    calls: list[str] = []

    def fails() -> None:
        raise LookupError("no such cask")

    with Gate() as gate, engine_on(registered(gate, fails, lambda: calls.append("after"))) as running:
        client = running.client()
        client.send(WATCHED)
        gate.wait_entered(1)
        client.reset()
        wait_until(lambda: calls == ["after"])
        gate.open()
        assert running.ask() == b"hello\n"
    assert any(
        record.exc_info and "no such cask" in str(record.exc_info[1]) for record in log.records
    ) or any("no such cask" in text for text in log.texts())


@pytest.mark.parametrize("callback", [None, "callback", 5])
def test_what_cannot_be_called_is_refused_at_once(callback: Any) -> None:
    """TypeError where it is registered, not later in a thread of the server."""
    seen: list[BaseException] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            environ["potstill.on_disconnect"](callback)
        except TypeError as error:
            seen.append(error)
        return hello(environ, start_response)

    with engine_on(app) as running:
        running.ask()
    assert len(seen) == 1


# Being interrupted


def wait_free(running: Running) -> None:
    running.wait(lambda now: now.in_application == 0)


def test_client_disconnected_is_no_exception_that_views_catch() -> None:
    assert issubclass(potstill.ClientDisconnected, BaseException)
    assert not issubclass(potstill.ClientDisconnected, Exception)
    assert "ClientDisconnected" in potstill.__all__


@leaving
def test_the_view_is_interrupted_when_it_is_asked_for(stuck: Stuck, leave: Callable[[Client], None]) -> None:
    """--cancel-on-disconnect: the seat is free again; with one thread that shows."""
    with stuck.engine(threads=1, cancel_on_disconnect=True) as running:
        client = running.client()
        client.send(request("/in-python"))
        stuck.wait_entered(1)
        leave(client)
        stuck.wait_left(1)
        assert [type(error) for error in stuck.raised] == [potstill.ClientDisconnected]
        assert running.ask() == b"hello\n"
        wait_free(running)


def test_by_default_a_view_is_not_interrupted(stuck: Stuck) -> None:
    """An order that was placed is placed."""
    with stuck.engine(threads=2) as running:
        client = running.client()
        client.send(request("/in-python"))
        stuck.wait_entered(1)
        client.reset()
        running.wait_looked()
        assert (running.now.in_application, stuck.raised) == (1, [])
        stuck.let_go()
        wait_free(running)
        assert stuck.raised == []


def test_no_failure_is_logged_for_a_client_that_left(stuck: Stuck, log: Log) -> None:
    """It is nobody's fault: no traceback."""
    with stuck.engine(threads=1, cancel_on_disconnect=True) as running:
        client = running.client()
        client.send(request("/in-python"))
        stuck.wait_entered(1)
        client.reset()
        stuck.wait_left(1)
        wait_free(running)
    assert [record for record in log.records if record.exc_info or "Traceback" in record.getMessage()] == []


def test_the_exception_never_strikes_the_next_request(stuck: Stuck) -> None:
    """Forty clients leave at about the moment when their view ends by itself; hello is always hello."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/":
            return hello(environ, start_response)
        for _ in range(2000):
            environ["potstill.client_disconnected"]()
        return hello(environ, start_response)

    with engine_on(app, threads=1, cancel_on_disconnect=True) as running:
        for _ in range(40):
            client = running.client()
            client.send(request("/busy"))
            client.reset()
            assert running.ask() == b"hello\n"
