"""How a stop proceeds: a stage, the order that takes workers there, and when patience is over."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import IntEnum

from potstill.settings import Settings
from potstill.worker.mailbox import Order

# A worker ends by itself when the graceful timeout is over; this is how much later it must be gone.
SLACK_S = 5.0


class Stage(IntEnum):
    DELAY = 1  # connections are still accepted
    DRAIN = 2
    HURRY = 3


@dataclass
class Stopping:
    """A stop that has begun."""

    cause: str
    stage: Stage
    order: Order
    drain_at: float  # when the listeners are to be closed
    until: float  # when everybody should be gone

    @property
    def kill_at(self) -> float:
        """When nobody is waited for any longer."""
        return self.until + SLACK_S

    def advance(self, now: float, graceful_timeout_s: float) -> None:
        """Another signal has come: on to the next stage."""
        if self.stage is Stage.DELAY:
            self.stage = Stage.DRAIN
            self.drain_at, self.until = now, now + graceful_timeout_s
        else:
            self.stage, self.order, self.until = Stage.HURRY, Order.HURRY, now


def begin(number: int, settings: Settings, now: float) -> Stopping:
    """A stop by SIGTERM, which may have a delay, or by SIGINT, which has none."""
    delayed = number == signal.SIGTERM and settings.drain_delay > 0
    drain_at = now + settings.drain_delay if delayed else now
    return Stopping(
        signal.Signals(number).name,
        Stage.DELAY if delayed else Stage.DRAIN,
        Order.STOP,
        drain_at,
        drain_at + settings.graceful_timeout,
    )


def begin_handover(settings: Settings, now: float) -> Stopping:
    """The stop of a supervisor that has a successor."""
    return Stopping("handover", Stage.DRAIN, Order.LEAVE, now, now + settings.graceful_timeout)
