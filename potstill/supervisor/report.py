"""The supervisor's words for the operator."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence

from potstill.supervisor.crew import Member
from potstill.supervisor.reaping import Change
from potstill.supervisor.stopping import Stage, Stopping

logger = logging.getLogger("potstill")


def last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def describe_crew(crew: Sequence[Member], wanted: int, now: float) -> str:
    """The table of workers, for a person."""
    lines = [f"{len(crew)} workers, {wanted} wanted"]
    for member in sorted(crew, key=lambda each: each.number):
        pulse, totals = member.stats.pulse(), member.stats.totals()
        stale = f", to be replaced after {member.stale}" if member.stale else ""
        lines.append(
            f"  {member.name}: {member.state.name.lower()}, {now - member.forked_at:.0f} s old, "
            f"{totals['exchanges']} requests, {totals['accepted'] - totals['closed']} connections, "
            f"{member.stats.in_application()} in the application, "
            f"GIL taken in {pulse.gil_wait_s * 1000:.1f} ms{stale}"
        )
    return "\n".join(lines)


def in_flight(member: Member, change: Change, now: float) -> Iterator[str]:
    """What a worker that was killed had in its application, or waiting for it: shared memory tells."""
    if not os.WIFSIGNALED(change.status):
        return
    flights = member.stats.flights()
    waiting = sum(flight.phase == "queued" for flight in flights)
    if flights:
        also = f" and {waiting} waiting" if waiting else ""
        inside = counted(len(flights) - waiting, "request")
        yield f"{member.name} {change.words} with {inside} in the application{also}"
    for flight in flights:
        yield f"  {flight.line(now)}"


def progress(stopping: Stopping, crew: Sequence[Member], now: float) -> str:
    """`stopping on SIGTERM: 3 exchanges (2 in the application) in 2 workers, for at most 27 s`."""
    totals = [member.stats.totals() for member in crew]
    connections = sum(total["accepted"] - total["closed"] for total in totals)
    busy = sum(member.stats.in_application() for member in crew)
    what = (
        f"{counted(connections, 'connection')} ({busy} in the application) in {counted(len(crew), 'worker')}"
    )
    if stopping.stage is Stage.DELAY:
        return f"stopping on {stopping.cause}: accepting for another {stopping.drain_at - now:.0f} s; {what}"
    return f"stopping on {stopping.cause}: {what}, for at most {max(0.0, stopping.until - now):.0f} s"


def describe_change(paths: Sequence[str]) -> str:
    """`reload: shop/views.py and 2 more changed`."""
    here = os.getcwd()
    first = os.path.relpath(paths[0], here) if paths[0].startswith(f"{here}/") else paths[0]
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"reload: {first}{more} changed"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def tell_shared_memory(crew: Sequence[Member]) -> None:
    """How much of their memory the workers share, after --preload; nothing where the kernel does not say."""
    from potstill.supervisor.preload import memory_line

    line = memory_line(member.pid for member in crew)
    if line:
        logger.info("%s", line)
