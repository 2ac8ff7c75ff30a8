"""How the process ends, within a bound, whatever the application has left running.

Three things can be in the way of a plain exit:

- A runner that is still inside the application. It is a daemon thread, so nobody waits for it, but the
  interpreter must not be torn down below it either: when it comes back from a C call it would find its world
  gone. What then happens differs from version to version (the thread is ended in the middle of C code, or
  hangs). So the last step is os._exit: after the program's own threads, after every other atexit callback,
  with logs and streams flushed. Only the interpreter's own tidying is left out, and the kernel does that
  better.
- Threads of the application that are no daemons. The interpreter waits for them without a bound; a guard
  waits as long as patience lasts, names them, and ends the process.
- An atexit callback that hangs. The guard sees to that too. Should the guard itself hang, on a log that
  somebody holds locked, the backstop ends the process without a word.

atexit runs callbacks in reverse, so a `Leaving` that is made before the application is loaded has its last
step run last. The exit code is the one given: having been impatient is a line in the log, not a code.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from types import FrameType

from potstill.worker.mailbox import STOP_SIGNALS

logger = logging.getLogger("potstill")

# What an exit gets to finish even if the graceful timeout is used up: flushing telemetry takes about that.
PATIENCE_MIN_S = 1.0
# How long the guard may need for its words.
WORDS_S = 1.0


class Leaving:
    """The plan for the end of this process. The main thread makes it early, and calls it."""

    def __init__(self, code: int = 0) -> None:
        self._code = code
        self._stuck = False
        atexit.register(self._last_step)

    def now(self, number: int, frame: FrameType | None) -> None:
        """A signal handler: end the process at once. For signals that come when serving is over."""
        self._exit()

    def arm(self, *, stuck: bool, patience_s: float) -> None:
        """The process is to end after the patience at the latest, which is at least PATIENCE_MIN_S.

        `stuck` says that threads are inside the application. The caller goes on to exit in the usual way.
        """
        self._stuck = stuck
        patience_s = max(PATIENCE_MIN_S, patience_s)
        for role, name in ((self._guard, "guard"), (self._backstop, "backstop")):
            threading.Thread(target=role, args=(patience_s,), name=f"potstill-{name}", daemon=True).start()

    def _guard(self, patience_s: float) -> None:
        threading.Event().wait(patience_s)
        left = [thread.name for thread in threading.enumerate() if not thread.daemon and thread.is_alive()]
        logger.warning("exiting without waiting any longer; still running: %s", ", ".join(left))
        self._exit()

    def _backstop(self, patience_s: float) -> None:
        threading.Event().wait(patience_s + WORDS_S)
        os._exit(self._code)

    def _last_step(self) -> None:
        """The last of the atexit callbacks. What follows is short; a signal must not be what ends it."""
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
        if self._stuck:
            logging.shutdown()
            self._exit()

    def _exit(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):  # closed, broken, or None under some launchers
                continue
        os._exit(self._code)
