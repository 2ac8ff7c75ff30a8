"""A server that is a single process, as its office sees it: the one worker that there is, and what it can
be told.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from potstill.core.stats import Stats
from potstill.observe.facts import Member, Server
from potstill.settings import Settings
from potstill.worker.console import LEVELS, set_level
from potstill.worker.inflight import stack_of

logger = logging.getLogger("potstill")

NEEDS_SUPERVISOR = "this server is a single process; start it with --workers 1 or more for that"
# Of one stack, so that all of them together are an answer and not a download.
STACK_CHARACTERS_MAX = 4000


@dataclass
class Sole:
    """A `potstill.observe.office.Subject`. Owned by the main thread."""

    configuration: Settings
    urls: tuple[str, ...]
    stats: Stats
    stop: Callable[[], None]  # as a signal does
    reopen: Callable[[], None]  # the log files
    certificates: Callable[[], Mapping[str, float]] = dict  # name → Unix time at which it expires

    def __post_init__(self) -> None:
        self._started, self._since = time.time(), time.monotonic()
        self.stopping = False

    def members(self) -> Sequence[Member]:
        state = "leaving" if self.stopping else "ready"
        return [Member(1, os.getpid(), state, self._since, self.stats)]

    def server(self) -> Server:
        now = time.monotonic()
        served = self.configuration.served
        certificates = self.certificates()
        return Server(
            served,
            self.urls,
            1,
            self._started,
            now,
            self.stopping,
            supervised=False,
            certificates=certificates,
        )

    def settings(self) -> Settings:
        return self.configuration

    def ask_stacks(self) -> tuple[set[int], dict[int, Any]]:
        return set(), {1: stacks()}

    def carry_out(self, order: str, words: Mapping[str, str]) -> str:
        match order:
            case "drain":
                self.stopping = True
                self.stop()
                return "stopping"
            case "reopen":
                self.reopen()
                return "log files are opened again"
            case "log-level":
                return set_level(level_of(words))
            case _:
                raise ValueError(NEEDS_SUPERVISOR)


def level_of(words: Mapping[str, str]) -> str:
    """The level that somebody asks for; ValueError where it is none."""
    level = words.get("level", "")
    if level not in LEVELS:
        raise ValueError(f"say which: ?level= with one of {', '.join(LEVELS)}")
    return level


def stacks() -> list[dict[str, Any]]:
    """Where every thread of this process is."""
    main = threading.main_thread()  # whose number is still that of before a fork
    return [
        {
            "name": each.name,
            "thread": os.getpid() if each is main else each.native_id,
            "stack": stack_of(each)[-STACK_CHARACTERS_MAX:],
        }
        for each in threading.enumerate()
    ]
