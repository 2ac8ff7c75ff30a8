"""A supervisor and its crew, as its office sees them: what there is to know, and what it can be told to
do.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from potstill.assemble.tls import Expiring, valid_until
from potstill.observe.facts import Member as Facts
from potstill.observe.facts import Server
from potstill.settings import WORKERS_MAX, Settings
from potstill.supervisor.crew import Member, State
from potstill.supervisor.stopping import Stopping
from potstill.worker.console import LEVELS, set_level
from potstill.worker.mailbox import Order
from potstill.worker.sole import level_of

logger = logging.getLogger("potstill")

SIGNALS = {"reload": signal.SIGHUP, "drain": signal.SIGTERM, "reopen": signal.SIGUSR1}
DONE = {"reload": "reloading", "drain": "stopping", "reopen": "log files are opened again"}


class Boss(Protocol):
    """What is used of a supervisor here."""

    crew: list[Member]
    settings: Settings
    stopping: Stopping | None
    wanted: int
    urls: tuple[str, ...]

    def obey(self, number: int, now: float) -> None:
        """As a signal."""

    def order(self, order: Order) -> None:
        """To all workers that serve."""


class Crewed:
    """A `potstill.observe.office.Subject`; it counts what becomes of workers."""

    def __init__(self, boss: Boss, expiries: Callable[[], Sequence[Expiring]] = list) -> None:
        self._boss = boss
        self._expiries = expiries
        self._started = time.time()
        self.exits = 0
        self.deaths = 0
        self.reloads = 0

    def members(self) -> Sequence[Facts]:
        return [
            Facts(each.number, each.pid, each.state.name.lower(), each.forked_at, each.stats, each.stale)
            for each in self._boss.crew
        ]

    def server(self) -> Server:
        boss = self._boss
        return Server(
            boss.settings.served,
            boss.urls,
            boss.wanted,
            self._started,
            time.monotonic(),
            stopping=boss.stopping is not None,
            exits=self.exits,
            deaths=self.deaths,
            reloads=self.reloads,
            certificates=valid_until(self._expiries()),
        )

    def settings(self) -> Settings:
        return self._boss.settings

    def ask_stacks(self) -> tuple[set[int], dict[int, Any]]:
        self._boss.order(Order.STACKS)
        serving = (State.READY, State.LEAVING)
        return {member.number for member in self._boss.crew if member.state in serving}, {}

    def carry_out(self, order: str, words: Mapping[str, str]) -> str:
        logger.info("admin: %s %s", order, " ".join(f"{key}={value}" for key, value in words.items()))
        if order in SIGNALS:
            self._boss.obey(SIGNALS[order], time.monotonic())
            return DONE[order]
        acts: dict[str, Callable[[Mapping[str, str]], str]] = {
            "workers": self._want_workers,
            "log-level": self._set_level,
        }
        return acts[order](words)

    def _want_workers(self, words: Mapping[str, str]) -> str:
        if self._boss.stopping is not None:
            raise ValueError("the server is stopping")
        number = {"count": 0, "add": self._boss.wanted, "remove": self._boss.wanted}
        ((key, text),) = words.items() if len(words) == 1 else (("", ""),)
        if key not in number or not text.isdecimal() or len(text) > len(str(WORKERS_MAX)):
            raise ValueError("say how many: ?count=4, ?add=1 or ?remove=1")
        wanted = number[key] + (-int(text) if key == "remove" else int(text))
        if not 1 <= wanted <= WORKERS_MAX:
            raise ValueError(f"there can be 1 to {WORKERS_MAX} workers, not {wanted}")
        self._boss.wanted = wanted
        return f"{wanted} worker{'' if wanted == 1 else 's'} from now on"

    def _set_level(self, words: Mapping[str, str]) -> str:
        level = level_of(words)
        self._boss.order(Order(Order.LOG_DEBUG + LEVELS.index(level)))
        return set_level(level)
