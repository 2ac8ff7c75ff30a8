"""How to look where other threads are: while the garbage collector stands still.

CPython 3.11 makes the objects that stand for frames when they are asked for, and collects garbage while it
does. What finalizers then do may let other threads go on: the frame that is being looked at is gone, or the
thread that ends waits, with the GIL in its hands, for the list of threads, which is locked for the looking.
The process crashes, or stands still.
"""

from __future__ import annotations

import gc
import os
import threading


class NothingCollected:
    """A block in which no garbage is collected, in whatever thread. Blocks may overlap."""

    def __init__(self) -> None:
        self._blocks = 0
        self._collecting = False  # … if it was, when the first block began
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Nobody is in a block: whoever was in the parent of this process is not here."""
        self._lock = threading.Lock()
        if self._blocks and self._collecting:
            gc.enable()
        self._blocks = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._blocks:
                self._collecting = gc.isenabled()
                gc.disable()
            self._blocks += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks and self._collecting:
                gc.enable()


# Call `sys._current_frames()`, and follow `f_back`, inside of `with nothing_collected:` alone.
nothing_collected = NothingCollected()
