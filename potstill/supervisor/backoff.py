"""When to try again: at once after the first mishap, later and later while they go on.

A worker that has lived for a while and dies is replaced at once: its clients wait. One that dies young will
most likely do so again, and a loop of that would use up the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

# Who has lived so long has not died of how it was started.
STABLE_S = 10.0
FIRST_PAUSE_S = 0.5
PAUSE_MAX_S = 30.0
# The mishaps of longer ago are forgotten.
FORGOTTEN_AFTER_S = 2 * PAUSE_MAX_S


@dataclass
class Backoff:
    """The supervisor tells it of deaths and asks when the next fork may be."""

    mishaps: int = 0
    next_try_at: float = 0.0
    pause_max_s: float = PAUSE_MAX_S

    def died(self, now: float, lived_s: float) -> float:
        """A worker has ended that was not asked to; the seconds to wait before the next is forked."""
        if now - self.next_try_at > FORGOTTEN_AFTER_S:
            self.mishaps = 0
        self.mishaps = 0 if lived_s >= STABLE_S else self.mishaps + 1
        pause_s = min(self.pause_max_s, pause_after(self.mishaps))
        self.next_try_at = now + pause_s
        return pause_s


def pause_after(mishaps: int) -> float:
    """0, 0, 0.5, 1, 2, 4, 8, 16, 30, 30 … seconds."""
    if mishaps < 2:
        return 0.0
    doublings = min(mishaps - 2, 16)  # beyond that it is only a large number
    return min(PAUSE_MAX_S, FIRST_PAUSE_S * (1 << doublings))
