"""One process that serves: start, serve, drain, stop.

    worker = make_worker(application, listeners, options, graceful_timeout_s=30)
    worker.start()              # after fork: the engine's threads run, connections are accepted
    ending = worker.serve()     # until a signal, or ask_to_stop()

The main thread runs none of the engine. It waits in the mailbox for a note and then winds the engine down:
the listeners are closed, keep-alive clients hear `Connection: close`, and exchanges may finish until
`graceful_timeout_s` is over. A second signal ends that at once. What is cut is told on the log, and so is
every thread that is still inside the application, with the place it stands at: it cannot be ended from
outside. `potstill.worker.leave` is about how a process ends that has such threads.
"""

from __future__ import annotations

import logging
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from potstill.net.bind import Listener
from potstill.worker.mailbox import STOP_SIGNALS, Mailbox, SignalHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from potstill.core.options import Options

logger = logging.getLogger("potstill")

# How often a draining engine is looked at; it is also how late a second signal may be noticed.
DRAIN_STEP_S = 0.05
TELL_EVERY_S = 1.0
# Threads that can end need no longer than this once they were told to.
THREADS_END_S = 0.5
HOW_TO_HURRY = "; a second signal stops at once"


class Statistics(Protocol):
    """What is read of an engine's statistics here."""

    @property
    def connections(self) -> int: ...

    @property
    def in_application(self) -> int: ...


class Engine(Protocol):
    """What is used of `potstill.core.engine.Engine` here."""

    def start(self) -> None: ...

    def drain(self) -> None: ...

    def wait_drained(self, timeout_s: float) -> bool: ...

    def stop(self, timeout_s: float) -> object: ...

    def statistics(self) -> Statistics: ...


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
    *,
    graceful_timeout_s: float,
    close_listeners: bool = True,
) -> Worker:
    """A worker that is ready to start. `close_listeners`: it closes them when it winds down."""
    # The compiled core is imported by whoever serves, not by `potstill --help`.
    from potstill.core.engine import Engine

    engine = Engine(application, [listener.socket for listener in listeners], options)
    return Worker(engine, listeners if close_listeners else (), graceful_timeout_s)


class Worker:
    """An engine, the listeners to close, and the end.

    One thread makes it, starts it and serves, each once. Any other may `ask_to_stop` and read `threads`.
    """

    def __init__(self, engine: Engine, listeners: Sequence[Listener], graceful_timeout_s: float) -> None:
        self._engine = engine
        self._listeners = listeners
        self._graceful_timeout_s = graceful_timeout_s
        self._mailbox = Mailbox()
        self._threads: tuple[threading.Thread, ...] = ()
        self._started = threading.Event()

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """The engine's threads; asked by another thread while they are being started, it waits for that."""
        self._started.wait()
        return self._threads

    def start(self, *, keep_own_handlers: bool = False) -> None:
        """Start the engine's threads. From now on connections are accepted, and `serve` is to be called.

        In the main thread SIGTERM and SIGINT are taken first, so that there is no moment at which they would
        kill what has begun. With `keep_own_handlers` those for which the program has a handler of its own
        stay the program's business.
        """
        before = set(threading.enumerate())
        self._mailbox.take_signals(keep_own_handlers=keep_own_handlers)
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
                notes = self._mailbox.wait()
            ending = self._wind_down(notes)
            return ending
        finally:
            if ending is None:
                self.stop()
            self._mailbox.give_back_signals(afterwards)
            self._mailbox.close()

    def ask_to_stop(self) -> None:
        """Let `serve` wind down, as a signal does; returns at once."""
        self._mailbox.leave_word()

    def drain(self) -> None:
        """Take no new connections and let every exchange be the last of its connection; returns at once."""
        self._engine.drain()
        # A client that comes now is refused by the kernel and can go elsewhere, instead of waiting here.
        for listener in self._listeners:
            listener.close()

    def stop(self) -> tuple[threading.Thread, ...]:
        """Cut what is left; the engine's threads that could not be ended. They are inside the application."""
        self._engine.stop(THREADS_END_S)
        return tuple(thread for thread in self._threads if thread.is_alive())

    def _wind_down(self, notes: list[int]) -> Ending:
        cause = name_of(notes[0])
        self.drain()
        until = time.monotonic() + self._graceful_timeout_s
        complete, at_once = self._wait_drained(cause, until, at_once=hurried(notes[1:]))
        left = self._engine.statistics()
        stuck = self.stop()
        if complete:
            logger.info("stopped on %s: every response has left", cause)
        else:
            why = "told to hurry" if at_once else f"after {self._graceful_timeout_s:g} s"
            logger.warning("stopped on %s, %s: cut off %s", cause, why, exchanges(left))
        for thread in stuck:
            logger.warning("thread %s did not end: it is in %s", thread.name, place_of(thread))
        time_left_s = 0.0 if at_once else max(0.0, until - time.monotonic())
        return Ending(complete, at_once, time_left_s, stuck)

    def _wait_drained(self, cause: str, until: float, *, at_once: bool) -> tuple[bool, bool]:
        """Whether everything has left in time, and whether another signal cut the time short."""
        tell_at, told = time.monotonic(), ""
        while not at_once:
            now = time.monotonic()
            if self._engine.wait_drained(max(0.0, min(DRAIN_STEP_S, until - now))):
                return True, False
            if now >= until:
                return False, False
            left = exchanges(self._engine.statistics())
            if now >= tell_at and left != told:
                wait_s = until - now
                logger.info(
                    "stopping on %s: waiting up to %.0f s for %s%s", cause, wait_s, left, HOW_TO_HURRY
                )
                tell_at, told = now + TELL_EVERY_S, left
            at_once = hurried(self._mailbox.wait(0))
        return False, True


def hurried(notes: list[int]) -> bool:
    """A second signal is in a hurry; a second word only says the same as the first."""
    return any(note in STOP_SIGNALS for note in notes)


def exchanges(left: Statistics) -> str:
    """`3 exchanges (2 in the application)`; while draining, a connection is its last exchange."""
    plural = "" if left.connections == 1 else "s"
    return f"{left.connections} exchange{plural} ({left.in_application} in the application)"


def name_of(note: int) -> str:
    return signal.Signals(note).name if note in STOP_SIGNALS else "request"


def place_of(thread: threading.Thread) -> str:
    """`checkout (/srv/shop/views.py:41), in SSLSocket.read (/usr/lib/python3.12/ssl.py:1107)`.

    The innermost frame of the application's own code, and the innermost of all if that is another.
    """
    innermost = sys._current_frames().get(thread.ident or 0)
    if innermost is None:
        return "code that is not Python"
    libraries = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    own: FrameType | None = innermost
    while own is not None and own.f_code.co_filename.startswith((*libraries, "<frozen ")):
        own = own.f_back
    if own is None or own is innermost:
        return frame_name(innermost)
    return f"{frame_name(own)}, in {frame_name(innermost)}"


def frame_name(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
