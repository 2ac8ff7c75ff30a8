"""The table of workers, and what it says should be done: pure, for the loop to act on.

A worker is BOOTING until it reports that it is ready, READY while it serves, LEAVING when it was told to go,
and ABORTED when it is being put to death. Whatever is wanted is written into the table: a number of workers,
and on a worker that another one is to replace, why (`stale`). So a reload is a mark on every worker,
recycling a mark on one, and a death is a line that is gone. `plan` compares the table with what is wanted:

- Fewer that are READY or BOOTING than wanted: fork as many as are missing.
- As many as wanted, and one of them stale: fork one, but only when no other is BOOTING or LEAVING. So there
  is never more than one process beyond the number, and a successor is ready before anyone leaves.
- More READY than wanted: those too many leave, stale ones first, then the oldest.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from potstill.core.stats import Stats
from potstill.settings import Settings
from potstill.supervisor.channel import Channel, Failed

RELOAD = "reload"
# An age of exactly the same number for all would make them all leave in one row.
LIFETIME_JITTER = 0.1


class State(Enum):
    BOOTING = auto()
    READY = auto()
    LEAVING = auto()
    ABORTED = auto()


@dataclass
class Member:
    """A worker process. Owned by the supervisor's loop."""

    number: int
    pid: int
    channel: Channel
    stats: Stats
    forked_at: float
    requests_max: int = 0  # 0: no limit
    lifetime_s: float = 0.0  # 0: no limit
    state: State = State.BOOTING
    stale: str = ""  # why another one is to take its place
    failure: Failed | None = None
    kill_at: float = float("inf")  # when patience with it is over
    stopped: bool = False  # by a SIGSTOP or a debugger
    superseded: bool = False  # ended while it was booting, since its code has changed again

    @property
    def name(self) -> str:
        return f"worker {self.number} (pid {self.pid})"

    @property
    def serves(self) -> bool:
        return self.state is State.READY


@dataclass(frozen=True)
class Plan:
    """What to do now."""

    forks: int = 0
    leave: tuple[Member, ...] = ()


def plan(crew: Sequence[Member], wanted: int, *, wait_for_leaving: bool = True) -> Plan:
    """What brings the crew nearer to what is wanted, one step.

    At the desk nobody waits for a worker that is leaving: its requests may be those that hang.
    """
    ready = [member for member in crew if member.state is State.READY]
    booting = [member for member in crew if member.state is State.BOOTING]
    leaving = [member for member in crew if member.state is State.LEAVING]
    missing = wanted - len(ready) - len(booting)
    too_many = len(ready) - wanted
    if too_many > 0:
        going = sorted(ready, key=lambda member: (not member.stale, member.forked_at))[:too_many]
        return Plan(leave=tuple(going))
    if missing > 0:
        return Plan(forks=missing)
    if not booting and not (leaving and wait_for_leaving) and any(member.stale for member in ready):
        return Plan(forks=1)
    return Plan()


def still_accepts(member: Member) -> bool:
    """Whether a worker that is to be replaced takes new connections still."""
    return bool(member.stale) and member.stats.pulse().accepting


def free_number(crew: Sequence[Member]) -> int:
    """The smallest number that no worker has; it is also that of its seat on the board, beginning with 1."""
    taken = {member.number for member in crew}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def draw_limits(settings: Settings) -> tuple[int, float]:
    """After how many requests and at what age a new worker is to be replaced, with the jitter drawn."""
    requests_max = settings.max_requests
    if requests_max:
        requests_max += random.randint(0, settings.max_requests_jitter)
    lifetime_s = settings.max_worker_lifetime * (1 + random.uniform(0, LIFETIME_JITTER))
    return requests_max, lifetime_s


def why_replace(
    member: Member, now: float, requests: int, rss_bytes: int, rss_max_bytes: int, lost: int = 0
) -> str:
    """Why a worker that serves should be replaced, or nothing."""
    if member.requests_max and requests >= member.requests_max:
        return f"{requests} requests"
    if member.lifetime_s and now - member.forked_at >= member.lifetime_s:
        return f"{now - member.forked_at:.0f} s of age"
    if rss_max_bytes and rss_bytes >= rss_max_bytes:
        return f"{rss_bytes >> 20} MiB of resident memory"
    if lost:
        return f"the loss of {lost} thread{'' if lost == 1 else 's'}"
    return ""
