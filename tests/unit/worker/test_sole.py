"""A server of one process, as its office sees it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator

import pytest

from potstill.core.stats import Stats
from potstill.settings import Settings
from potstill.worker.sole import NEEDS_SUPERVISOR, Sole, stacks


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def sole(told: list[str]) -> Sole:
    acts = (lambda: told.append("stop"), lambda: told.append("reopen"))
    return Sole(Settings(app="shop:app"), ("http://127.0.0.1:1",), Stats(1), *acts)


@pytest.fixture
def level() -> Iterator[logging.Logger]:
    """The server's logger, which keeps its level."""
    logger = logging.getLogger("potstill")
    before = logger.level
    yield logger
    logger.setLevel(before)


def test_it_is_the_one_worker_there_is(sole: Sole) -> None:
    (member,) = sole.members()
    assert (member.number, member.pid, member.state) == (1, os.getpid(), "ready")
    assert (sole.server().wanted, sole.server().supervised) == (1, False)


def test_it_can_be_told_to_stop_and_to_reopen_its_logs(sole: Sole, told: list[str]) -> None:
    sole.carry_out("reopen", {})
    sole.carry_out("drain", {})
    assert told == ["reopen", "stop"]
    assert sole.members()[0].state == "leaving"
    assert sole.server().stopping


def test_its_log_level_can_be_changed(sole: Sole, level: logging.Logger) -> None:
    sole.carry_out("log-level", {"level": "debug"})
    assert level.level == logging.DEBUG
    with pytest.raises(ValueError, match="one of debug, info"):
        sole.carry_out("log-level", {"level": "loud"})


@pytest.mark.parametrize("order", ["reload", "workers"])
def test_what_takes_a_supervisor_says_so(sole: Sole, order: str) -> None:
    with pytest.raises(ValueError, match=NEEDS_SUPERVISOR):
        sole.carry_out(order, {})


def test_every_thread_says_where_it_is(sole: Sole) -> None:
    asked, known = sole.ask_stacks()
    assert asked == set()
    assert {each["name"] for each in known[1]} == {thread.name for thread in threading.enumerate()}
    main = next(each for each in stacks() if each["name"] == threading.main_thread().name)
    assert main["thread"] == os.getpid()
    assert "test_every_thread_says_where_it_is" in main["stack"]
