"""How many threads may be awake: what the watch makes of each tick, and of each window of 20 ms.

That it is there, and that it sleeps, is in test_engine_rules.py.
"""

from __future__ import annotations

import pytest

from potstill.core.stats import Stats, count
from potstill.core.watch import judged, ticked

THREADS = 9
BLOCKED, COMPUTING = 0, 100  # percent of a processor


def inside(threads: int = THREADS, runners: int = 1) -> Stats:
    """So many threads of an engine, of which some are inside the application."""
    stats = Stats(threads)
    for runner in range(runners):
        count(stats, runner, "application_since_ns", 1)
    return stats


# Ticks


@pytest.mark.parametrize("percent", [0, 10, 40])
def test_blocked_runners_are_replaced_at_once(percent: int) -> None:
    """Work waits, nothing ends, and the processor is idle: one thread more at every tick, up to all."""
    targets = ticked(inside(), 1, percent, awake=THREADS)
    assert targets == [*range(2, THREADS), *[THREADS] * (21 - THREADS + 1)]


@pytest.mark.parametrize("percent", [60, 100, 190])
def test_computing_runners_are_given_time(percent: int) -> None:
    """Another thread would only take the GIL from them: one more after fifteen ticks, and not before."""
    assert ticked(inside(), 1, percent) == [1] * 14 + [2] * 6


@pytest.mark.parametrize("percent", [BLOCKED, COMPUTING])
def test_without_work_that_waits_nothing_is_raised(percent: int) -> None:
    assert ticked(inside(), 3, percent, waits=False) == [3] * 20


@pytest.mark.parametrize("percent", [BLOCKED, COMPUTING])
def test_with_nobody_inside_nothing_is_raised(percent: int) -> None:
    """Work that waits then is about to be taken: nobody stands in its way."""
    assert ticked(inside(runners=0), 3, percent) == [3] * 20


def test_a_target_that_is_not_reached_yet_is_not_raised() -> None:
    """A thread that has been woken and has not noticed is on its way."""
    assert ticked(inside(), 4, BLOCKED, awake=3) == [4] * 20


def test_the_target_ends_at_the_threads_there_are() -> None:
    assert ticked(inside(2), 2, BLOCKED) == [2] * 20


# Windows


@pytest.mark.parametrize("percent", [90, 100, 130])
@pytest.mark.parametrize(("target", "after"), [(9, 4), (8, 4), (3, 1), (2, 1), (1, 1)])
def test_the_target_halves_when_the_interpreter_is_the_limit(percent: int, target: int, after: int) -> None:
    """Between 0.9 and 1.3 of a processor: more threads would only switch; one is always left."""
    assert judged(THREADS, target, percent) == after
    assert judged(THREADS, target, percent, always_waiting=True) == after


@pytest.mark.parametrize("percent", [131, 200, 800])
def test_what_lets_the_gil_go_is_left_alone(percent: int) -> None:
    """More than a processor and a third is used: something computes without the GIL."""
    assert judged(THREADS, 8, percent) == 8
    assert judged(THREADS, 8, percent, always_waiting=True) == 8


@pytest.mark.parametrize("percent", [0, 50, 84])
def test_a_window_in_which_work_always_waited_raises(percent: int) -> None:
    """Though exchanges ended: the processor had time for more."""
    assert judged(THREADS, 4, percent, always_waiting=True) == 5
    assert judged(THREADS, THREADS, percent, always_waiting=True) == THREADS
    assert judged(THREADS, 4, percent) == 4


@pytest.mark.parametrize("percent", [85, 89])
def test_between_the_two_nothing_changes(percent: int) -> None:
    assert judged(THREADS, 4, percent, always_waiting=True) == 4


def test_a_long_calm_lowers_slowly() -> None:
    """A thousand ticks without work that waited: one fewer, and never none."""
    assert judged(THREADS, 4, 10, calm_ticks=1000) == 4
    assert judged(THREADS, 4, 10, calm_ticks=1001) == 3
    assert judged(THREADS, 1, 10, calm_ticks=1001) == 1
