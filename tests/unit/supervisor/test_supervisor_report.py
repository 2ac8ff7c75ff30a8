"""The supervisor's words."""

from __future__ import annotations

import signal

from potstill.core.stats import count
from potstill.settings import Settings
from potstill.supervisor.crew import State
from potstill.supervisor.report import describe_crew, last_line, progress
from potstill.supervisor.stopping import begin
from tests.unit.supervisor.crews import Crew


def test_the_table_of_workers(crew: Crew) -> None:
    """By number, with what each carries and what becomes of it."""
    leaving, ready = crew.member(2, State.LEAVING, "reload"), crew.member(1)
    count(ready.stats, 0, "exchanges", 7)
    count(ready.stats, 0, "accepted", 3)
    count(ready.stats, 1, "closed", 1)
    assert describe_crew([leaving, ready], 1, 60.0).splitlines() == [
        "2 workers, 1 wanted",
        (
            "  worker 1 (pid 1001): ready, 60 s old, 7 requests, 2 connections, 0 in the application, "
            "GIL taken in 0.0 ms"
        ),
        (
            "  worker 2 (pid 1002): leaving, 60 s old, 0 requests, 0 connections, 0 in the application, "
            "GIL taken in 0.0 ms, to be replaced after reload"
        ),
    ]


def test_how_a_stop_gets_on(crew: Crew) -> None:
    """Who is waited for, and how long yet."""
    member = crew.member(1)
    count(member.stats, 0, "accepted", 1)
    count(member.stats, 0, "application_since_ns", 1)
    stop = begin(signal.SIGTERM, Settings(drain_delay=5.0), 100.0)
    assert progress(stop, [member], 102.0) == (
        "stopping on SIGTERM: accepting for another 3 s; 1 connection (1 in the application) in 1 worker"
    )
    stop.advance(103.0, 30.0)
    assert progress(stop, [member], 106.0) == (
        "stopping on SIGTERM: 1 connection (1 in the application) in 1 worker, for at most 27 s"
    )


def test_the_last_line_says_what_was_raised() -> None:
    assert last_line("Traceback\n  File\nKeyError: 'key'\n") == "KeyError: 'key'"
