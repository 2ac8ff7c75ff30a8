"""A worker and its supervisor's orders, with an engine that does as the test says."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from potstill.worker.mailbox import STOP_SIGNALS, Order
from potstill.worker.process import Ending, Patience, Worker
from tests.unit.worker.test_process import WAIT_S, FakeEngine, Statistics


class Supervised:
    """A worker on a thread-less engine, and the supervisor's end of its channel."""

    def __init__(self, patience: Patience) -> None:
        self.engine = FakeEngine()
        self.orders, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.worker = Worker(self.engine, (), patience)
        self.worker.obey(self._theirs.fileno())

    def order(self, *orders: Order) -> None:
        for order in orders:
            self.orders.send(bytes([order]))

    def serve(self) -> Ending:
        self.worker.start(signals=(signal.SIGTERM,))
        return self.worker.serve()

    def close(self) -> None:
        self.engine.release.set()
        self.orders.close()
        self._theirs.close()


@pytest.fixture
def supervised(caplog: pytest.LogCaptureFixture) -> Iterator[Supervised]:
    caplog.set_level(logging.INFO, "potstill")
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    made = Supervised(Patience(WAIT_S, last_call_s=0.05))
    yield made
    made.close()
    for thread in threading.enumerate():
        if thread.name == "potstill-0":
            thread.join(WAIT_S)
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == handlers


@pytest.mark.parametrize(
    ("order", "cause"), [(Order.STOP, "the supervisor's word"), (Order.LEAVE, "being replaced")]
)
def test_it_goes_when_it_is_told(
    supervised: Supervised, caplog: pytest.LogCaptureFixture, order: Order, cause: str
) -> None:
    supervised.engine.last_response_leaves.set()
    supervised.order(order)
    assert supervised.serve().complete
    assert caplog.messages == [f"stopped on {cause}: every response has left"]


def test_it_goes_when_the_supervisor_has_gone(
    supervised: Supervised, caplog: pytest.LogCaptureFixture
) -> None:
    supervised.engine.last_response_leaves.set()
    supervised.orders.close()
    assert supervised.serve().complete
    assert caplog.messages == ["stopped on the end of its supervisor: every response has left"]


def test_signs_of_life_and_words_do_not_end_it(
    supervised: Supervised, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is given; then comes the order to stop, after which the doors are shut already."""
    engine = supervised.engine
    engine.last_response_leaves.set()
    engine.stats.ask()
    supervised.order(Order.ANSWER, Order.TELL, Order.REOPEN, Order.RETIRE, Order.SHUT, Order.STOP)
    supervised.serve()
    assert engine.stats.pulse().asked_for_s == 0
    assert engine.retiring
    assert engine.calls[:3] == ["start", "reopen_log", "shut"]
    assert caplog.messages[0] == "in flight: 0 connections, 0 in the application"


def test_idle_connections_have_a_last_call(supervised: Supervised) -> None:
    """Then they are dismissed; whoever is only to be replaced waits longer."""
    engine = supervised.engine
    engine.on_drain = engine.last_response_leaves.set  # called when they are dismissed
    supervised.order(Order.STOP)
    assert supervised.serve().complete
    assert engine.calls == ["start", "shut", "drain", "stop"]


def test_a_replaced_worker_that_is_to_stop_dismisses_sooner(supervised: Supervised) -> None:
    """It would have waited for the whole graceful timeout."""
    engine = supervised.engine
    engine.on_drain = engine.last_response_leaves.set
    threading.Timer(0.1, supervised.order, [Order.STOP]).start()
    supervised.order(Order.LEAVE)
    ending = supervised.serve()
    assert ending.complete
    assert ending.time_left_s > WAIT_S / 2


def test_a_signal_and_an_order_that_say_the_same_do_not_hurry_it(supervised: Supervised) -> None:
    """As when the whole control group gets SIGTERM."""
    supervised.worker.start(signals=(signal.SIGTERM,))
    supervised.order(Order.STOP)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    supervised.engine.last_response_leaves.set()
    ending = supervised.worker.serve()
    assert (ending.complete, ending.at_once) == (True, False)


@pytest.mark.parametrize("before", [[], [Order.STOP]])
def test_an_order_to_hurry_cuts_what_is_left(
    supervised: Supervised, caplog: pytest.LogCaptureFixture, before: list[Order]
) -> None:
    supervised.engine.now = Statistics(connections=1)
    supervised.order(*before, Order.HURRY)
    assert supervised.serve().at_once
    assert "told to hurry: cut off 1 exchange (0 in the application)" in caplog.messages[-1]


def test_a_delay_without_a_supervisor(caplog: pytest.LogCaptureFixture) -> None:
    """It says that it is not ready, and goes on for so long; a second signal ends the delay."""
    caplog.set_level(logging.INFO, "potstill")
    for delay_s, second in ((0.05, False), (WAIT_S, True)):
        engine = FakeEngine()
        engine.last_response_leaves.set()
        worker = Worker(engine, (), Patience(WAIT_S, drain_delay_s=delay_s))
        worker.start()
        os.kill(os.getpid(), signal.SIGTERM)
        if second:
            threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start()
        ending = worker.serve()
        assert (ending.complete, ending.at_once, engine.retiring) == (True, False, True)
    assert caplog.messages[0] == "stopping on SIGTERM: accepting for another 0.05 s"
