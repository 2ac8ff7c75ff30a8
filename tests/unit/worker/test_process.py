"""Start, serve, drain, stop, with an engine that does as the test says."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from potstill.core.report import InFlight
from potstill.core.stats import Stats
from potstill.net.bind import Listener
from potstill.worker.mailbox import STOP_SIGNALS
from potstill.worker.process import HOW_TO_HURRY, Patience, Worker

WAIT_S = 10


@dataclass
class Statistics:
    connections: int = 0
    in_application: int = 0


@dataclass
class FakeEngine:
    """Notes what it is told. It is drained when `last_response_leaves` is set."""

    last_response_leaves: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    calls: list[str] = field(default_factory=list)
    now: Statistics = field(default_factory=Statistics)
    on_drain: Callable[[], object] = lambda: None
    on_shut: Callable[[], object] = lambda: None
    is_shut: bool = False
    on_wait: Callable[[], object] = lambda: None
    stuck: bool = False
    retiring: bool = False
    stats: Stats = field(default_factory=lambda: Stats(1))

    def reopen_log(self) -> None:
        self.calls.append("reopen_log")

    def start(self) -> None:
        self.calls.append("start")
        threading.Thread(target=self._run, name="potstill-0", daemon=True).start()

    def _run(self) -> None:
        """As long as a stuck application would."""
        self.release.wait(WAIT_S)

    def shut(self, close: bool = False) -> None:
        if not self.is_shut:
            self.is_shut = True
            self.calls.append("shut")
            self.on_shut()

    def drain(self, dismiss: bool = True) -> None:
        if dismiss:
            self.calls.append("drain")
            self.on_drain()

    def wait_drained(self, timeout_s: float) -> bool:
        self.on_wait()
        return self.last_response_leaves.wait(timeout_s)

    def stop(self, timeout_s: float) -> None:
        self.calls.append("stop")
        if not self.stuck:
            self.release.set()
            for thread in threading.enumerate():
                if thread.name == "potstill-0":
                    thread.join(timeout_s)

    def in_flight(self) -> list[InFlight]:
        return []

    def statistics(self) -> Statistics:
        return self.now


@pytest.fixture
def engine(caplog: pytest.LogCaptureFixture) -> Iterator[FakeEngine]:
    """Its thread has ended and the signal handlers are restored when the test is over."""
    caplog.set_level(logging.INFO, "potstill")
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    fake = FakeEngine()
    yield fake
    fake.release.set()
    for thread in threading.enumerate():
        if thread.name == "potstill-0":
            thread.join(WAIT_S)
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == handlers


def signalling(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def started(engine: FakeEngine, *listeners: Listener, graceful_timeout_s: float = WAIT_S) -> Worker:
    worker = Worker(engine, listeners, Patience(graceful_timeout_s))
    worker.start()
    return worker


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_drains_and_serving_ends(
    number: signal.Signals, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that came before `serve` was called."""
    engine.last_response_leaves.set()
    worker = started(engine)
    signalling(number)()
    ending = worker.serve()
    assert engine.calls == ["start", "shut", "drain", "stop"]
    assert (ending.complete, ending.at_once, ending.stuck) == (True, False, ())
    assert 0 < ending.time_left_s <= WAIT_S
    assert caplog.messages == [f"stopped on {number.name}: every response has left"]


