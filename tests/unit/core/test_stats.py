"""Counters in shared memory: one slot a thread, summed by whoever reads."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Literal

import pytest

from potstill.core.refusals import REFUSALS
from potstill.core.stats import Board, Stats, count

Counter = Literal["exchanges", "accepted", "closed", "failures", "octets_received", "octets_sent"]
COUNTERS: tuple[Counter, ...] = (
    "exchanges",
    "accepted",
    "closed",
    "failures",
    "octets_received",
    "octets_sent",
)


def test_everything_starts_at_zero() -> None:
    stats = Stats(3)
    assert stats.threads == 3
    assert stats.totals() == dict.fromkeys(COUNTERS, 0)
    assert stats.refused() == {}
    assert stats.in_application() == 0


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_total_is_the_sum_over_all_threads(counter: Counter) -> None:
    """Numbers beyond 32 bits too; no counter touches another."""
    stats = Stats(4)
    for thread in range(4):
        count(stats, thread, counter, 1 << 40)
        count(stats, thread, counter, thread)
    assert stats.totals() == dict.fromkeys(COUNTERS, 0) | {counter: (4 << 40) + 6}


def test_refusals_are_counted_by_their_rule() -> None:
    """Every rule of the table has its counter; rules that nobody broke are left out."""
    stats = Stats(2)
    codes = [code for code, refusal in enumerate(REFUSALS) if refusal is not None]
    for code in codes:
        count(stats, code % 2, "refused", code, code=code)
    expected = {refusal.rule: code for code, refusal in enumerate(REFUSALS) if refusal is not None}
    assert stats.refused() == expected
    assert len(expected) == len(codes)


def test_a_thread_counts_as_inside_from_when_it_entered_until_it_left() -> None:
    stats = Stats(3)
    count(stats, 0, "application_since_ns", 1)
    count(stats, 2, "application_since_ns", 1 << 62)
    assert stats.in_application() == 2
    count(stats, 0, "application_since_ns", 0)
    assert stats.in_application() == 1


FORK = """
import os
from potstill.core.stats import Board, Stats, count
stats = Stats(1)
child = os.fork()
if child == 0:
    count(stats, 0, "exchanges", 42)
    os._exit(0)
os.waitpid(child, 0)
print(stats.totals()["exchanges"])
"""


def test_a_parent_reads_what_its_child_counts() -> None:
    """The mapping is made before the fork and shared by it. In a process of its own, which has no threads
    yet.
    """
    told = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=20, check=True
    )
    assert told.stdout == "42\n"


def test_threads_do_not_disturb_each_other() -> None:
    """Each writes its own slot, without a lock, and not one count is lost."""
    stats = Stats(4)

    def work(thread: int) -> None:
        for _ in range(5000):
            count(stats, thread, "exchanges")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert stats.totals()["exchanges"] == 20_000


@pytest.mark.parametrize("threads", [0, -1])
def test_at_least_one_thread_counts(threads: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Stats(threads)


def test_the_face_checks_its_arguments() -> None:
    stats = Stats(1)
    with pytest.raises(IndexError):
        count(stats, 1, "exchanges")
    with pytest.raises(KeyError):
        count(stats, 0, "soups")  # type: ignore[arg-type]


def test_a_worker_says_of_itself_what_its_supervisor_asks() -> None:
    """A sign of life is owed from the first question to the answer; then its figure is how long that took."""
    stats = Stats(2)
    fresh = stats.pulse()
    assert (fresh.accepting, fresh.load, fresh.working, fresh.beat_age_s) == (False, 0, 0, None)
    assert (fresh.asked_for_s, fresh.gil_wait_s) == (0.0, 0.0)
    stats.ask()
    first = stats.pulse().asked_for_s
    stats.ask()
    assert stats.pulse().asked_for_s > first > 0
    stats.answer()
    assert stats.pulse().asked_for_s == 0.0
    assert stats.pulse().gil_wait_s > first
    stats.answer()  # nobody has asked again
    assert stats.pulse().gil_wait_s > first


def test_who_sits_down_finds_a_clean_seat() -> None:
    """A worker that died left its figures; the next one at its seat starts anew, and nobody else's change."""
    board = Board(2)
    neighbour = Stats(1, board, 0)
    neighbour.accept(True)
    Stats(1, board, 1).accept(True)
    assert not Stats(1, board, 1).pulse().accepting
    assert neighbour.pulse().accepting
    assert Stats(1, board, 1).number == 1


@pytest.mark.parametrize("number", [-1, 2])
def test_there_is_no_seat_beyond_the_board(number: int) -> None:
    with pytest.raises(IndexError):
        Stats(1, Board(2), number)


def test_a_board_has_a_seat() -> None:
    with pytest.raises(ValueError, match="seats must be at least 1, not 0"):
        Board(0)
