"""Forking a worker: what it must not share with its parent, and when signals may come."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from types import FrameType
from typing import Protocol

from potstill.supervisor import notify
from potstill.supervisor.channel import Channel, open_channel

# What a terminal or an operator sends to the whole group of processes is the supervisor's business.
FOR_THE_SUPERVISOR = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


class Closable(Protocol):
    def close(self) -> None: ...


def fork(shed: Iterable[Closable]) -> tuple[int, Channel]:
    """A child, and a channel between the two: (its pid, our end) in the parent, (0, its end) in the child.

    The child closes what it is to shed. No signal reaches it while it still has the handlers of its parent,
    which write into a pipe of its parent's. Raises OSError when there can be no further process.
    """
    ours, theirs = open_channel()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or both processes would write what is in its buffer
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        ours.close()
        theirs.close()
        raise
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return pid, ours
    stand_alone()
    for each in (ours, *shed):
        each.close()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0, theirs


def stand_alone() -> None:
    """Let the supervisor's signals pass, and be a child that can be ended.

    The handlers are Python's, not SIG_IGN, which programs that the application starts would inherit.
    """
    for number in FOR_THE_SUPERVISOR:
        signal.signal(number, ignore)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    notify.forget()


def ignore(number: int, frame: FrameType | None) -> None:
    """The supervisor has got it too, and says what it means for this worker."""
