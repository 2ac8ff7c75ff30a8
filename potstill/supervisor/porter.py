"""PID 1 after an upgrade: it cannot go, for its container would go with it.

So it stays at the door: passes signals on to its successor, reaps whoever is left to it, and ends as that
ends.
"""

from __future__ import annotations

import signal

from potstill.supervisor.reaping import reap, send
from potstill.worker.mailbox import Mailbox


def follow(successor_pid: int, mailbox: Mailbox) -> int:
    """Until the successor ends; its exit code. The mailbox has the signals, SIGCHLD among them."""
    while True:
        for change in reap():
            if change.pid == successor_pid and not change.stopped and not change.continued:
                return change.code
        for number in mailbox.wait():
            if number != signal.SIGCHLD:
                send(successor_pid, number)
