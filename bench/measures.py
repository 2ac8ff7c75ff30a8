"""How a started server is measured: one function for each kind of scenario, from Running to named figures.

The names of the figures are keys in the raw results, columns in the report and words in `targets.py`:

    cpu_us              CPU time of all server processes per request, microseconds
    rate                requests per second
    p50_ms, p99_ms      latency as wrk saw it
    server_share        of its core that the server used; load_share: of its own that wrk used
    others_share        of both cores that was used by neither: the machine was shared
    rss_mib, pss_mib    memory of all server processes after the run
    beside_p99_ms       p99 of hello beside the computing view
    idle_bytes          resident memory for each idle connection
    held                how many idle connections it held
    system_calls        made by an idle server in ten seconds
    fullest_share       of the connections that the worker holds which has most
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.crowd import measure_crowd
from bench.load import Load, Wrk
from bench.process import Running, core_busy_s, wait_quiet
from bench.scenarios import CONNECTIONS, Kind, Scenario
from bench.silence import measure_silence
from bench.slow import slow_clients
from bench.spread import measure_spread

MIB = 1024 * 1024
BURST_S = 1
BESIDE_CONNECTIONS = 4
# More answers than this are not what they should be, and the server counts as answering wrongly.
BROKEN_PART_MAX = 0.001


@dataclass(frozen=True)
class Plan:
    """The same for every server and scenario of a run."""

    seconds: int
    warm_up_s: int
    server_core: int
    load_core: int

    @property
    def cores(self) -> tuple[int, int]:
        return self.server_core, self.load_core


@dataclass(frozen=True)
class Measured:
    figures: dict[str, float]
    fault: str = ""
    note: str = ""


def measure(running: Running, scenario: Scenario, plan: Plan) -> Measured:
    return _MEASURES[scenario.kind](running, scenario, plan)


def _load(running: Running, scenario: Scenario, plan: Plan) -> Measured:
    with slow_clients(running.port, scenario.slow_clients):
        return _under_load(running, [scenario], plan)


def warm_up(running: Running, scenario: Scenario, plan: Plan) -> None:
    _generate(running, [scenario], plan.warm_up_s, plan)


def _burst(running: Running, scenario: Scenario, plan: Plan) -> Measured:
    """A short run of a warm server, with all that it leaves to be done behind it, as lines of a log."""
    wait_quiet(running)
    cpu_before_s = running.cpu_s()
    loads = _generate(running, [scenario], BURST_S, plan)
    wait_quiet(running)
    cpu_s, load = running.cpu_s() - cpu_before_s, loads[0]
    if not load.requests:
        return Measured({}, fault=f"no answer in {BURST_S} s")
    return Measured(_speed(load, cpu_s, load.requests), *_blemishes(loads, load.requests))


def _speed(load: Load, cpu_s: float, requests: int) -> dict[str, float]:
    return {
        "cpu_us": cpu_s / requests * 1e6,
        "rate": load.rate,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
    }


def _two_routes(running: Running, scenario: Scenario, plan: Plan) -> Measured:
    beside = replace(scenario, path="/", connections=BESIDE_CONNECTIONS)
    return _under_load(running, [scenario, beside], plan)


def _under_load(running: Running, scenarios: list[Scenario], plan: Plan) -> Measured:
    """Warm-up, then the measured run; a scenario after the first is a second generator beside it."""
    seconds = max(plan.seconds, scenarios[0].seconds_min)
    _generate(running, scenarios, plan.warm_up_s, plan)
    wait_quiet(running)
    busy_before_s = [core_busy_s(core) for core in plan.cores]
    cpu_before_s, begun = running.cpu_s(), time.monotonic()
    loads = _generate(running, scenarios, seconds, plan)
    cpu_s, wall_s = running.cpu_s() - cpu_before_s, time.monotonic() - begun
    busy_s = sum(core_busy_s(core) for core in plan.cores) - sum(busy_before_s)
    load_s = sum(load.cpu_s for load in loads)
    memory = running.memory()
    requests = sum(load.requests for load in loads)
    if not requests:
        return Measured({}, fault=f"no answer in {wall_s:.0f} s")
    figures = {
        **_speed(loads[0], cpu_s, requests),
        "server_share": cpu_s / wall_s,
        "load_share": load_s / wall_s,
        "others_share": max(busy_s - cpu_s - load_s, 0.0) / wall_s,
        "rss_mib": memory.rss_bytes / MIB,
        "pss_mib": memory.pss_bytes / MIB,
    }
    if len(loads) > 1:
        figures["beside_p99_ms"] = loads[1].p99_ms
        figures["beside_rate"] = loads[1].rate
        if not loads[1].requests:
            return Measured(figures, fault="the second route got no answer")
    return Measured(figures, *_blemishes(loads, requests))


def _generate(running: Running, scenarios: list[Scenario], seconds: int, plan: Plan) -> list[Load]:
    generators = [Wrk(scenario, running.port, plan.load_core, seconds) for scenario in scenarios]
    return [generator.finish() for generator in generators]


def _blemishes(loads: list[Load], requests: int) -> tuple[str, str]:
    """(fault, note): what was wrong with the answers under load, and what only deserves a word."""
    bad_status = sum(load.bad_status for load in loads)
    broken = sum(load.broken for load in loads)
    late = sum(load.late for load in loads)
    notes = [f"{broken} broken connections"] if broken else []
    if late:
        notes.append(f"{late} answers after 10 s or never")
    note = ", ".join(notes)
    if bad_status:
        return f"{bad_status} answers with an error status under load", note
    if broken > requests * BROKEN_PART_MAX:
        return f"{broken} of {requests} connections broke under load", ""
    return "", note


def _crowd(running: Running, scenario: Scenario, plan: Plan) -> Measured:
    _generate(running, [replace(scenario, connections=CONNECTIONS)], plan.warm_up_s, plan)
    wait_quiet(running)
    figures = measure_crowd(running, scenario.connections)
    held = round(figures["held"])
    if held < scenario.connections:
        # Memory divided by connections that are not there would say nothing.
        return Measured({"held": held}, note=f"held {held:,} of {scenario.connections:,} connections")
    return Measured(figures)


def _silence(running: Running, scenario: Scenario, plan: Plan) -> Measured:
    figures, calls = measure_silence(running)
    return Measured(figures, note=calls)


def _spread(running: Running, scenario: Scenario, plan: Plan) -> Measured:
    shares = measure_spread(running, scenario.connections)
    told = ", ".join(f"{share}" for share in shares)
    return Measured({"fullest_share": max(shares) / max(sum(shares), 1)}, note=f"connections: {told}")


_MEASURES: dict[Kind, Callable[[Running, Scenario, Plan], Measured]] = {
    Kind.LOAD: _load,
    Kind.TURNS: _burst,
    Kind.TWO_ROUTES: _two_routes,
    Kind.CROWD: _crowd,
    Kind.SILENCE: _silence,
    Kind.SPREAD: _spread,
}
