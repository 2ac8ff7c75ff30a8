"""What the operator reads: the start line, and the log."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator

import pytest

from potstill import __version__
from potstill.worker.console import set_up_logging, start_line, tell


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger of ours; restored in the end."""
    ours = logging.getLogger("potstill")
    before = (ours.level, ours.handlers[:], ours.propagate, ours.disabled)
    yield ours
    ours.setLevel(before[0])
    ours.handlers, ours.propagate, ours.disabled = before[1:]


def as_new(logger: logging.Logger, *, propagate: bool) -> None:
    """Called by the test and not by the fixture, because pytest hangs its own handlers in between."""
    logger.setLevel(logging.NOTSET)
    logger.handlers, logger.propagate, logger.disabled = [], propagate, False


def test_the_start_line_has_the_addresses_and_how_to_stop() -> None:
    """One line."""
    line = start_line("shop:app", ["http://127.0.0.1:8000", "unix:/run/x"], 8)
    assert line == (
        f"potstill {__version__} serving shop:app on http://127.0.0.1:8000, unix:/run/x "
        f"(8 threads, pid {os.getpid()}); Ctrl+C stops it"
    )
    assert "(1 thread, " in start_line("shop:app", [], 1)


def test_a_line_that_no_level_hides(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error."""
    tell("here")
    assert capsys.readouterr() == ("", "here\n")


def test_logging_that_nobody_has_set_up(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level and message on standard error; setting it up again adds nothing."""
    as_new(logger, propagate=False)
    set_up_logging("warning")
    set_up_logging("debug")
    logger.info("quiet")
    logger.warning("loud")
    line = capsys.readouterr().err
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} WARNING loud\n", line)
    assert len(logger.handlers) == 1


def test_logging_that_the_program_has_set_up(logger: logging.Logger) -> None:
    """Its handlers and its level for this logger hold, and a careless dictConfig does not silence us."""
    as_new(logger, propagate=True)  # to the root logger, which pytest has given handlers
    logger.setLevel(logging.ERROR)
    logger.disabled = True
    set_up_logging("info")
    assert (logger.handlers, logger.level, logger.disabled) == ([], logging.ERROR, False)