def test_a_word_does_the_same_in_any_thread(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Without signal handlers."""
    engine.last_response_leaves.set()
    endings = []

    def whole_life() -> None:
        worker = started(engine)
        worker.ask_to_stop()
        worker.ask_to_stop()
        endings.append(worker.serve())

    thread = threading.Thread(target=whole_life)
    thread.start()
    thread.join(WAIT_S)
    assert [ending.complete for ending in endings] == [True]
    assert caplog.messages == ["stopped on request: every response has left"]


def test_listeners_are_closed_after_the_engine_has_let_go(engine: FakeEngine) -> None:
    """A client that comes later is refused instead of waiting for nobody."""
    listener = Listener(socket.create_server(("127.0.0.1", 0)))
    address = listener.socket.getsockname()
    engine.on_shut = lambda: engine.calls.append(f"open: {listener.socket.fileno() >= 0}")
    engine.last_response_leaves.set()
    worker = started(engine, listener)
    worker.ask_to_stop()
    worker.serve()
    assert engine.calls == ["start", "shut", "open: True", "drain", "stop"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=WAIT_S)


def test_who_is_waited_for_is_told(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each change at most, and not at all when nobody keeps the server."""
    engine.now = Statistics(connections=3, in_application=2)
    waits = []

    def leave_at_last() -> None:
        waits.append(None)
        if len(waits) == 3:
            engine.last_response_leaves.set()

    engine.on_wait = leave_at_last
    worker = started(engine)
    worker.ask_to_stop()
    worker.serve()
    assert caplog.messages == [
        "stopping on request: waiting up to 10 s for 3 exchanges (2 in the application)" + HOW_TO_HURRY,
        "stopped on request: every response has left",
    ]


def test_a_second_signal_stops_at_once(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Exchanges that have not finished are cut, and that is told."""
    engine.now = Statistics(connections=1, in_application=1)
    engine.on_drain = signalling(signal.SIGINT)
    worker = started(engine)
    worker.ask_to_stop()
    ending = worker.serve()
    assert (ending.complete, ending.at_once, ending.time_left_s) == (False, True, 0.0)
    assert caplog.messages[-1] == (
        "stopped on request, told to hurry: cut off 1 exchange (1 in the application)"
    )


def test_two_signals_together_are_two(engine: FakeEngine) -> None:
    """The second is not lost because the first has not been read yet."""
    worker = started(engine)
    signalling(signal.SIGTERM)()
    signalling(signal.SIGTERM)()
    assert worker.serve().at_once


def test_the_graceful_timeout_ends_the_wait(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """What is still inside the application is named with its place."""
    engine.stuck = True
    engine.now = Statistics(connections=1, in_application=1)
    worker = started(engine, graceful_timeout_s=0.0)
    worker.ask_to_stop()
    ending = worker.serve()
    assert (ending.complete, ending.at_once, ending.time_left_s) == (False, False, 0.0)
    assert [thread.name for thread in ending.stuck] == ["potstill-0"]
    cut, thread = caplog.messages[-2:]
    assert cut == "stopped on request, after 0 s: cut off 1 exchange (1 in the application)"
    own, innermost = r"FakeEngine\._run \(.*test_process\.py:\d+\)", r"\S*wait \(.*threading\.py:\d+\)"
    assert re.fullmatch(
        f"thread potstill-0 did not end: it is in {own}, in {innermost}\n", thread.partition("  File")[0]
    )


def test_what_a_handler_of_the_program_raises_ends_serving(engine: FakeEngine) -> None:
    """The engine is stopped, and the exception is the program's."""

    def leave(number: int, frame: object) -> None:
        raise LookupError("enough")

    before = signal.signal(signal.SIGTERM, leave)
    try:
        worker = Worker(engine, (), Patience(WAIT_S))
        worker.start(keep_own_handlers=True)
        threading.Timer(0.01, signalling(signal.SIGTERM)).start()
        with pytest.raises(LookupError, match="enough"):
            worker.serve()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert engine.calls == ["start", "stop"]


def test_signals_are_given_back_when_the_engine_cannot_start(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is the caller's."""

    def fail() -> None:
        raise OSError("no epoll")

    monkeypatch.setattr(engine, "start", fail)
    with pytest.raises(OSError, match="no epoll"):
        started(engine)


def test_the_threads_of_the_engine_are_known(engine: FakeEngine) -> None:
    """By name, and not those that were there before."""
    other = threading.Thread(target=engine.release.wait, args=(WAIT_S,), name="potstill-other", daemon=True)
    other.start()
    worker = started(engine)
    assert [thread.name for thread in worker.threads] == ["potstill-0"]
    engine.last_response_leaves.set()
    worker.ask_to_stop()
    worker.serve()
    other.join(WAIT_S)
