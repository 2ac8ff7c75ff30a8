"""How many threads may be awake: what the watch makes of each tick, and of each window of 20 ms.

That it is there, and that it sleeps, is in test_engine_rules.py.
"""

from __future__ import annotations

import threading

import pytest

from potstill.core.stats import Stats, count
from potstill.core.watch import judged, runs, ticked
from tests.support.engine import wait_until

THREADS = 9
BLOCKED, COMPUTING = False, True


def inside(threads: int = THREADS, runners: int = 1) -> Stats:
    """So many threads of an engine, of which some work."""
    stats = Stats(threads)
    for runner in range(runners):
        count(stats, runner, "working_since_ns", 1)
    return stats


# Ticks


def test_blocked_runners_are_replaced_at_once() -> None:
    """Work waits, nothing ends, and nobody runs: one thread more at every tick, up to all."""
    targets = ticked(inside(), 1, BLOCKED, awake=THREADS)
    assert targets == [*range(2, THREADS), *[THREADS] * (21 - THREADS + 1)]


def test_computing_runners_are_given_time() -> None:
    """Another thread would only take the GIL from them: one more after fifteen ticks, and not before."""
    assert ticked(inside(), 1, COMPUTING) == [1] * 14 + [2] * 6


@pytest.mark.parametrize("computing", [BLOCKED, COMPUTING])
def test_without_work_that_waits_nothing_is_raised(computing: bool) -> None:
    assert ticked(inside(), 3, computing, waits=False) == [3] * 20


@pytest.mark.parametrize("computing", [BLOCKED, COMPUTING])
def test_with_nobody_at_work_nothing_is_raised(computing: bool) -> None:
    """Work that waits then is about to be taken: nobody stands in its way."""
    assert ticked(inside(runners=0), 3, computing) == [3] * 20


def test_a_target_that_is_not_reached_yet_is_not_raised() -> None:
    """A thread that has been woken and has not noticed is on its way."""
    assert ticked(inside(), 4, BLOCKED, awake=3) == [4] * 20


def test_the_target_ends_at_the_threads_there_are() -> None:
    assert ticked(inside(2), 2, BLOCKED) == [2] * 20


def test_the_kernel_tells_who_runs() -> None:
    """A thread that asks is running; one that waits for an event is not."""
    assert runs(threading.get_native_id())
    gate = threading.Event()
    waiting = threading.Thread(target=gate.wait)
    waiting.start()
    try:
        assert waiting.native_id is not None
        wait_until(lambda: not runs(waiting.native_id or 0))
    finally:
        gate.set()
        waiting.join()


# Windows


@pytest.mark.parametrize("computing", [90, 100])
@pytest.mark.parametrize(("target", "after"), [(9, 4), (8, 4), (5, 2), (4, 3), (3, 2), (2, 1), (1, 1)])
def test_the_target_falls_when_the_interpreter_is_the_limit(computing: int, target: int, after: int) -> None:
    """Somebody always computes: more threads would only switch. Few fall by one, and one stays."""
    assert judged(THREADS, target, computing) == after
    assert judged(THREADS, target, computing, waiting=True) == after


@pytest.mark.parametrize("percent", [131, 200, 800])
def test_what_lets_the_gil_go_is_left_alone(percent: int) -> None:
    """More than a processor and a third is used: something computes without the GIL."""
    assert judged(THREADS, 8, 100, percent) == 8
    assert judged(THREADS, 8, 100, percent, waiting=True) == 8


@pytest.mark.parametrize("percent", [20, 130])
def test_background_work_does_not_lower_the_target(percent: int) -> None:
    """A thread of the application's own that computes without the GIL is none of the engine's."""
    assert judged(THREADS, 8, 10, percent) == 8


@pytest.mark.parametrize("computing", [0, 50, 84])
def test_a_window_in_which_work_always_waited_raises(computing: int) -> None:
    """Though exchanges ended: the processor had time for more."""
    assert judged(THREADS, 4, computing, waiting=True) == 5
    assert judged(THREADS, THREADS, computing, waiting=True) == THREADS
    assert judged(THREADS, 4, computing) == 4


@pytest.mark.parametrize("computing", [85, 89])
def test_between_the_two_nothing_changes(computing: int) -> None:
    assert judged(THREADS, 4, computing, waiting=True) == 4


def test_a_long_calm_lowers_slowly() -> None:
    """A thousand ticks without work that waited: one fewer, and never none."""
    assert judged(THREADS, 4, 10, calm_ticks=1000) == 4
    assert judged(THREADS, 4, 10, calm_ticks=1001) == 3
    assert judged(THREADS, 1, 10, calm_ticks=1001) == 1
