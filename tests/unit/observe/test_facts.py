"""One coherent view over all workers, those that are gone included."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from potstill.core.stats import Board, Stats, count
from potstill.observe.facts import Past
from tests.unit.observe.crew import SERVER, busy_stats, facts, worker


def test_totals_are_sums_over_the_living_and_the_dead() -> None:
    """In the moment in which a worker ends, nothing changes."""
    one, other, past = busy_stats(), busy_stats(), Past()
    before = past.facts([worker(1, stats=one), worker(2, stats=other)], SERVER)
    past.fold(one)
    after = past.facts([worker(2, stats=other)], SERVER)
    assert before.totals["exchanges"] == after.totals["exchanges"] == 34
    assert before.rows == after.rows
    assert before.refused == after.refused
    assert before.queue == after.queue
    assert after.rows["/cart", 2].count == 20
    past.fold(other)
    assert past.facts([], SERVER).rows == before.rows


def test_a_gauge_does_not_outlive_its_worker() -> None:
    """The seat of one that is gone is empty, and so is that of the next before it has sat down."""
    board = Board(2)
    stats = busy_stats(board, 1)
    past = Past()
    assert past.facts([worker(2, stats=stats)], SERVER).workers
    past.fold(stats)
    board.clear(1)
    found = past.facts([], SERVER)
    assert found.workers == ()
    assert found.saturation == 0.0
    assert Stats(2, board, 1).gauges().connections == 0


def test_connections_of_the_dead_are_closed() -> None:
    """What they had accepted and not closed when they were killed."""
    stats, past = Stats(1), Past()
    count(stats, 0, "accepted", 9)
    count(stats, 0, "closed", 4)
    past.fold(stats)
    totals = past.facts([], SERVER).totals
    assert totals["accepted"] == totals["closed"] == 9


def test_who_serves_and_who_does_not() -> None:
    found = facts(worker(1, "booting"), worker(2, "leaving"))
    assert not found.healthy
    assert facts(worker(1, "booting"), worker(2, "ready")).healthy
    assert not facts(worker(1), server=replace(SERVER, stopping=True)).healthy


def test_workers_are_described_in_the_order_of_their_numbers() -> None:
    found = facts(worker(2), worker(1, stats=busy_stats()))
    assert [each.number for each in found.workers] == [1, 2]
    first = found.workers[0]
    assert (first.requests, first.failures, first.age_s) == (17, 3, pytest.approx(60))
    assert first.rss_bytes > 1 << 20
    assert found.cpu_s >= first.cpu_s > 0
    assert found.pid == os.getpid()
