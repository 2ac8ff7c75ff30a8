"""Draining without dismissing: idle connections may ask once more."""

from __future__ import annotations

import socket

import pytest

from potstill.core.engine import Engine
from potstill.core.stats import Stats
from tests.support.engine import GET, WAIT_S, StartResponse, engine_on, options


def hello(environ: dict[str, object], start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def test_an_idle_connection_may_ask_once_more() -> None:
    """Its answer says that it is the last; nothing that was on its way is lost."""
    with engine_on(hello) as running, running.client() as client:
        client.send(GET)
        client.response()
        running.engine.drain(dismiss=False)
        assert not running.engine.wait_drained(0.05)
        client.send(GET)
        answer = client.response()
        assert (answer.status, answer.connection) == (200, {"close"})
        assert running.engine.wait_drained(WAIT_S)


def test_it_may_be_dismissed_later() -> None:
    """A second call ends what is idle, as one that dismisses from the start does."""
    with engine_on(hello) as running, running.client() as client:
        client.send(GET)
        client.response()
        running.engine.drain(dismiss=False)
        running.engine.drain()
        assert running.engine.wait_drained(WAIT_S)
        client.expect_end()


def test_nobody_there_is_drained_at_once() -> None:
    """And no client that comes later is taken in."""
    with engine_on(hello) as running:
        running.engine.drain(dismiss=False)
        assert running.engine.wait_drained(WAIT_S)
        with running.client():
            assert running.engine.statistics().connections == 0


def test_stats_must_have_a_slot_for_every_thread() -> None:
    """Else threads would count in memory that is not there."""
    with pytest.raises(ValueError, match=r"such an engine counts in \d+ slots, not in 3"):
        Engine(hello, [], options(threads=2), Stats(3))


def test_the_doors_are_shut_before_anyone_is_told() -> None:
    """Who waits already is taken in, the socket is closed in the same moment, and answers are as before."""
    with engine_on(hello) as running, running.client() as first, running.client() as second:
        first.send(GET)
        first.response()
        running.engine.shut(close=True)
        running.engine.shut(close=True)
        assert running.listener.fileno() == -1
        for client in (first, second):
            client.send(GET)
            assert "close" not in client.response().connection
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(running.address, timeout=WAIT_S)
        assert not running.engine.statistics().draining


def test_an_engine_that_retires_says_so_and_goes_on() -> None:
    """To who asks whether it is ready; clients notice nothing."""
    with engine_on(hello) as running, running.client() as client:
        running.engine.retiring = True
        assert running.engine.statistics().draining
        client.send(GET)
        assert "close" not in client.response().connection
