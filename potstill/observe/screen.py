"""What `potstill top` shows: two moments of a server → the lines of a screen. Pure: no terminal, no
socket, no clock.

Rates and percentiles are of the time between the two moments, so they tell what is, not what has been
since the start; the first screen has only one moment, and shows what has been.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from potstill.core.spread import BUCKETS, Spread

HELP = "q quit · ↑↓ select · s stack · space pause"
BOLD, REVERSE, DIM, RED, YELLOW, PLAIN = (f"\x1b[{code}m" for code in (1, 7, 2, 31, 33, 0))
# From here on a request is worth a second look, and a third.
SLOW_S, VERY_SLOW_S = 1.0, 10.0

Status = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """What a server has answered to /status and /inflight."""

    status: Status
    flights: Sequence[Status]


@dataclass(frozen=True)
class Line:
    """A line of the screen and how it looks."""

    text: str
    style: str = ""

    def rendered(self, width: int) -> str:
        cut = self.text[:width]
        return (
            f"{self.style}{cut.ljust(width) if self.style == REVERSE else cut}{PLAIN if self.style else ''}"
        )


def lines(now: Moment, before: Moment | None, selected: int = 0) -> Iterator[Line]:
    """The whole, without regard to the size of the screen."""
    yield from head(now, before)
    yield Line("")
    yield from workers(now, before)
    yield Line("")
    yield from flights(now, selected)


def head(now: Moment, before: Moment | None) -> Iterator[Line]:
    status = now.status
    state = "stopping" if status["stopping"] else "healthy" if status["healthy"] else "not healthy"
    yield Line(
        f"potstill {status['version']}  {status['application']}  pid {status['pid']}  {state}  "
        f"up {duration(uptime(status))}",
        BOLD,
    )
    elapsed_s = seconds_between(now, before)
    requests = total(now) - (total(before) if before else 0)
    recent = latency(now) - latency(before) if before else latency(now)
    if recent.count == 0:
        quick = "no requests lately"
    else:
        quick = "  ".join(
            f"p{percent:g} {shown_time(recent.percentile(percent))}" for percent in (50, 90, 99, 99.9)
        )
    yield Line(f"{requests / elapsed_s:9.1f} requests/s   {quick}")
    by_status = status["requests"]["by_status"]
    then = before.status["requests"]["by_status"] if before else {}
    parts = [
        f"{name} {(count - then.get(name, 0)) / elapsed_s:.1f}/s" for name, count in sorted(by_status.items())
    ]
    refused = sum(status["refused"].values())
    yield Line(f"{total(now):9d} in all         {'  '.join(parts)}   refused {refused}")
    every = status["workers"]
    seats, busy = sum(w["threads"] for w in every), sum(w["busy_threads"] for w in every)
    backlog = sum(w["backlog"] for w in every)
    yield Line(
        f"{status['saturation']:9.0%} saturation     {busy} of {seats} threads busy, {backlog} waiting, "
        f"{sum(w['connections']['open'] for w in every)} connections",
        RED if backlog else "",
    )


def workers(now: Moment, before: Moment | None) -> Iterator[Line]:
    yield Line("WORKER      PID  STATE      AGE   REQ/S   CPU    MEMORY   THREADS  BACKLOG  CONNS  GIL", DIM)
    earlier = {each["pid"]: each for each in before.status["workers"]} if before else {}
    elapsed_s = seconds_between(now, before)
    for each in now.status["workers"]:
        then = earlier.get(each["pid"], {"requests": 0, "cpu_seconds": 0.0})
        per_s = elapsed_s if each["pid"] in earlier else max(each["age"], 1.0)
        style = "" if each["state"] == "ready" else YELLOW
        yield Line(
            f"{each['number']:6d} {each['pid']:8d}  {each['state']:8s} {duration(each['age']):>6s} "
            f"{(each['requests'] - then['requests']) / per_s:7.1f} "
            f"{(each['cpu_seconds'] - then['cpu_seconds']) / per_s:5.0%} "
            f"{each['resident_bytes'] / (1 << 20):6.0f} MB "
            f"{each['busy_threads']:4d}/{each['threads']:<4d} {each['backlog']:7d} "
            f"{each['connections']['open']:6d}  {each['gil_wait_seconds'] * 1000:.1f} ms",
            RED if each["owes_sign_of_life_seconds"] > 1 else style,
        )


def flights(now: Moment, selected: int) -> Iterator[Line]:
    yield Line(f"    AGE  WORKER  THREAD   PHASE    METHOD  {'FROM':21s}  TARGET", DIM)
    for number, each in enumerate(now.flights):
        style = RED if each["seconds"] >= VERY_SLOW_S else YELLOW if each["seconds"] >= SLOW_S else ""
        yield Line(
            f"{each['seconds']:6.2f}s {each['worker']:7d} {each['thread'] or '-':>7}   {each['phase']:8s} "
            f"{each['method']:7s} {each['peer']:21s}  {each['target']}  {each['route']}",
            REVERSE if number == selected else style,
        )
    if not now.flights:
        yield Line("         nothing is in the application")


def screen(content: Sequence[Line], width: int, height: int, foot: str = HELP) -> str:
    """The lines as a terminal of that size takes them, from its top left corner."""
    shown = list(content[: height - 1])
    rows = [line.rendered(width) + "\x1b[K" for line in shown]
    rows += ["\x1b[K"] * (height - 1 - len(rows))
    return "\x1b[H" + "\r\n".join([*rows, f"{DIM}{foot[:width]}{PLAIN}\x1b[K"])


def stack_lines(flight: Status | None, threads: Status) -> Iterator[Line]:
    """Where the thread of a request is, by an answer to /threads."""
    if flight is None:
        yield Line("nothing is in the application")
        return
    yield Line(f"{flight['method']} {flight['target']}  for {flight['seconds']:.2f} s", BOLD)
    if flight["phase"] == "queued":
        yield Line("it waits for a thread, or for the application to resume it")
        return
    for worker in threads["workers"]:
        if worker["worker"] != flight["worker"]:
            continue
        if not worker["answered"]:
            yield Line("the worker has not answered: its GIL is not to be had")
        for each in worker["threads"] or ():
            if each["thread"] == flight["thread"]:
                yield Line(f"worker {worker['worker']}, {each['name']}", DIM)
                yield from map(Line, each["stack"].splitlines())
                return
    yield Line("it has ended meanwhile")


# Numbers


def seconds_between(now: Moment, before: Moment | None) -> float:
    """Since the earlier moment, or since the start."""
    return max(0.001, now.status["now"] - before.status["now"] if before else uptime(now.status))


def uptime(status: Status) -> float:
    return max((each["age"] for each in status["workers"]), default=0.0)


def total(moment: Moment) -> int:
    return int(moment.status["requests"]["total"])


def latency(moment: Moment) -> Spread:
    found = moment.status["seconds"]
    return Spread(found["sum"], tuple(found["buckets"].get(str(number), 0) for number in range(BUCKETS)))


def shown_time(us: float) -> str:
    if us < 1000:
        return f"{us:.0f} µs"
    return f"{us / 1000:.1f} ms" if us < 1e6 else f"{us / 1e6:.2f} s"


def duration(seconds: float) -> str:
    """`42s`, `17m`, `5h`, `3d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"


def summary(now: Moment, before: Moment | None) -> dict[str, Any]:
    """What the screen says, for programs."""
    elapsed_s = seconds_between(now, before)
    recent = latency(now) - latency(before) if before else latency(now)
    percentiles = {f"p{percent:g}": recent.percentile(percent) / 1e6 for percent in (50, 90, 99, 99.9)}
    return {
        "requests_per_second": round((total(now) - (total(before) if before else 0)) / elapsed_s, 2),
        "seconds": percentiles,
        "status": now.status,
        "inflight": list(now.flights),
    }
