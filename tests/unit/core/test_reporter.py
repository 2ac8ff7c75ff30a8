"""The reporter: what it is given is done in order, by one thread; what it cannot take is counted."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from potstill.core.reporter import WAITING_MAX, Reporter, stack_text
from tests.support.engine import WAIT_S, wait_until
from tests.unit.core.stage import Log


@contextmanager
def reporting() -> Iterator[Reporter]:
    """A reporter with its thread, which has ended afterwards."""
    reporter = Reporter(logging.getLogger("potstill"))
    thread = threading.Thread(target=reporter.run)
    thread.start()
    try:
        yield reporter
    finally:
        reporter.end()
        thread.join(WAIT_S)
    assert not thread.is_alive()


def test_lines_come_in_order_with_their_details(log: Log) -> None:
    with reporting() as reporter:
        assert reporter.tell(logging.WARNING, "%s of %d", "one", 2)
        assert reporter.tell(logging.ERROR, "two", error=ValueError("cask"))
    assert log.texts() == ["one of 2", "two"]
    assert [record.levelname for record in log.records] == ["WARNING", "ERROR"]
    assert log.records[1].exc_info is not None


@pytest.mark.parametrize("error", [ValueError("cask"), SystemExit(3)], ids=repr)
def test_a_task_that_fails_is_told_and_the_next_is_done(log: Log, error: BaseException) -> None:
    def fail() -> None:
        raise error

    with reporting() as reporter:
        reporter.hand_over(fail)
        reporter.tell(logging.INFO, "next")
    assert log.texts() == [f"exception in the reporter: {error}", "next"]


def test_a_log_that_fails_does_not_end_it(log: Log) -> None:
    """A filter that raises comes out of the logging call itself."""
    broken = threading.Event()
    broken.set()

    def fails(record: logging.LogRecord) -> bool:
        if broken.is_set():
            raise KeyError("request_id")
        return True

    log_of_engine = logging.getLogger("potstill")
    log_of_engine.addFilter(fails)
    try:
        with reporting() as reporter:
            reporter.tell(logging.ERROR, "lost")
            reporter.hand_over(broken.clear)
            reporter.tell(logging.ERROR, "heard")
    finally:
        log_of_engine.removeFilter(fails)
    assert log.texts() == ["heard"]


def test_what_finds_no_room_is_counted_and_told_later(log: Log) -> None:
    """Nobody who hands something over waits, and the queue is bounded."""
    stalled = threading.Event()
    go_on = threading.Event()

    def stall() -> None:
        stalled.set()
        go_on.wait(WAIT_S)

    with reporting() as reporter:
        reporter.hand_over(stall)
        assert stalled.wait(WAIT_S)
        assert all(reporter.tell(logging.INFO, "line") for _ in range(WAITING_MAX))
        assert [reporter.tell(logging.INFO, "too many") for _ in range(3)] == [False] * 3
        go_on.set()
        wait_until(lambda: len(log.records) == WAITING_MAX + 1)
        assert reporter.tell(logging.INFO, "again")
    assert sum("3 reports were dropped" in text for text in log.texts()) == 1
    assert log.texts().count("line") == WAITING_MAX
    assert "too many" not in log.texts()
    assert log.texts()[-1] == "again"


def test_after_its_end_who_comes_does_it_himself(log: Log) -> None:
    with reporting() as reporter:
        pass
    assert reporter.tell(logging.INFO, "late")
    assert log.texts() == ["late"]


def test_a_stack_reads_like_a_traceback() -> None:
    frame = sys._getframe()
    code = frame.f_code
    text = stack_text([(code.co_filename, frame.f_lineno - 2, code.co_name, frame.f_globals)])
    assert text.splitlines()[0].endswith("in test_a_stack_reads_like_a_traceback")
    assert text.splitlines()[1].strip() == "frame = sys._getframe()"


def test_a_stack_leaves_out_where_threads_begin() -> None:
    code = threading.Thread.run.__code__
    assert stack_text([(code.co_filename, 1, "run", {})]) == "  not in Python code"
