"""The stages of a stop."""

from __future__ import annotations

import signal

from potstill.settings import Settings
from potstill.supervisor.stopping import SLACK_S, Stage, begin, begin_handover
from potstill.worker.mailbox import Order

DELAYED = Settings(drain_delay=5.0, graceful_timeout=30.0)


def test_sigterm_begins_with_the_delay() -> None:
    stop = begin(signal.SIGTERM, DELAYED, 100.0)
    assert (stop.cause, stop.stage, stop.order) == ("SIGTERM", Stage.DELAY, Order.STOP)
    assert (stop.drain_at, stop.until, stop.kill_at) == (105.0, 135.0, 135.0 + SLACK_S)


def test_sigint_has_none() -> None:
    stop = begin(signal.SIGINT, DELAYED, 100.0)
    assert (stop.stage, stop.drain_at, stop.until) == (Stage.SHUT, 100.0, 130.0)
    assert begin(signal.SIGTERM, Settings(), 100.0).stage is Stage.SHUT


def test_another_signal_goes_on_to_the_next_stage() -> None:
    """SIGINT during the delay ends that and nothing else."""
    stop = begin(signal.SIGTERM, DELAYED, 100.0)
    stop.advance(102.0, 30.0)
    assert (stop.stage, stop.drain_at, stop.until) == (Stage.SHUT, 102.0, 132.0)
    stop.advance(103.0, 30.0)
    assert (stop.stage, stop.until) == (Stage.HURRY, 103.0)
    stop.advance(104.0, 30.0)
    assert stop.stage is Stage.HURRY


def test_a_handover_lets_workers_leave() -> None:
    """As when each is replaced: nobody waits for the end."""
    stop = begin_handover(DELAYED, 100.0)
    assert (stop.stage, stop.order, stop.until) == (Stage.DRAIN, Order.LEAVE, 130.0)
