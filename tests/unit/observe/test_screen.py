"""The screen of `potstill top`, made of two moments of a server."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from potstill.core.ledger import enter
from potstill.core.stats import count
from potstill.observe.facts import Past
from potstill.observe.screen import Line, Moment, duration, lines, screen, shown_time, stack_lines, summary
from potstill.observe.status import status
from tests.unit.observe.crew import SERVER, busy_stats, worker

FLIGHT: dict[str, Any] = {
    "worker": 1,
    "pid": 7,
    "thread": 42,
    "method": "GET",
    "target": "/slow",
    "peer": "127.0.0.1:5",
    "route": "/slow",
    "phase": "running",
    "seconds": 12.5,
}


def moments() -> tuple[Moment, Moment]:
    """Ten requests of half a second within two seconds, after seventeen others."""
    stats = busy_stats()
    member = worker(stats=stats)
    before = Moment(status(Past().facts([member], SERVER)), [])
    for _ in range(10):
        enter(stats.ledger, "", 200, application_ns=500_000_000)
    count(stats, 0, "exchanges", 10)
    now = status(Past().facts([member], replace(SERVER, now=SERVER.now + 2)))
    return before, Moment(now, [FLIGHT])


def text(content: list[Line]) -> str:
    return "\n".join(line.text for line in content)


def test_rates_and_percentiles_are_of_the_time_between() -> None:
    """Not of all the time since the start, in which everything was quick."""
    before, now = moments()
    shown = text(list(lines(now, before)))
    assert re.search(r"\b5\.0 requests/s", shown)
    found = re.search(r"p50 (\d+\.\d) ms", shown)
    assert found is not None
    assert float(found[1]) == pytest.approx(500, rel=0.13)
    assert "2xx 5.0/s" in shown
    assert "27 in all" in shown


def test_the_first_screen_has_all_the_time_since_the_start() -> None:
    before, _ = moments()
    shown = text(list(lines(before, None)))
    assert re.search(r"\b0\.3 requests/s", shown)  # 17 in a minute
    assert "nothing is in the application" in shown


def test_workers_and_requests_have_a_line_each() -> None:
    before, now = moments()
    shown = text(list(lines(now, before)))
    assert re.search(r"^ +1 +\d+ +ready +1m +5\.0 ", shown, re.M)
    assert re.search(r"^ 12\.50s +1 +42 +running +GET +127\.0\.0\.1:\d+ +/slow", shown, re.M)


def test_the_screen_is_as_large_as_the_terminal() -> None:
    before, now = moments()
    shown = screen(list(lines(now, before)), 40, 6)
    rows = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", shown).split("\r\n")
    assert len(rows) == 6
    assert all(len(row) <= 40 for row in rows)
    assert rows[-1].startswith("q quit")


def test_a_stack_is_that_of_the_thread_of_the_request() -> None:
    threads = [
        {"name": "other", "thread": 41, "stack": "  not this"},
        {"name": "potstill-3", "thread": 42, "stack": "  File a\n  File b"},
    ]
    answer = {"workers": [{"worker": 1, "answered": True, "threads": threads}]}
    shown = text(list(stack_lines(FLIGHT, answer)))
    assert "potstill-3" in shown
    assert "  File a\n  File b" in shown
    assert "not this" not in shown


@pytest.mark.parametrize(
    ("flight", "workers", "words"),
    [
        (None, [], "nothing is in the application"),
        (FLIGHT, [{"worker": 1, "answered": False, "threads": None}], "has not answered"),
        (FLIGHT, [{"worker": 1, "answered": True, "threads": []}], "ended meanwhile"),
        ({**FLIGHT, "phase": "queued", "thread": 0}, [], "waits for a thread"),
    ],
)
def test_where_there_is_no_stack_it_says_why(flight: Any, workers: list[Any], words: str) -> None:
    assert words in text(list(stack_lines(flight, {"workers": workers})))


def test_programs_get_the_same_as_numbers() -> None:
    before, now = moments()
    found = summary(now, before)
    assert found["requests_per_second"] == 5.0
    assert found["seconds"]["p50"] == pytest.approx(0.5, rel=0.13)
    assert found["inflight"] == [FLIGHT]


@pytest.mark.parametrize(("us", "shown"), [(7.5, "8 µs"), (1500, "1.5 ms"), (2.5e6, "2.50 s")])
def test_times_have_the_unit_that_suits_them(us: float, shown: str) -> None:
    assert shown_time(us) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(42, "42s"), (300, "5m"), (7200, "2h"), (200_000, "2d")])
def test_ages_are_short(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
