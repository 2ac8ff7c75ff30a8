"""What is in flight, in words."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from potstill.core.report import InFlight
from potstill.worker.inflight import exchanges, place_of, report, stack_of


@dataclass
class Statistics:
    connections: int
    in_application: int


def test_how_many_there_are() -> None:
    assert exchanges(Statistics(1, 0)) == "1 exchange (0 in the application)"
    assert exchanges(Statistics(3, 2)) == "3 exchanges (2 in the application)"


def test_each_request_with_its_stack() -> None:
    """A line that says which, and where its thread stands."""
    request = InFlight(
        "GET", "/door", "127.0.0.1:5", "-", 1.5, 0.0, "potstill-2", '  File "shop.py", line 7\n'
    )
    first, second, third = report(Statistics(2, 1), [request]).splitlines()
    assert first == "in flight: 2 connections, 1 in the application"
    assert second.startswith("GET /door from 127.0.0.1:5")
    assert third == '  File "shop.py", line 7'


def test_where_a_thread_stands() -> None:
    """In one line, and with all of its frames but the interpreter's own."""
    over, inside = threading.Event(), threading.Event()

    def wait_at_the_door() -> None:
        inside.set()
        over.wait()

    thread = threading.Thread(target=wait_at_the_door)
    thread.start()
    inside.wait()
    assert "wait_at_the_door (" in place_of(thread)
    assert "in wait_at_the_door\n    over.wait()" in stack_of(thread)
    over.set()
    thread.join()
    assert stack_of(thread) == "  code that is not Python"
