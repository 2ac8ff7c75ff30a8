"""When the application forks the process: who hears of it, and how the child ends."""

from __future__ import annotations

import functools
import os
import sys
import traceback
import weakref
from typing import Any, NoReturn


def follow_forks(engine: Any) -> None:
    """Call `engine.after_fork(in_child)` on both sides of every fork, for as long as the engine lives."""
    _followers().add(engine)


@functools.cache
def _followers() -> weakref.WeakSet[Any]:
    """The interpreter's hooks cannot be taken back: there is one pair of them, from the first call on."""
    followers: weakref.WeakSet[Any] = weakref.WeakSet()

    def tell(in_child: bool) -> None:
        for engine in list(followers):
            engine.after_fork(in_child)

    os.register_at_fork(after_in_parent=lambda: tell(False), after_in_child=lambda: tell(True))
    return followers


def leave_child(error: BaseException | None) -> NoReturn:
    """A process that the application forked has come back from the view: it ends, as it would by itself.

    Without this it would answer its parent's client, and then wait for clients at its parent's poller.
    """
    code = 0
    try:
        if isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        elif error is not None:
            traceback.print_exception(error)
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        code = 1
    os._exit(code & 0xFF)
