"""Notes to the thread that serves: signals, and words from other threads.

Whoever leaves a note only writes one byte into a pipe; the serving thread reads it when it is ready to act. A
signal's note is its number, which the interpreter's own C handler writes (signal.set_wakeup_fd), and a word
from another thread is 0, which no signal has. So waiting is one blocking system call that nothing but a note
ends: an idle worker makes no system calls at all.

A signal handler in Python is installed too, for without one the interpreter's C handler would not run; it
does nothing.

A worker of a supervisor hears from it by a descriptor of its own, and what it says are notes too: one byte,
an Order. Its end says that the supervisor is gone.

A process that the application forks inherits handlers and pipe, and a SIGTERM meant for it would stop the
server instead. So the child gives the signals back first thing.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import weakref
from collections.abc import Callable, Iterable
from enum import IntEnum
from types import FrameType
from typing import Any

SignalHandler = Callable[[int, FrameType | None], None]

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What a server that owns its process hears besides.
TELLING_SIGNALS = (signal.SIGQUIT, signal.SIGUSR1)
WORD = 0


class Order(IntEnum):
    """What a supervisor tells a worker; beyond the numbers of all signals."""

    STOP = 128  # as a signal does
    SHUT = 129  # take no new connections
    HURRY = 130  # what is left is cut
    RETIRE = 131  # say that it is not ready any more, and go on
    LEAVE = 132  # another worker has taken its place
    ANSWER = 133  # give a sign of life
    TELL = 134  # say what is in flight
    REOPEN = 135  # the log files
    ORPHANED = 136  # the supervisor is gone
    STACKS = 137  # say where each thread is
    LOG_DEBUG = 140  # log from this level on; in the order of the levels
    LOG_INFO = 141
    LOG_WARNING = 142
    LOG_ERROR = 143
    LOG_CRITICAL = 144


# More unread notes than this are not kept apart: they all say the same.
NOTES_BYTES_MAX = 512


class Mailbox:
    """A pipe for one-byte notes. `leave_word` may be called by any thread, the rest by the reader alone."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)  # set_wakeup_fd asks for it: a handler must never wait
        self._poll = select.poll()
        self._poll.register(self._reading, select.POLLIN)
        self._orders: int | None = None
        self._lock = threading.Lock()  # against a word that is written while the pipe is closed
        self._before: dict[int, Any] = {}  # the handlers that ours stand in for
        self._wakeup_before: int | None = None
        box = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: forget_in_child(box()))

    def leave_word(self) -> None:
        """Tell the reader to stop. Does nothing when nobody reads any more."""
        with self._lock:
            if self._writing >= 0:
                try:
                    os.write(self._writing, bytes([WORD]))
                except BlockingIOError:
                    return  # full of notes that nobody has read: one more changes nothing

    def wait(self, timeout_s: float | None = None) -> list[int]:
        """The notes that have come, in order; waits at most `timeout_s` for the first, None being for ever.

        May be empty before the time is over: a signal that somebody else handles ends the wait as well.
        """
        notes: list[int] = []
        for descriptor, _ in self._poll.poll(None if timeout_s is None else timeout_s * 1000):
            if descriptor == self._orders:
                notes += self._read_orders(descriptor)
            else:
                found = os.read(descriptor, NOTES_BYTES_MAX)
                notes += [note for note in found if note == WORD or note in self._before]
        return notes

    def fileno(self) -> int:
        """Readable when there are notes: for a select of more than this; then `wait(0)` has them."""
        return self._reading

    def hear(self, descriptor: int) -> None:
        """Take the orders of a supervisor, which come as bytes by this descriptor; it stays the caller's."""
        self._orders = descriptor
        self._poll.register(descriptor, select.POLLIN)

    def _read_orders(self, descriptor: int) -> list[int]:
        try:
            orders = os.read(descriptor, NOTES_BYTES_MAX)
        except ConnectionResetError:  # gone, with words of ours unread
            orders = b""
        if orders:
            return list(orders)
        self._poll.unregister(descriptor)
        return [Order.ORPHANED]

    def take_signals(self, *, keep_own_handlers: bool, numbers: Iterable[int] = STOP_SIGNALS) -> None:
        """From now on these signals leave notes here, until `give_back_signals`.

        Only the main thread can do that; in another one nothing happens. With `keep_own_handlers` a handler
        that the program has installed stays in force, and only the interpreter's defaults are replaced.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in numbers:
            handler = signal.getsignal(number)
            if is_default(handler) or not keep_own_handlers:
                self._before[number] = handler
                signal.signal(number, leave_it_at_the_note)

    def give_back_signals(self, afterwards: SignalHandler | None = None) -> None:
        """Restore what was there before, or put `afterwards` in its place. Does nothing the second time."""
        if self._wakeup_before is None:
            return
        for number, before in self._before.items():
            handler = afterwards or before
            if handler is not None:  # None: installed by C code, which Python can neither see nor restore
                signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._before, self._wakeup_before = {}, None

    def close(self) -> None:
        with self._lock:
            if self._writing >= 0:
                os.close(self._reading)
                os.close(self._writing)
                self._reading = self._writing = -1


def forget_in_child(box: Mailbox | None) -> None:
    if box is not None:
        box.give_back_signals()


def leave_it_at_the_note(number: int, frame: FrameType | None) -> None:
    """The note was written before this runs."""


def is_default(handler: object) -> bool:
    return handler in (signal.SIG_DFL, signal.default_int_handler)
