"""Clients that leave while their request runs: who hears of it, and what becomes of the request."""

from __future__ import annotations

import threading

from potstill.core.interrupts import ClientDisconnected
from tests.support.engine import GET, WAIT_S, Environ, StartResponse
from tests.unit.core.busy import BUSY, Busy, Rounds, busy_on
from tests.unit.core.stage import Log


def test_who_has_gone_needs_no_answer() -> None:
    """--cancel-on-disconnect: ClientDisconnected in the view, and the seat is free."""
    application = Busy()
    with busy_on(application, cancel_on_disconnect=True) as running:
        with running.client() as client:
            client.send(BUSY)
            assert application.started.wait(WAIT_S)
        assert application.ended.wait(WAIT_S)
        assert application.how == [ClientDisconnected]
        assert running.ask() == b"hello\n"
        running.wait_idle()
        assert running.now.failures == 0


def test_without_that_option_a_view_goes_on_alone() -> None:
    """As everywhere."""
    heard = threading.Event()
    application = Busy(lambda environ, _: environ["potstill.on_disconnect"](heard.set))
    with busy_on(application) as running:
        with running.client() as client:
            client.send(BUSY)
            assert application.started.wait(WAIT_S)
        assert heard.wait(WAIT_S)
        assert not application.ended.is_set()
        application.stop.set()
        assert application.ended.wait(WAIT_S)
        running.wait_idle()
        assert application.how == []


def test_callbacks_are_called_once_and_each(log: Log) -> None:
    """In their order; one that raises is logged and hides no other."""
    calls: list[str] = []
    done = threading.Event()
    rounds = Rounds()

    def fail() -> None:
        calls.append("fails")
        raise ValueError("the callback's own")

    def begin(environ: Environ, start_response: StartResponse) -> None:
        environ["potstill.deadline"] = rounds
        for callback in (lambda: calls.append("first"), fail, lambda: calls.append("last"), done.set):
            environ["potstill.on_disconnect"](callback)

    application = Busy(begin)
    with busy_on(application, threads=2) as running:
        with running.client() as client:
            client.send(BUSY)
            assert application.started.wait(WAIT_S)
            assert calls == []
        assert done.wait(WAIT_S)
        rounds.wait()
        assert calls == ["first", "fails", "last"]
        log.wait_for("exception in a callback of on_disconnect", "the callback's own")
        assert len(log.texts()) == 1
        assert running.ask() == b"hello\n"


def test_a_client_that_stays_is_not_taken_for_gone() -> None:
    """Not by requests behind the present one either."""
    rounds = Rounds()
    application = Busy(lambda environ, _: environ.__setitem__("potstill.deadline", rounds))
    with busy_on(application, cancel_on_disconnect=True) as running, running.client() as client:
        client.send(BUSY)
        assert application.started.wait(WAIT_S)
        client.send(GET)
        running.engine.advance_clock(1)
        rounds.wait()
        application.stop.set()
        assert client.response().body == client.response().body == b"hello\n"
        assert application.how == []
