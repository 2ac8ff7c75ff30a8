"""What is different in the supervisor at the desk (`--dev`).

A change of files that a worker reports is a reload, as on SIGHUP, with two differences. Workers of old code
take no new clients from that moment on, so whoever asks waits for the new one. And a worker always comes: if
one cannot serve, the next one says why.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from potstill.supervisor.crew import Member, State
from potstill.supervisor.reaping import send
from potstill.worker.mailbox import Order

# Nobody notices a save while there is no worker.
PAUSE_MAX_S = 1.0


class DeskError(Exception):
    """--dev as it was asked for is refused; the text is for whoever asked."""


def make_way(crew: Sequence[Member], kill_at: float) -> None:
    """The code of these workers has changed: nobody who comes now is to be answered by it.

    One that boots is told by SIGTERM, which ends it there and then; but one that has begun to serve and whose
    word of it has not arrived yet, it lets finish what it has accepted.
    """
    for member in crew:
        if member.state is State.BOOTING:
            member.state, member.superseded, member.kill_at = State.ABORTED, True, kill_at
            send(member.pid, signal.SIGTERM)
        elif member.state is State.READY:
            member.channel.order(Order.SHUT)
