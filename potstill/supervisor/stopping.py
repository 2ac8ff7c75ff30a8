"""How a stop proceeds: a stage, the order that takes workers there, and when patience is over."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from potstill.net.bind import Listener
from potstill.settings import Settings
from potstill.worker.mailbox import Order

# Closing a listener takes a worker moments; one that is stuck is not waited for.
SHUT_S = 0.25
# A worker ends by itself when the graceful timeout is over; this is how much later it must be gone.
SLACK_S = 5.0


class Stage(IntEnum):
    DELAY = 1  # connections are still accepted
    SHUT = 2  # until no worker accepts any more, so that a client told to go does not come back to the next
    DRAIN = 3
    HURRY = 4


@dataclass
class Stopping:
    """A stop that has begun."""

    cause: str
    stage: Stage
    order: Order  # for the stage DRAIN
    drain_at: float  # when the listeners are to be closed
    until: float  # when everybody should be gone

    @property
    def kill_at(self) -> float:
        """When nobody is waited for any longer."""
        return self.until + SLACK_S

    def advance(self, now: float, graceful_timeout_s: float) -> None:
        """Another signal has come: on to the next stage."""
        if self.stage is Stage.DELAY:
            self.stage = Stage.SHUT
            self.drain_at, self.until = now, now + graceful_timeout_s
        else:
            self.stage, self.until = Stage.HURRY, now


def close_listeners(listeners: Sequence[Listener], order: Order) -> None:
    """Before the workers do: who comes when the last of them has closed is refused, not left waiting."""
    for listener in listeners:
        if order is Order.LEAVE:
            listener.socket.close()  # its file is the successor's
        else:
            listener.close()


def begin(number: int, settings: Settings, now: float) -> Stopping:
    """A stop by SIGTERM, which may have a delay, or by SIGINT, which has none."""
    delayed = number == signal.SIGTERM and settings.drain_delay > 0
    drain_at = now + settings.drain_delay if delayed else now
    return Stopping(
        signal.Signals(number).name,
        Stage.DELAY if delayed else Stage.SHUT,
        Order.STOP,
        drain_at,
        drain_at + settings.graceful_timeout,
    )


def begin_handover(settings: Settings, now: float) -> Stopping:
    """The stop of a supervisor that has a successor."""
    return Stopping("handover", Stage.DRAIN, Order.LEAVE, now, now + settings.graceful_timeout)
