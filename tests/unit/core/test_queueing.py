"""How long requests have waited: by a proxy's word, and by the engine's own clock."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import pytest

from potstill.core.queueing import seconds_since
from potstill.core.spread import LIMITS
from tests.support.engine import GET, Environ, Gate, Running, StartResponse, engine_on, hello, request
from tests.unit.core.views import Views, answered, block

NOW = 1_700_000_000.25


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of day stands still."""
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    "text",
    [
        "1699999998.25",  # seconds, as nginx's $msec
        "t=1699999998.25",
        "1699999998250",  # milliseconds, as Heroku
        "t=1699999998250",
        "1699999998250.0",
        "1699999998250000",  # microseconds, as Apache's %t
        "t=1699999998250000",
        " t=1699999998.250 ",
        "1699999998.250000000",
    ],
)
def test_the_forms_of_a_time(text: str) -> None:
    """Each is two seconds ago; the size of the number tells its unit."""
    assert seconds_since(text) == pytest.approx(2.0, abs=1e-3)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("text", "seconds"), [("1699999999", 1.25), ("1700000000", 0.25), ("1000000000", 7e8 + 0.25)]
)
def test_whole_seconds(text: str, seconds: float) -> None:
    assert seconds_since(text) == pytest.approx(seconds)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "now",
        "t=",
        "t=-1699999998",
        "-1699999998",
        "1e9",
        "0x65a00000",
        "12345",  # before 2001: no clock is so wrong
        "1700000001",  # still to come
        "1700000002000",
        "9" * 25,
        "1699999998, 1699999997",  # two fields joined
        "t=1699999998 t=1",
        "١٦٩٩٩٩٩٩٩٨",
        "1699999998.",
        "1699999998.1234567890",
        "1_699_999_998",
    ],
)
def test_nonsense_is_no_time_at_all(text: str | None) -> None:
    """Neither is the future: clocks differ a little."""
    assert seconds_since(text) == 0.0


# Through an engine


class Told:
    """Says what its environ says of waiting; /block waits at the gate before."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.seconds: list[float] = []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.seconds.append(environ["potstill.queue_seconds"])
        if environ["PATH_INFO"] == "/block":
            self.gate.pass_through()
        return hello(environ, start_response)


def wait_counted(running: Running, requests: int) -> None:
    running.wait(lambda now: now.requests == requests and now.in_application == 0)


def test_time_in_the_backlog_is_told() -> None:
    """From when the request was whole to when a seat was free."""
    told = Told()
    with told.gate, engine_on(told, threads=1) as running:
        with running.client() as one, running.client() as two:
            one.send(request("/block"))
            told.gate.wait_entered(1)
            two.send(GET)
            running.wait(lambda now: now.backlog == 1)
            running.engine.advance_clock(5)
            told.gate.open()
            answered(one, two)
    first, second = told.seconds
    assert 0 <= first < 1
    assert 5 <= second < 25


@pytest.mark.parametrize(("trusted", "least"), [(True, 29), (False, 0)])
def test_a_proxys_word_counts_where_it_is_trusted(trusted: bool, least: float) -> None:
    told = Told()
    with engine_on(told, trust_request_start=trusted) as running:
        running.ask(request("/", f"X-Request-Start: t={time.time() - 30:.3f}"))
    (seconds,) = told.seconds
    assert least <= seconds < least + 21


@pytest.mark.parametrize("word", ["nonsense", "t=9999999999", "1"])
def test_a_proxys_nonsense_does_no_harm(word: str) -> None:
    told = Told()
    with engine_on(told, trust_request_start=True, queue_timeout_s=1) as running:
        assert running.ask(request("/", f"X-Request-Start: {word}")) == b"hello\n"
    assert 0 <= told.seconds[0] < 1


def test_who_has_waited_too_long_by_that_word_is_turned_away() -> None:
    """503 with Retry-After, counted by its reason; the application is not called."""
    told = Told()
    late = request("/", f"X-Request-Start: t={time.time() - 30:.3f}")
    with engine_on(told, trust_request_start=True, queue_timeout_s=10) as running, running.client() as client:
        client.send(late)
        response = client.response()
        assert (response.status, response.get("retry-after")) == (503, "10")
        assert running.now.refused == {"queue-timeout": 1}
        assert told.seconds == []


def test_who_has_waited_too_long_for_a_seat_is_turned_away(views: Views) -> None:
    """While it waits, and not only when its turn has come."""
    with engine_on(views, threads=1, queue_timeout_s=10) as running, ExitStack() as stack:
        blocked = block(running, views, stack, 1)
        waiting = stack.enter_context(running.client())
        waiting.send(GET)
        running.wait(lambda now: now.backlog == 1)
        running.engine.advance_clock(11)
        response = waiting.response()
        assert (response.status, response.get("retry-after")) == (503, "10")
        assert views.order == ["/block"]
        assert running.now.refused == {"queue-timeout": 1}
        views.gate.open()
        answered(*blocked)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_full_backlog_turns_away_at_once(views: Views, limit: int) -> None:
    """Those who wait are answered in their turn."""
    with engine_on(views, threads=1, backlog_limit=limit) as running, ExitStack() as stack:
        clients = block(running, views, stack, 1)
        for count in range(limit):
            clients.append(stack.enter_context(running.client()))
            clients[-1].send(GET)
            running.wait(lambda now, count=count: now.backlog == count + 1)  # type: ignore[misc]
        one_more = stack.enter_context(running.client())
        one_more.send(GET)
        response = one_more.response()
        assert response.status == 503
        assert response.get("retry-after") is not None
        assert running.now.refused == {"backlog-full": 1}
        views.gate.open()
        answered(*clients)


def test_the_histogram_adds_up() -> None:
    """Every request is in one bucket, in that of its own time; buckets ascend and are never empty."""
    told = Told()
    with told.gate, engine_on(told, threads=1) as running, ExitStack() as stack:
        clients = [stack.enter_context(running.client()) for _ in range(6)]
        clients[0].send(request("/block"))
        told.gate.wait_entered(1)
        for count, client in enumerate(clients[1:], start=1):
            client.send(GET)
            running.wait(lambda now, count=count: now.backlog == count)  # type: ignore[misc]
            running.engine.advance_clock(2**count)
        told.gate.open()
        answered(*clients)
        for _ in range(50):
            running.ask()
        wait_counted(running, 56)
        times = running.engine.stats.queue_times()
        assert times.count == 56
        assert counted(told.seconds, [limit / 1e6 for limit in LIMITS]) == list(times.counts)


def counted(seconds: list[float], limits: list[float]) -> list[Any]:
    """How many lie below each limit and not below the one before."""
    below = [sum(each < limit for each in seconds) for limit in limits]
    return [here - before for before, here in zip([0, *below], below, strict=False)]
