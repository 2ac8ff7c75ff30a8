"""What a supervisor's office can tell it to do."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from potstill.core.stats import Stats
from potstill.settings import Settings
from potstill.supervisor.channel import open_channel
from potstill.supervisor.crew import Member, State
from potstill.supervisor.insight import Crewed
from potstill.worker.mailbox import Order


class Boss:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.crew: list[Member] = []
        self.settings = Settings(app="shop:app", workers=2)
        self.stopping: Any = None
        self.wanted = 2
        self.urls = ("http://127.0.0.1:1",)
        self.told: list[object] = []

    def obey(self, number: int, now: float) -> None:
        self.told.append(number)

    def order(self, order: Order) -> None:
        self.told.append(order)


@pytest.fixture
def boss() -> Iterator[Boss]:
    made = Boss()
    yield made
    for member in made.crew:
        member.channel.close()
    logging.getLogger("potstill").setLevel(logging.NOTSET)


def join(boss: Boss, number: int, state: State) -> None:
    ours, theirs = open_channel()
    theirs.close()
    boss.crew.append(Member(number, 4000 + number, ours, Stats(1), 1.0, state=state))


@pytest.mark.parametrize(
    ("order", "number"),
    [("reload", signal.SIGHUP), ("drain", signal.SIGTERM), ("reopen", signal.SIGUSR1)],
)
def test_some_orders_are_signals(boss: Boss, order: str, number: signal.Signals) -> None:
    Crewed(boss).carry_out(order, {})
    assert boss.told == [number]


@pytest.mark.parametrize(("words", "wanted"), [({"count": "4"}, 4), ({"add": "1"}, 3), ({"remove": "1"}, 1)])
def test_there_can_be_more_workers_or_fewer(boss: Boss, words: dict[str, str], wanted: int) -> None:
    assert str(wanted) in Crewed(boss).carry_out("workers", words)
    assert boss.wanted == wanted


@pytest.mark.parametrize(
    "words", [{}, {"count": "0"}, {"remove": "2"}, {"add": "999"}, {"add": "x"}, {"add": "1", "count": "1"}]
)
def test_but_not_none_and_not_any_number(boss: Boss, words: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"workers|how many"):
        Crewed(boss).carry_out("workers", words)
    assert boss.wanted == 2


def test_who_stops_wants_nobody(boss: Boss) -> None:
    boss.stopping = object()
    with pytest.raises(ValueError, match="stopping"):
        Crewed(boss).carry_out("workers", {"add": "1"})


@pytest.mark.parametrize(("level", "order"), [("debug", Order.LOG_DEBUG), ("critical", Order.LOG_CRITICAL)])
def test_workers_are_told_the_level_too(boss: Boss, level: str, order: Order) -> None:
    Crewed(boss).carry_out("log-level", {"level": level})
    assert boss.told == [order]
    assert logging.getLogger("potstill").level == getattr(logging, level.upper())


def test_those_that_serve_are_asked_for_their_stacks(boss: Boss) -> None:
    join(boss, 1, State.READY)
    join(boss, 2, State.BOOTING)
    join(boss, 3, State.LEAVING)
    assert Crewed(boss).ask_stacks() == ({1, 3}, {})
    assert boss.told == [Order.STACKS]


def test_the_crew_is_described_with_its_states(boss: Boss) -> None:
    join(boss, 2, State.BOOTING)
    (member,) = Crewed(boss).members()
    assert (member.number, member.pid, member.state) == (2, 4002, "booting")
