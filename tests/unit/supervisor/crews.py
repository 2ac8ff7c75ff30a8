"""Workers of a table that no process stands behind."""

from __future__ import annotations

from contextlib import ExitStack

from potstill.core.stats import Board, Stats
from potstill.supervisor.channel import Channel, open_channel
from potstill.supervisor.crew import Member, State


class Crew:
    """Makes members with real shared memory and channels, and closes those."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.board = Board(16)
        self.ends: dict[int, Channel] = {}  # the worker's end, by its number

    def member(
        self, number: int, state: State = State.READY, stale: str = "", forked_at: float = 0.0
    ) -> Member:
        ours, theirs = open_channel()
        self._stack.callback(ours.close)
        self._stack.callback(theirs.close)
        self.ends[number] = theirs
        stats = Stats(2, self.board, number)
        return Member(number, 1000 + number, ours, stats, forked_at, state=state, stale=stale)

    def close(self) -> None:
        self._stack.close()
