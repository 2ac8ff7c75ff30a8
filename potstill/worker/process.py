"""One process that serves: start, serve, drain, stop.

    worker = make_worker(application, listeners, options, graceful_timeout_s=30)
    worker.start()              # after fork: the engine's threads run, connections are accepted
    ending = worker.serve()     # until a signal, or ask_to_stop()

The main thread runs none of the engine. It waits in the mailbox for a note that ends serving, and then takes
the engine through these stages:

1. After SIGTERM, connections are still accepted for `drain_delay_s`: a load balancer needs a while to notice.
2. The listeners are closed and every answer says `Connection: close`. Idle connections may ask once more
   for `last_call_s`, since closing one races with the request that is on its way; then they are dismissed.
3. When `graceful_timeout_s` is over, or a second signal came, what is left is cut. It is told on the log, and
   so is every thread that is still inside the application, with its stack: it cannot be ended from outside.

A further stop signal goes on to the next stage. `potstill.worker.leave` is about how a process ends whose
threads are still inside the application.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from potstill.net.bind import Listener
from potstill.worker.console import LEVELS, reopen_log_files, set_level
from potstill.worker.inflight import Request, Statistics, exchanges, place_of, report, stack_of
from potstill.worker.mailbox import STOP_SIGNALS, Mailbox, Order, SignalHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from potstill.core.options import Entrance, Options
    from potstill.core.stats import Stats as SharedStats
    from potstill.observe.office import Office

logger = logging.getLogger("potstill")

# How often a draining engine is looked at; it is also how late a second signal may be noticed.
DRAIN_STEP_S = 0.05
TELL_EVERY_S = 1.0
# How long idle connections may still ask when a server stops: clients that ask without pause do so at once.
LAST_CALL_S = 1.0
# Threads that can end need no longer than this once they were told to.
THREADS_END_S = 0.5
# How late changed files of TLS may be noticed. Looking at them takes a few microseconds.
UPKEEP_S = 5.0
HOW_TO_HURRY = "; a second signal stops at once"
REASONS = {
    Order.STOP: "the supervisor's word",
    Order.LEAVE: "being replaced",
    Order.HURRY: "a second signal",
    Order.ORPHANED: "the end of its supervisor",
}


# What is to be done now and then, with the time of the epoch.
Upkeep = Callable[[float], None]


class Stats(Protocol):
    """What is used of `potstill.core.stats.Stats` here."""

    def answer(self) -> None: ...


class Engine(Protocol):
    """What is used of `potstill.core.engine.Engine` here."""

    retiring: bool

    def reopen_log(self) -> None: ...

    def in_flight(self) -> Sequence[Request]: ...

    def start(self) -> None: ...

    @property
    def stats(self) -> Stats: ...

    def shut(self, close: bool = False) -> None: ...

    def drain(self, dismiss: bool = True) -> None: ...

    def wait_drained(self, timeout_s: float) -> bool: ...

    def stop(self, timeout_s: float) -> object: ...

    def statistics(self) -> Statistics: ...


@dataclass(frozen=True)
class Patience:
    """How long the stages of winding down may take."""

    graceful_timeout_s: float
    drain_delay_s: float = 0.0
    last_call_s: float = 0.0
    # For idle connections of a worker whose place another has taken; None: as long as for all the rest.
    last_call_replaced_s: float | None = None


@dataclass(frozen=True)
class Ending:
    """How serving ended."""

    complete: bool  # every response has left
    at_once: bool  # a second signal asked for it
    time_left_s: float  # of the graceful timeout
    stuck: tuple[threading.Thread, ...]  # the engine's threads that are inside the application still


def make_worker(
    application: WSGIApplication,
    listeners: Sequence[Listener],
    options: Options,
    patience: Patience,
    *,
    close_listeners: bool = True,
    stats: SharedStats | None = None,
    entrances: Sequence[Entrance] = (),
    upkeep: Upkeep | None = None,
) -> Worker:
    """A worker that is ready to start. `close_listeners`: it closes them when it winds down.

    `stats` is where it counts when somebody else is to see that. `entrances` says how clients come in by each
    listener; `upkeep` is called with the time, every now and then while it serves.
    """
    # The compiled core is imported by whoever serves, not by `potstill --help`.
    from potstill.core.engine import Engine

    engine = Engine(application, [listener.socket for listener in listeners], options, stats, entrances)
    return Worker(engine, listeners if close_listeners else (), patience, upkeep)


class Worker:
    """An engine, the listeners to close, and the end.

    One thread makes it, starts it and serves, each once. Any other may `ask_to_stop` and read `threads`.
    """

    def __init__(
        self,
        engine: Engine,
        listeners: Sequence[Listener],
        patience: Patience,
        upkeep: Upkeep | None = None,
    ) -> None:
        self._engine = engine
        self._upkeep = upkeep
        self._listeners = listeners
        self._patience = patience
        self._mailbox = Mailbox()
        self._supervised = False
        self._tell_stacks: Callable[[], None]
        self._office: Office | None = None
        self._threads: tuple[threading.Thread, ...] = ()
        self._started = threading.Event()

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """The engine's threads; asked by another thread while they are being started, it waits for that."""
        self._started.wait()
        return self._threads

    def obey(self, orders: int, tell_stacks: Callable[[], None] = lambda: None) -> None:
        """Hear a supervisor by this descriptor; it is the one who tells the operator how a stop gets on.

        `tell_stacks` is called when it wants to know where the threads are.
        """
        self._mailbox.hear(orders)
        self._supervised = True
        self._tell_stacks = tell_stacks

    def keep_office(self, office: Office) -> None:
        """Serve an admin listener from the thread that waits for signals; it is closed when serving is
        over.
        """
        self._office = office

    def reopen_logs(self) -> None:
        """Open the files of all logs anew, by their names."""
        self._engine.reopen_log()
        reopen_log_files()

    def start(self, *, keep_own_handlers: bool = False, signals: Iterable[int] = STOP_SIGNALS) -> None:
        """Start the engine's threads. From now on connections are accepted, and `serve` is to be called.

        In the main thread the signals are taken first, so that there is no moment at which they would
        kill what has begun. With `keep_own_handlers` those for which the program has a handler of its own
        stay the program's business.
        """
        before = set(threading.enumerate())
        self._mailbox.take_signals(keep_own_handlers=keep_own_handlers, numbers=signals)
        try:
            self._engine.start()
            self._threads = tuple(
                thread
                for thread in threading.enumerate()
                if thread not in before and thread.name.startswith("potstill-")
            )
        except BaseException:
            self._mailbox.give_back_signals()
            raise
        finally:
            self._started.set()

    def serve(self, *, afterwards: SignalHandler | None = None) -> Ending:
        """Wait until a signal comes or somebody asks to stop, then wind down; returns when all is over.

        `afterwards` becomes the handler of the signals that were taken; None: the one they had before. What a
        signal handler of the program raises ends serving at once, and is raised.
        """
        ending: Ending | None = None
        try:
            notes: list[int] = []
            while not notes:
                if self._upkeep is not None:
                    self._upkeep(time.time())
                # Without upkeep for ever: an idle worker makes no system calls at all.
                notes = self._read_notes(None if self._upkeep is None else UPKEEP_S)
            ending = self._wind_down(notes)
            return ending
        finally:
            if ending is None:
                self.stop()
            self._mailbox.give_back_signals(afterwards)
            self._mailbox.close()
            if self._office is not None:
                self._office.close()

    def ask_to_stop(self) -> None:
        """Let `serve` wind down, as a signal does; returns at once."""
        self._mailbox.leave_word()

    def drain(self, *, dismiss: bool = True) -> None:
        """Take no new connections and let every exchange be the last of its connection; returns at once.

        Without `dismiss` idle connections are left for another request each, until a second call.
        """
        self.shut()  # first: whoever is told to close comes back at once
        self._engine.drain(dismiss)

    def shut(self) -> None:
        """Take no new connections; nothing changes for those that there are. Idempotent."""
        # A client that comes later is refused by the kernel and can go elsewhere, instead of waiting here.
        for listener in self._listeners:
            listener.remove_file()
        self._engine.shut(close=bool(self._listeners))
        for listener in self._listeners:
            listener.close()

    def stop(self) -> tuple[threading.Thread, ...]:
        """Cut what is left; the engine's threads that could not be ended. They are inside the application."""
        self._engine.stop(THREADS_END_S)
        return tuple(thread for thread in self._threads if thread.is_alive())

    def _read_notes(self, timeout_s: float | None) -> list[int]:
        """The notes that are about the end; the others are heeded here."""
        ending: list[int] = []
        listen = self._mailbox.wait
        if self._office is not None:
            listen = partial(self._office.wait, self._mailbox)
        for note in listen(timeout_s):
            if note == Order.ANSWER:
                self._engine.stats.answer()
            elif note == Order.RETIRE:
                self._engine.retiring = True
            elif note == Order.SHUT:
                self.shut()
            elif note in (Order.TELL, signal.SIGQUIT):
                logger.warning("%s", report(self._engine.statistics(), self._engine.in_flight()))
            elif note in (signal.SIGUSR1, Order.REOPEN):
                self.reopen_logs()
            elif note == Order.STACKS:
                self._tell_stacks()
            elif Order.LOG_DEBUG <= note <= Order.LOG_CRITICAL:
                set_level(LEVELS[note - Order.LOG_DEBUG])
            else:
                # To a worker its supervisor and a `kill` of the whole control group say the same.
                ending.append(Order.STOP if self._supervised and note == signal.SIGTERM else note)
        return ending

    def _wind_down(self, notes: list[int]) -> Ending:
        cause = name_of(notes[0])
        further = notes if notes[0] == Order.HURRY else notes[1:]
        if self._patience.drain_delay_s and notes[0] == signal.SIGTERM:
            further = self._linger(cause, further)
        last_call_s = self._patience.last_call_s
        if notes[0] == Order.LEAVE:  # nobody waits for the end of this one
            replaced_s = self._patience.last_call_replaced_s
            last_call_s = self._patience.graceful_timeout_s if replaced_s is None else replaced_s
        until = time.monotonic() + self._patience.graceful_timeout_s
        self.drain(dismiss=last_call_s == 0)
        # A worker that is merely replaced finishes them, and nobody asked.
        if notes[0] != Order.LEAVE and (running := self._engine.in_flight()):
            logger.info("%s", report(self._engine.statistics(), running))
        dismiss_at = time.monotonic() + last_call_s if last_call_s else math.inf
        complete, at_once = self._wait_drained(cause, until, dismiss_at, at_once=hurried(further))
        left = self._engine.statistics()
        stuck = self.stop()
        if complete:
            logger.info("stopped on %s: every response has left", cause)
        else:
            why = "told to hurry" if at_once else f"after {self._patience.graceful_timeout_s:g} s"
            logger.warning("stopped on %s, %s: cut off %s", cause, why, exchanges(left))
        for thread in stuck:
            logger.warning(
                "thread %s did not end: it is in %s\n%s", thread.name, place_of(thread), stack_of(thread)
            )
        time_left_s = 0.0 if at_once else max(0.0, until - time.monotonic())
        return Ending(complete, at_once, time_left_s, stuck)

    def _linger(self, cause: str, further: list[int]) -> list[int]:
        """Go on accepting until the delay is over or a further note comes; the notes after that one."""
        self._engine.retiring = True
        until = time.monotonic() + self._patience.drain_delay_s
        delay_s = self._patience.drain_delay_s
        logger.info("stopping on %s: accepting for another %g s", cause, delay_s)
        while not further and (left_s := until - time.monotonic()) > 0:
            further = self._read_notes(left_s)
        return further[1:]

    def _wait_drained(
        self, cause: str, until: float, dismiss_at: float, *, at_once: bool
    ) -> tuple[bool, bool]:
        """Whether everything has left in time, and whether another signal cut the time short."""
        tell_at, told, dismissed = time.monotonic(), "", False
        while not at_once:
            now = time.monotonic()
            if now >= dismiss_at and not dismissed:
                self._engine.drain()
                dismissed = True
            if self._engine.wait_drained(max(0.0, min(DRAIN_STEP_S, until - now))):
                return True, False
            if now >= until:
                return False, False
            left = exchanges(self._engine.statistics())
            if not self._supervised and now >= tell_at and left != told:
                wait_s = until - now
                logger.info(
                    "stopping on %s: waiting up to %.0f s for %s%s", cause, wait_s, left, HOW_TO_HURRY
                )
                tell_at, told = now + TELL_EVERY_S, left
            notes = self._read_notes(0)
            at_once = hurried(notes)
            if notes:  # what was only to be replaced is to stop
                dismiss_at = min(dismiss_at, now + self._patience.last_call_s)
        return False, True


def hurried(notes: list[int]) -> bool:
    """A second signal is in a hurry; a second word only says the same as the first."""
    return any(note in (*STOP_SIGNALS, Order.HURRY) for note in notes)


def name_of(note: int) -> str:
    if note in STOP_SIGNALS:
        return signal.Signals(note).name
    return REASONS[Order(note)] if note in REASONS else "request"
