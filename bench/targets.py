"""The figures Potstill must reach, as data, and how each is judged against a run.

They were fixed before there was anything to measure. A figure is missed or it is not: changing a line here
is changing what was promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bench.launch import THREADS
from bench.results import Results, ours

BEST_PEER = "the best peer"
SLEEPS_PER_SECOND = THREADS / 0.010


class Sense(Enum):
    AT_MOST = "≤"
    BELOW = "<"
    AT_LEAST = "≥"

    def holds(self, value: float, bound: float) -> bool:
        if self is Sense.AT_LEAST:
            return value >= bound
        return value < bound if self is Sense.BELOW else value <= bound


@dataclass(frozen=True)
class Target:
    """A bound for our figure in a scenario: absolute, or a multiple of another server's in the same run."""

    scenario: str
    figure: str
    words: str
    sense: Sense
    bound: float
    against: str = ""  # a server, BEST_PEER, or "" for an absolute bound
    unit: str = ""
    server: str = ""  # whose figure; "": ours


@dataclass(frozen=True)
class Verdict:
    target: Target
    passed: bool | None  # None: not measured in this run
    ours: float | None = None
    theirs: float | None = None
    against: str = ""
    compared: float | None = None  # what the bound is held against: a ratio, or our figure
    lowest: float | None = None  # the ratio in the best and worst round
    highest: float | None = None


def _below_best_peer(scenario: str) -> Target:
    return Target(scenario, "cpu_us", "CPU per request", Sense.BELOW, 1.0, BEST_PEER, "µs")


TARGETS = (
    Target(
        "watched",
        "cpu_us",
        "CPU per request, watched",
        Sense.AT_MOST,
        1.03,
        "potstill",
        "µs",
        server="watched",
    ),
    Target("browser", "cpu_us", "CPU per request", Sense.AT_MOST, 1.5, "floor", "µs"),
    Target("browser", "cpu_us", "CPU per request", Sense.AT_MOST, 0.8, "bjoern", "µs"),
    Target("browser", "cpu_us", "CPU per request", Sense.AT_MOST, 0.65, "granian", "µs"),
    Target("flask", "p99_ms", "p99 at saturation", Sense.AT_MOST, 1.2, "bjoern", "ms"),
    Target("flask", "p99_ms", "p99 at saturation", Sense.BELOW, 1.0, "granian", "ms"),
    Target("spin", "p99_ms", "p99", Sense.AT_MOST, 1.5, "bjoern", "ms"),
    Target("two-routes", "beside_p99_ms", "hello's p99 beside it", Sense.BELOW, 50.0, unit="ms"),
    Target(
        "sleep", "rate", "95 % of threads / 10 ms", Sense.AT_LEAST, 0.95 * SLEEPS_PER_SECOND, unit="req/s"
    ),
    Target(
        "sleep-slow",
        "rate",
        "the same beside slow clients",
        Sense.AT_LEAST,
        0.95 * SLEEPS_PER_SECOND,
        unit="req/s",
    ),
    Target("tls", "cpu_us", "CPU per request", Sense.AT_MOST, 1.0, BEST_PEER, "µs"),
    Target("tls-new", "cpu_us", "CPU per connection", Sense.AT_MOST, 1.0, BEST_PEER, "µs"),
    *map(_below_best_peer, ("body", "file", "stream", "upload", "close", "many")),
    Target("idle", "idle_bytes", "resident memory for each", Sense.AT_MOST, 1024, unit="bytes"),
    Target("silence", "system_calls", "system calls in 10 s", Sense.AT_MOST, 0),
)


def judge(target: Target, results: Results) -> Verdict:
    server = target.server or ours()
    value = results.figure(server, target.scenario, target.figure)
    if value is None:
        return Verdict(target, None)
    if results.fault(server, target.scenario):
        return Verdict(target, False, value)
    if not target.against:
        return Verdict(target, target.sense.holds(value, target.bound), value, compared=value)
    against = target.against
    if against == BEST_PEER:
        against = results.best_peer(target.scenario, target.figure) or ""
    ratio = results.ratio(server, against, target.scenario, target.figure) if against else None
    if ratio is None:
        return Verdict(target, None, value)
    theirs = results.figure(against, target.scenario, target.figure)
    passed = target.sense.holds(ratio.median, target.bound)
    return Verdict(target, passed, value, theirs, against, ratio.median, ratio.lowest, ratio.highest)
