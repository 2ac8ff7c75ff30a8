"""Who is to hear that the application has forked the process."""

from __future__ import annotations

import functools
import os
import weakref
from typing import Any


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
