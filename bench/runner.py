"""The run: every server in every scenario, in turn, and all of it again for each round.

Rounds are the outermost loop. What drifts over half an hour (heat, a neighbour on the host) then meets
every server alike, and two servers of one scenario and round, which are compared, stand next to each other
in time.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import answers, apps
from bench.crowd import allow_descriptors
from bench.measures import Measured, Plan, measure, warm_up
from bench.process import Running, ServerFailedError, free_port, started
from bench.results import Sample
from bench.scenarios import Kind, Scenario
from bench.servers import CONNECTIONS_MAX, PROJECT, Launch, Role, Server, build_floor, make_certificate

# Measured once, whatever the number of rounds: they do not vary, and they take their time.
ONCE = (Kind.CROWD, Kind.SILENCE, Kind.SPREAD)
# Of servers in turns, for each second that other scenarios are measured.
BURSTS = 6


@dataclass(frozen=True)
class Place:
    """What the servers of a run share: the compiled floor, the file that is sent, their environment."""

    directory: Path
    floor: Path
    seen: Path  # see answers.py
    environment: dict[str, str]
    certificate: tuple[str, str]


def run(
    servers: Sequence[Server], scenarios: Sequence[Scenario], rounds: int, plan: Plan
) -> Iterator[Sample]:
    """The samples, one by one, as they are measured."""
    allow_descriptors(CONNECTIONS_MAX)
    # The harness itself keeps off the server's core.
    os.sched_setaffinity(0, {plan.load_core})
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        place = _prepare(Path(name), plan)
        for turn in range(rounds):
            for scenario in scenarios:
                if turn and scenario.kind in ONCE:
                    continue
                taking_part = [one for one in servers if _takes_part(one, scenario)]
                if scenario.kind is Kind.TURNS:
                    if len(taking_part) > 1:
                        yield from _in_turns(taking_part, scenario, turn, place, plan)
                    continue
                for server in _rotated(taking_part, turn):
                    measured = _sample(server, scenario, place, plan)
                    yield Sample(
                        server.name, scenario.name, turn, measured.figures, measured.fault, measured.note
                    )


def _takes_part(server: Server, scenario: Scenario) -> bool:
    if server.role is Role.FLOOR and scenario.floor is None:
        return False
    if scenario.kind is Kind.TURNS and server.role not in (Role.OURS, Role.WATCHED):
        return False
    if server.only and scenario.name not in server.only:
        return False
    return (scenario.workers == 1 or server.several) and (server.secure or not scenario.secure)


def _prepare(directory: Path, plan: Plan) -> Place:
    sent, seen = directory / "sent", directory / "seen"
    sent.write_bytes(apps.BODY)
    floor = build_floor(directory)
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "BENCH_FILE": str(sent),
        "BENCH_SEEN": str(seen),
        "BENCH_SPIN_TURNS": _spin_turns(plan.server_core),
    }
    return Place(directory, floor, seen, environment, make_certificate(directory))


def _spin_turns(core: int) -> str:
    command = ["taskset", "--cpu-list", str(core), sys.executable, "-m", "bench.apps"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()


def _rotated(servers: Sequence[Server], turn: int) -> list[Server]:
    """Another one comes first in each round, so that no server always follows the same neighbour's heat."""
    first = turn % len(servers)
    return [*servers[first:], *servers[:first]]


def _sample(server: Server, scenario: Scenario, place: Place, plan: Plan) -> Measured:
    try:
        with _running(server, scenario, place, plan) as running:
            fault = answers.fault(scenario, running.port, place.seen)
            measured = measure(running, scenario, plan)
            return replace(measured, fault=fault) if fault else measured
    except ServerFailedError as error:
        return Measured({}, fault=f"did not start: {error}")


def _in_turns(
    servers: Sequence[Server], scenario: Scenario, turn: int, place: Place, plan: Plan
) -> Iterator[Sample]:
    """All of them run, and one after the other is asked for a moment. Each time counts as a round of its own,
    since the machine changes by more within seconds than what is to be seen.
    """
    bursts = BURSTS * plan.seconds
    running: dict[str, Running] = {}
    with contextlib.ExitStack() as stack:
        for one in servers:
            try:
                running[one.name] = stack.enter_context(_running(one, scenario, place, plan))
            except ServerFailedError as error:
                yield Sample(one.name, scenario.name, turn * bursts, {}, f"did not start: {error}")
                return
        faults = {name: answers.fault(scenario, one.port, place.seen) for name, one in running.items()}
        for each in running.values():
            warm_up(each, scenario, plan)
        for burst in range(turn * bursts, (turn + 1) * bursts):
            for server in _rotated(servers, burst):
                measured = measure(running[server.name], scenario, plan)
                fault = faults[server.name] or measured.fault
                yield Sample(server.name, scenario.name, burst, measured.figures, fault, measured.note)


@contextlib.contextmanager
def _running(server: Server, scenario: Scenario, place: Place, plan: Plan) -> Iterator[Running]:
    """Raises ServerFailedError when it does not come up."""
    launch = Launch(
        f"bench.{scenario.application}",
        free_port(),
        place.floor,
        scenario.floor or (),
        scenario.workers,
        place.certificate if scenario.secure else (),
    )
    log = place.directory / f"{server.name}.log"
    command, secure = server.command(launch), scenario.secure
    with started(command, plan.server_core, launch.port, log, place.environment, secure=secure) as running:
        yield running
