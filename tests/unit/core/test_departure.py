"""What the schedule is told of threads that leave their places; its threads are driven by hand."""

from __future__ import annotations

import threading

import pytest

from potstill.core.by_hand import ScheduleFace
from tests.support.engine import WAIT_S
from tests.unit.core.test_schedule import Must, Note, Then, Threads


def waiting(schedule: ScheduleFace, thread: int) -> threading.Thread:
    """A thread that does what it was told: to poll, or to park."""
    made = threading.Thread(target=schedule.wait, args=(thread,), daemon=True)
    made.start()
    return made


def ended(thread: threading.Thread) -> bool:
    thread.join(WAIT_S)
    return not thread.is_alive()


def running_and_awake(threads: Threads) -> tuple[int, int]:
    running, awake, *_ = threads.schedule.numbers()
    return running, awake


def test_who_leaves_takes_neither_seat_nor_place_along() -> None:
    """And ends with what it has in hand, whatever there is to do."""
    threads = Threads(2)
    threads.enter()
    threads.schedule.next(0)
    assert running_and_awake(threads) == (1, 1)
    threads.schedule.detach(0)
    assert running_and_awake(threads) == (0, 0)
    threads.enter()
    assert threads.schedule.next(0, Then.END) == Must.END
    assert running_and_awake(threads) == (0, 0)


def test_the_next_takes_its_place() -> None:
    """As a thread that has just begun: without a seat until it has something to run."""
    threads = Threads(1)
    threads.enter()
    threads.schedule.next(0)
    threads.schedule.detach(0)
    threads.schedule.attach()
    assert running_and_awake(threads) == (0, 1)
    token = threads.enter()
    assert threads.schedule.next(2) == (token, Note.READABLE)
    assert running_and_awake(threads) == (1, 1)
    # The one that left comes to its end meanwhile, and takes no seat away.
    assert threads.schedule.next(0, Then.END) == Must.END
    assert running_and_awake(threads) == (1, 1)


@pytest.mark.parametrize("doing", [Must.POLL, Must.PARK])
def test_the_seat_is_free_at_once_for_who_waits(doing: Must) -> None:
    """A whole request stands in the backlog: whoever else there is comes for it, from wherever it waits."""
    threads = Threads(1)
    threads.occupy()
    second = threads.enter()
    assert threads.take(1) == (second, Note.READABLE)
    threads.schedule.set_target(2 if doing == Must.POLL else 1)
    assert threads.schedule.next(1, Then.BACKLOG) == doing
    helper = waiting(threads.schedule, 1)
    threads.schedule.detach(0)
    assert ended(helper)
    assert threads.schedule.next(1) == (second, Note.RUN)
    assert threads.running == 1


def test_who_comes_back_to_its_place_has_no_seat() -> None:
    """There was no thread for it: it stays awake, and takes work as before."""
    threads = Threads(1)
    threads.enter()
    threads.schedule.next(0)
    threads.schedule.detach(0)
    threads.schedule.attach()
    threads.schedule.give_back(0)
    assert running_and_awake(threads) == (0, 1)
    token = threads.enter()
    assert threads.schedule.next(0, Then.END) == (token, Note.READABLE)
    assert running_and_awake(threads) == (1, 1)


def test_a_place_that_nobody_takes_is_gone() -> None:
    """One that is parked is woken instead: the one that went may have been the last that was awake."""
    threads = Threads(2)
    threads.enter()
    threads.schedule.next(0)
    threads.schedule.detach(0)
    threads.schedule.attach()
    threads.schedule.give_back(-1)
    assert running_and_awake(threads) == (0, 1)
    assert threads.schedule.next(1) == Must.POLL


def test_the_slot_in_hand_is_settled_when_its_thread_ends() -> None:
    """What has come for it meanwhile is for others."""
    threads = Threads(1)
    token = threads.enter()
    threads.schedule.next(0)
    threads.schedule.detach(0)
    threads.schedule.attach()
    threads.schedule.note(token, Note.READABLE)
    assert threads.schedule.next(0, Then.GO_ON) == Must.END
    assert threads.schedule.next(2) == (token, Note.READABLE | Note.RESUME)


# The inspector's rounds


def test_rounds_that_were_asked_for_are_one() -> None:
    """Asked for before the inspector waits, it does not wait; asked for thrice, it goes once."""
    schedule = ScheduleFace(1)
    for _ in range(3):
        schedule.ask_inspection()
    assert schedule.await_inspection() is True
    rounds: list[bool] = []
    inspector = threading.Thread(target=lambda: rounds.append(schedule.await_inspection()), daemon=True)
    inspector.start()
    schedule.ask_inspection()
    assert ended(inspector)
    assert rounds == [True]


@pytest.mark.parametrize("asked", [False, True])
def test_the_end_is_the_end_of_rounds(asked: bool) -> None:
    """It is told from wherever the inspector waits, and every time again."""
    schedule = ScheduleFace(1)
    if asked:
        schedule.ask_inspection()
    rounds: list[bool] = []
    inspector = threading.Thread(target=lambda: rounds.append(schedule.await_inspection()), daemon=True)
    if not asked:
        inspector.start()
    schedule.end()
    if asked:
        inspector.start()
    assert ended(inspector)
    assert rounds == [False]
    assert schedule.await_inspection() is False
