"""The reporter: one thread that may be kept waiting, so that nobody else in the core is.

A log that stalls (a full pipe, a disk) and a callback of the application that blocks must not keep the
inspector from the deadlines of other requests: it hands such things over and goes on. What is handed over
waits in a bounded queue; what finds no room there is dropped, and the count of it is told when there is room
again. Without work the thread sleeps without a clock.
"""

from __future__ import annotations

import linecache
import logging
import threading
import traceback
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

# Far more than all threads of an engine can have to say within seconds; each is a line or a stack.
WAITING_MAX = 1000

# Where a thread is: the file, the line, the function, and the globals, by which an importer finds the source.
Frame = tuple[str, int | None, str, dict[str, Any]]
Task = tuple[Callable[..., object], tuple[object, ...]]


class Reporter:
    """Does one after the other what it is given. `tell`, `hand_over` and `end` may be called by any thread;
    they raise nothing, and before the end they do not wait.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._dropped = 0
        self._ended = False

    def tell(self, level: int, text: str, *details: object, error: BaseException | None = None) -> bool:
        """Have a line of the log written; False where there is no room for it."""
        return self.hand_over(self._write, level, text, details, error)

    def hand_over(self, task: Callable[..., object], *arguments: object) -> bool:
        """Have `task(*arguments)` called; False where there is no room for it. What it raises is logged."""
        if self._ended:
            self._do(task, arguments)  # nobody else will
            return True
        if self._tasks.qsize() >= WAITING_MAX:
            self._dropped += 1
            return False
        self._tasks.put((task, arguments))
        return True

    def run(self) -> None:
        """The life of its thread, until `end`."""
        while (entry := self._tasks.get()) is not None:
            self._do(*entry)
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                text = "the log or a callback of on_disconnect stalled: %d reports were dropped"
                self._do(self._write, (logging.ERROR, text, (dropped,), None))

    def end(self) -> None:
        """Let the thread end when it has done what it has; what comes later is done by whoever brings it."""
        self._tasks.put(None)
        self._ended = True

    def _do(self, task: Callable[..., object], arguments: tuple[object, ...]) -> None:
        try:
            task(*arguments)
        except BaseException as error:
            try:
                self._write(logging.ERROR, "exception in the reporter: %s", (error,), error)
            except BaseException:  # a log that fails is no reason to end: it may work again
                return

    def _write(self, level: int, text: str, details: tuple[object, ...], error: BaseException | None) -> None:
        self._log.log(level, text, *details, exc_info=error)


def stack_text(frames: Iterable[Frame]) -> str:
    """A traceback without its first line, the outermost frame first. Reads the sources, which may last."""
    found = []
    for filename, line, function, namespace in frames:
        if filename != threading.__file__:
            linecache.lazycache(filename, namespace)
            linecache.checkcache(filename)
            found.append(traceback.FrameSummary(filename, line, function))
    return "".join(traceback.format_list(found)).rstrip("\n") or "  not in Python code"
