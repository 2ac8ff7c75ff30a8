"""What an engine tells of itself: plain values that add up, and stay as they were."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack

import pytest

from potstill.core.report import EngineStatistics, InFlight
from tests.support.engine import GET, engine_on, request
from tests.unit.core.lasting import Lasting, last
from tests.unit.core.views import answered, block

FACTS = InFlight(
    method="GET",
    target="/a?b",
    peer="192.0.2.1:5000",
    request_id="r-1",
    elapsed_s=12.3456,
    queued_s=0.5,
    thread="potstill-3",
    stack="  File",
)


def test_a_request_in_one_line() -> None:
    """Who asks for what, how long it has run and waited, and where; the stack is told apart."""
    assert str(FACTS) == (
        "GET /a?b from 192.0.2.1:5000, request id r-1: 12.346 s in the application, 0.500 s queued, "
        "in thread potstill-3"
    )


def test_what_was_told_stays() -> None:
    """Whoever holds it, it cannot be changed behind another's back."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        FACTS.method = "POST"  # type: ignore[misc]


def test_the_numbers_add_up() -> None:
    """Seats, threads that have left theirs, those who wait, and what has been answered and refused."""
    views = Lasting()
    with views.gate, engine_on(views, threads=2, backlog_limit=1) as running, ExitStack() as stack:
        first = running.now
        assert first.connections == first.requests == first.handed_over == first.in_application == 0
        assert (first.draining, first.refused) == (False, {})
        clients = last(running, views, stack, 3) + block(running, views, stack, 2)
        waiting = stack.enter_context(running.client())
        waiting.send(GET)
        running.wait(lambda now: now.backlog == 1)
        turned_away = stack.enter_context(running.client())
        turned_away.send(request("/too/many"))
        assert turned_away.response().status == 503
        turned_away.close()
        running.wait(lambda now: now.connections == 6)
        now = running.now
        assert (now.handed_over, now.running, now.in_application, now.backlog) == (3, 2, 5, 1)
        assert (now.accepted, now.requests, now.refused) == (7, 0, {"backlog-full": 1})
        assert now.awake <= 3
        assert 1 <= now.target <= 3
        views.gate.open()
        answered(*clients, waiting)
        running.wait(lambda now: now.requests == 6 and now.in_application == now.handed_over == 0)
        assert first.requests == 0
        running.engine.drain()
        assert running.now.draining
    assert isinstance(running.now, EngineStatistics)
