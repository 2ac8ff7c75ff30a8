"""What looks after the looking: the totals of the past, the admin listener, StatsD, and who asks them for
what.

Both kinds of process that have no runners in their main thread have one: a supervisor, and a server that
is a single process. What differs between the two is their `Subject`.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from potstill.core.stats import Stats
from potstill.net.bind import Listener
from potstill.observe.application_metrics import ApplicationMetrics
from potstill.observe.desk import Desk
from potstill.observe.exposition import Family
from potstill.observe.facts import Facts, Member, Past, Server
from potstill.observe.finding import leave_mark
from potstill.observe.statsd import StatsD
from potstill.settings import OPTIONS, Settings


class Subject(Protocol):
    """Whom an office is about."""

    def members(self) -> Sequence[Member]: ...

    def server(self) -> Server: ...

    def settings(self) -> Settings: ...

    def ask_stacks(self) -> tuple[set[int], dict[int, Any]]:
        """As `potstill.observe.desk.Owner` has it."""

    def carry_out(self, order: str, words: Mapping[str, str]) -> str:
        """As `potstill.observe.desk.Owner` has it."""


class Notes(Protocol):
    """Where signals come in: `potstill.worker.mailbox.Mailbox`."""

    def fileno(self) -> int: ...

    def wait(self, timeout_s: float | None = None) -> list[int]: ...


class Office:
    """Owned by the loop of its process. It is a `potstill.observe.desk.Owner`.

    Args:
        listeners: of --admin, open; closed by `close`.
        subject: whom it is about.
    """

    def __init__(self, listeners: Sequence[Listener], subject: Subject) -> None:
        settings = subject.settings()
        self._subject = subject
        self._past = Past()
        self._desk = Desk(listeners, settings.admin_token, self)
        self._mark = leave_mark([listener.url for listener in listeners]) if listeners else -1
        self._statsd = StatsD(settings.statsd, settings.statsd_prefix) if settings.statsd else None
        self._application = ApplicationMetrics(os.environ)

    # For the loop

    def register(self, poll: select.poll) -> None:
        """Have the poll look at what is ours."""
        for descriptor, events in self._desk.descriptors():
            poll.register(descriptor, events)

    def next_deadline(self) -> float:
        """When to `serve` at the latest, by the monotonic clock."""
        until = self._desk.next_deadline()
        return until if self._statsd is None else min(until, self._statsd.next_at)

    def serve(self, ready: Sequence[int], now: float) -> None:
        """Go on with what is ready, and with what is due."""
        self._desk.serve(ready, now)
        if self._statsd is not None and now >= self._statsd.next_at:
            self._statsd.push(self.facts(), now)

    def wait(self, notes: Notes, timeout_s: float | None) -> list[int]:
        """Serve until there are notes, or the time is over; those that there are."""
        poll = select.poll()
        poll.register(notes, select.POLLIN)
        self.register(poll)
        now = time.monotonic()
        until = min(self.next_deadline(), float("inf") if timeout_s is None else now + timeout_s)
        wait_ms = None if until == float("inf") else max(0.0, until - now) * 1000
        ready = [descriptor for descriptor, _ in poll.poll(wait_ms)]
        self.serve(ready, time.monotonic())
        return notes.wait(0)

    def fold(self, stats: Stats, pid: int) -> None:
        """A worker has ended, and is no member any more."""
        self._past.fold(stats)
        self._application.forget(pid)

    def hear_stacks(self, number: int, stacks: Any) -> None:
        """What a worker has answered to `ask_stacks`."""
        self._desk.hear_stacks(number, stacks, time.monotonic())

    def hand_over(self) -> None:
        """Somebody else answers from now on, at the same addresses."""
        self._desk.close(leave_files=True)
        self.close()

    def close(self) -> None:
        """Answer nobody any more. A child of a fork does that too, and leaves the files alone."""
        self._desk.close()
        if self._statsd is not None:
            self._statsd.close()
        if self._mark >= 0:
            os.close(self._mark)
            self._mark = -1

    # For the desk

    def facts(self) -> Facts:
        return self._past.facts(self._subject.members(), self._subject.server())

    def configuration(self) -> dict[str, str]:
        settings = self._subject.settings()
        return {option.name: option.show(getattr(settings, option.field)) for option in OPTIONS}

    def families(self) -> Iterator[Family]:
        return self._application.families()

    def ask_stacks(self) -> tuple[set[int], dict[int, Any]]:
        return self._subject.ask_stacks()

    def carry_out(self, order: str, words: Mapping[str, str]) -> str:
        return self._subject.carry_out(order, words)
