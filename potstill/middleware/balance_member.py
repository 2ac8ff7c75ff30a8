"""One of the applications among which requests are balanced: how it is doing, and whether it gets any.

A member is *ejected* when nobody answers at its address, or after a number of failures in a row; for a time
that doubles until it is well again. After that one request at a time tries it, and its success ends the
matter. Active checks are a second opinion: a member that they find *down* gets nothing until they find it
up. A member that comes back takes its share slowly, if so wished. Times are monotonic seconds, given by the
caller.

Only `Balance` calls these, holding its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# What a member gets at the start of its slow start, as a part of its weight.
SLOW_START_FLOOR = 0.1


@dataclass(frozen=True)
class Ejection:
    """When a member is ejected, and for how many seconds: `first_s`, twice that, and so on up to
    `longest_s`.
    """

    failures_max: int
    first_s: float
    longest_s: float


@dataclass(frozen=True)
class MemberStatistics:
    """How a member is doing. `ejected_s`: for how many more seconds it gets nothing."""

    name: str
    weight: int
    in_flight: int
    requests: int
    failures: int
    available: bool
    down: bool
    ejected_s: float


class Member:
    def __init__(self, name: str, application: Application, weight: int) -> None:
        self.name = name
        self.application = application
        self.weight = weight
        self.in_flight = 0
        self.credit = 0.0  # of the round-robin
        self.down = False
        self._requests = 0
        self._failures = 0
        self._failures_in_a_row = 0
        self._ejections = 0
        self._ejected_until = 0.0
        self._back_since: float | None = None
        self._checks_in_a_row = 0

    def available(self, now: float) -> bool:
        """Whether it may be asked: neither down nor ejected, and after an ejection only once at a time."""
        if self.down or now < self._ejected_until:
            return False
        return not self._ejections or self.in_flight == 0

    def returns_at(self, now: float) -> float:
        """When it may be asked again; a member that is down comes last."""
        return float("inf") if self.down else max(self._ejected_until, now)

    def share(self, now: float, slow_start_s: float) -> float:
        """Its weight, less while it starts slowly."""
        if self._back_since is None or slow_start_s <= 0:
            return self.weight
        part = (now - self._back_since) / slow_start_s
        if part >= 1:
            self._back_since = None
        return self.weight * min(max(part, SLOW_START_FLOOR), 1.0)

    def taken(self) -> None:
        self.in_flight += 1
        self._requests += 1

    def returned(self) -> None:
        self.in_flight -= 1

    def succeeded(self, now: float) -> None:
        self._failures_in_a_row = 0
        if self._ejections:
            self._ejections, self._ejected_until, self._back_since = 0, 0.0, now

    def failed(self, now: float, ejection: Ejection, *, nobody_there: bool) -> bool:
        """A failure of its own; whether it is ejected for it."""
        self._failures += 1
        self._failures_in_a_row += 1
        if now < self._ejected_until:  # a request from before; the ejection is not made longer for it
            return False
        if not (nobody_there or self._ejections or self._failures_in_a_row >= ejection.failures_max):
            return False
        time_s = min(ejection.first_s * 2 ** min(self._ejections, 30), ejection.longest_s)
        self._ejections += 1
        self._ejected_until = now + time_s
        return True

    def checked(self, well: bool, now: float, rise: int, fall: int) -> bool:
        """An active check's verdict; whether it changed anything. A member found up is not ejected either."""
        if well != self.down:
            self._checks_in_a_row = 0
            return False
        self._checks_in_a_row += 1
        if self._checks_in_a_row < (rise if well else fall):
            return False
        self._checks_in_a_row = 0
        self.down = not well
        if well:
            self._back_since = now
            self._ejections, self._failures_in_a_row, self._ejected_until = 0, 0, 0.0
        return True

    def statistics(self, now: float) -> MemberStatistics:
        return MemberStatistics(
            self.name,
            self.weight,
            self.in_flight,
            self._requests,
            self._failures,
            self.available(now),
            self.down,
            max(self._ejected_until - now, 0.0),
        )
