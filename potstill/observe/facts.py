"""What is known of the whole server at one moment: the workers that there are, and the totals over all
that there have been.

A worker that ends is folded into `Past` in the same step of the loop that takes it from the table of
workers. So every total is a sum over those that are gone and those that are there, nobody is counted
twice or not at all, and no total ever goes back.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from potstill import __version__
from potstill.core.ledger import Row
from potstill.core.report import Flight, Gauges
from potstill.core.spread import Spread, joined
from potstill.core.stats import Stats
from potstill.observe.processes import cpu_seconds, resident_bytes

# The one class of requests that ended without a status: cut off, or taken over by the application.
NO_STATUS = 0


@dataclass(frozen=True)
class Member:
    """A worker, as its owner describes it."""

    number: int
    pid: int
    state: str  # "booting", "ready", "leaving", "aborted"
    since: float  # by the monotonic clock, when it was started
    stats: Stats
    stale: str = ""  # why another one is to take its place


@dataclass(frozen=True)
class Worker:
    """A worker at one moment."""

    number: int
    pid: int
    state: str
    stale: str
    age_s: float
    requests: int
    failures: int
    gauges: Gauges
    asked_for_s: float  # since a sign of life was asked for that has not come
    rss_bytes: int
    cpu_s: float
    flights: tuple[Flight, ...]


@dataclass(frozen=True)
class Server:
    """What the owner of the workers says besides."""

    application: str
    urls: tuple[str, ...]
    wanted: int
    started: float  # Unix time
    now: float  # by the monotonic clock
    stopping: bool = False
    supervised: bool = True
    exits: int = 0  # workers that have ended
    deaths: int = 0  # … without having been asked to
    reloads: int = 0
    certificates: Mapping[str, float] = field(default_factory=dict)  # name → Unix time at which it expires


@dataclass(frozen=True)
class Facts:
    """Everything at one moment."""

    server: Server
    workers: tuple[Worker, ...]
    totals: Mapping[str, int]
    refused: Mapping[str, int]
    queue: Spread
    rows: Mapping[tuple[str, int], Row]
    log_dropped: int
    cpu_s: float
    version: str = __version__
    pid: int = field(default_factory=os.getpid)

    @property
    def serving(self) -> tuple[Worker, ...]:
        return tuple(worker for worker in self.workers if worker.state == "ready")

    @property
    def saturation(self) -> float:
        """Busy seats by seats, of the workers that serve: 1.0 means that requests wait."""
        seats = sum(worker.gauges.seats for worker in self.serving)
        return sum(worker.gauges.running for worker in self.serving) / seats if seats else 0.0

    @property
    def healthy(self) -> bool:
        return bool(self.serving) and not self.server.stopping

    def latency(self) -> Spread:
        """Of all requests, from when they were there until they were answered."""
        return joined(row.total for row in self.rows.values())


class Past:
    """What workers that have ended have counted."""

    def __init__(self) -> None:
        self._stats = Stats(1)

    def fold(self, stats: Stats) -> None:
        """A worker has ended; it is not to be among the members any more."""
        self._stats.fold(stats)

    def facts(self, members: Sequence[Member], server: Server) -> Facts:
        """Everything, with the workers that there are."""
        every = [self._stats, *(member.stats for member in members)]
        workers = tuple(describe(member, server.now) for member in sorted(members, key=lambda m: m.number))
        own = cpu_seconds(os.getpid())
        others = [worker.cpu_s for worker in workers if worker.pid != os.getpid()]
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Facts(
            server,
            workers,
            added(stats.totals() for stats in every),
            added(stats.refused() for stats in every),
            joined(stats.queue_times() for stats in every),
            rows_of(every),
            sum(stats.log_dropped() for stats in every),
            own + sum(others) + ended.ru_utime + ended.ru_stime,
        )


def describe(member: Member, now: float) -> Worker:
    pulse, totals = member.stats.pulse(), member.stats.totals()
    return Worker(
        member.number,
        member.pid,
        member.state,
        member.stale,
        max(0.0, now - member.since),
        totals["exchanges"],
        totals["failures"],
        member.stats.gauges(),
        pulse.asked_for_s,
        resident_bytes(member.pid),
        cpu_seconds(member.pid),
        tuple(member.stats.flights()),
    )


def added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


def rows_of(every: Iterable[Stats]) -> dict[tuple[str, int], Row]:
    total: dict[tuple[str, int], Row] = {}
    for stats in every:
        for key, row in stats.ledger.rows().items():
            total[key] = total[key] + row if key in total else row
    return total
