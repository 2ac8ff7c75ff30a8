"""Looking after workers: signs of life, age, size.

A worker that has work in hand is asked for a sign of life, once a look. Its main thread answers, for which it
needs the GIL, and by shared memory, so that neither side waits. One that owes the answer for longer than
--worker-timeout holds the GIL somewhere, or does not run at all; the beat of its watch, which needs no GIL,
tells which. A worker without work is not asked: it sleeps, which is healthy, and goes on sleeping.
"""

from __future__ import annotations

from collections.abc import Sequence

from potstill.core.stats import Pulse
from potstill.observe.processes import resident_bytes
from potstill.settings import Settings
from potstill.supervisor.cgroup import share_bytes
from potstill.supervisor.changes import this_machine
from potstill.supervisor.crew import Member, State, why_replace
from potstill.worker.mailbox import Order

LOOK_EVERY_S = 1.0
# A watch that has not looked for so long is not running.
BEAT_MISSED_S = 1.0


def look_every_s(settings: Settings) -> float:
    """How often to look, so that a short timeout is not noticed much too late."""
    return min(LOOK_EVERY_S, settings.worker_timeout / 4)


def find_stuck(crew: Sequence[Member], settings: Settings, now: float) -> list[tuple[Member, str]]:
    """Ask those that work for a sign of life; those that owe one for too long, and why that is said."""
    stuck = []
    for member in crew:
        if member.state is State.BOOTING and now - member.forked_at > settings.boot_timeout:
            stuck.append((member, f"is not ready after --boot-timeout {settings.boot_timeout:g} s"))
        elif member.state in (State.READY, State.LEAVING):
            pulse = member.stats.pulse()
            if pulse.asked_for_s > settings.worker_timeout:
                stuck.append((member, why_stuck(member, pulse)))
            elif pulse.asked_for_s == 0 and (pulse.working or member.stopped):
                member.stats.ask()
                member.channel.order(Order.ANSWER)
    return stuck


def why_stuck(member: Member, pulse: Pulse) -> str:
    if member.stopped:
        return f"has been stopped by a signal for {pulse.asked_for_s:.1f} s"
    if pulse.beat_age_s is None or pulse.beat_age_s > BEAT_MISSED_S:
        return f"has not run for {pulse.asked_for_s:.1f} s"
    return f"has not had the GIL for {pulse.asked_for_s:.1f} s"


def mark_worn(crew: Sequence[Member], settings: Settings, now: float) -> Member | None:
    """Mark one worker that another is to replace: for its requests, its age, its size, or threads that it
    has lost.

    One at a time.
    """
    if any(member.stale for member in crew):
        return None
    rss_max_bytes = share_bytes(settings.max_worker_rss, this_machine()) if settings.max_worker_rss else 0
    for member in crew:
        if member.state is not State.READY:
            continue
        rss_bytes = resident_bytes(member.pid) if rss_max_bytes else 0
        requests = member.stats.totals()["exchanges"]
        lost = member.stats.gauges().lost
        member.stale = why_replace(member, now, requests, rss_bytes, rss_max_bytes, lost)
        if member.stale:
            return member
    return None
