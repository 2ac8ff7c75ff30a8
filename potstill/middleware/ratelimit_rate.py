"""How often is too often: a rate, as it is written, and the rule that judges by it (GCRA).

The generic cell rate algorithm (ITU-T I.371) keeps one number for a client: the theoretical arrival time at
which it would have used up nothing if it sent requests evenly from now on. Each request that passes moves it
on by one interval. A request passes when that leaves it no further ahead of the clock than the burst allows.
It is a token bucket that needs neither a timer nor a second number.

All times are whole nanoseconds of one clock. The interval is rounded up, so never more than the rate passes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SECOND_NS = 1_000_000_000
_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"([0-9]{1,9}) ?/ ?([0-9]{0,9}) ?(s|min|m|h|d)(?: burst ([0-9]{1,9}))?", re.ASCII)

# Numbers beyond these are mistakes: more than a server answers, longer than it remembers.
REQUESTS_MAX = 1_000_000
PERIOD_S_MAX = 7 * 86400


@dataclass(frozen=True)
class Verdict:
    """What becomes of a request.

    `remaining` is how many more would pass now. `retry_ns` is when the next would pass, 0 if at once;
    `reset_ns` is when all of the burst is there again.
    """

    passes: bool
    remaining: int
    retry_ns: int
    reset_ns: int


@dataclass(frozen=True)
class Rate:
    """So many requests in a period, and so many of them at once."""

    requests: int
    period_s: int
    burst: int

    @classmethod
    def parse(cls, text: str) -> Rate:
        """`20/s`, `100/15min`, `20/s burst 40`; without a burst, the requests of one period may come at once.

        Raises ValueError.
        """
        match = _RATE.fullmatch(" ".join(text.split()))
        if match is None:
            raise ValueError(
                f"rate {text!r}: write how many requests in which time, as in '20/s', '100/15min', "
                f"'1000/d' or '20/s burst 40'"
            )
        requests, count, unit, burst = match.groups()
        rate = cls(int(requests), int(count or 1) * _UNITS[unit], int(burst or requests))
        for name, value, most in (
            ("number of requests", rate.requests, REQUESTS_MAX),
            ("burst", rate.burst, REQUESTS_MAX),
            ("period in seconds", rate.period_s, PERIOD_S_MAX),
        ):
            if not 1 <= value <= most:
                raise ValueError(f"rate {text!r}: the {name} must be 1 to {most}, not {value}")
        return rate

    def __str__(self) -> str:
        return f"{self.requests}/{self.period_s}s burst {self.burst}"

    @property
    def interval_ns(self) -> int:
        """The time between two requests at exactly this rate."""
        return -(-self.period_s * SECOND_NS // self.requests)

    @property
    def window_ns(self) -> int:
        """How far ahead of the clock a client's theoretical arrival time may get."""
        return self.burst * self.interval_ns

    def judge(self, arrival_ns: int, now_ns: int) -> tuple[int, Verdict]:
        """The theoretical arrival time after a request at `now_ns`, and what becomes of it.

        `arrival_ns` is what the last judgement gave; 0 for a new client.
        """
        # What is further ahead than a request can have put it was not put there by one: a torn write at most.
        arrival_ns = min(max(arrival_ns, now_ns), now_ns + self.window_ns)
        ahead_ns = arrival_ns + self.interval_ns - now_ns
        if ahead_ns > self.window_ns:
            return arrival_ns, Verdict(False, 0, ahead_ns - self.window_ns, arrival_ns - now_ns)
        remaining = (self.window_ns - ahead_ns) // self.interval_ns
        return now_ns + ahead_ns, Verdict(True, remaining, 0, ahead_ns)

    def policy(self) -> tuple[int, int]:
        """(quota, window in seconds) as the RateLimit-Policy field wants them: whole, and the same rate.

        The window is the time in which a used-up burst comes back, so for 20/s burst 40 it is 40 in 2
        seconds. Where that is no whole number of seconds it is the next, with as much more quota.
        """
        window_s = seconds(self.window_ns)
        return max(self.burst, window_s * self.requests // self.period_s), window_s


def seconds(time_ns: int) -> int:
    """Whole seconds, rounded up: who waits that long has waited long enough."""
    return -(-time_ns // SECOND_NS)
