"""What the engine counts, in memory that processes may share."""

from dataclasses import dataclass
from typing import Literal

from potstill.core.ledger import Ledger
from potstill.core.report import Flight, Gauges
from potstill.core.spread import Spread

@dataclass(frozen=True, slots=True)
class Pulse:
    """What a worker's seat says at one moment; of use to its supervisor."""

    accepting: bool
    """It takes part in the sharing of new connections."""
    load: int
    """Open connections, and once more those whose request is in the application or waits for a runner."""
    working: int
    """Engine threads that have something to do."""
    beat_age_s: float | None
    """Since the watch last looked, which needs no GIL; it looks every millisecond while a thread works."""
    asked_for_s: float
    """Since the sign of life was asked for that has not come; 0.0 when none is owed."""
    gil_wait_s: float
    """How long the last one took to come."""

class Board:
    """A seat for each worker of a supervisor, in memory that processes share.

    Raises ValueError when `seats` is less than 1.
    """

    def __init__(self, seats: int) -> None: ...
    @property
    def seats(self) -> int: ...
    def clear(self, number: int) -> None:
        """Nobody sits there any more. Raises IndexError when there is no such seat."""

class Stats:
    """Counters of one worker with `threads` engine threads, all of them zero, and its seat on a board.

    Without a board it has one for itself. Raises ValueError when `threads` is less than 1, IndexError when
    the board has no such seat.
    """

    def __init__(self, threads: int, board: Board | None = None, number: int = 0) -> None: ...
    @property
    def threads(self) -> int: ...
    @property
    def board(self) -> Board: ...
    @property
    def number(self) -> int:
        """Of its seat on the board."""

    def accept(self, accepting: bool) -> None:
        """Whether the worker takes part in the sharing of new connections from now on."""

    def ask(self) -> None:
        """The supervisor asks for a sign of life, unless it waits for one already."""

    def answer(self) -> None:
        """The worker gives it, with the GIL."""

    def pulse(self) -> Pulse:
        """What the worker's seat says now."""

    def totals(self) -> dict[str, int]:
        """The sum over all threads: exchanges, accepted, closed, failures, octets_received, octets_sent.

        May be called by any thread and any process at any time: each number is one that was true a moment
        ago.
        """

    def refused(self) -> dict[str, int]:
        """How many requests were refused, by the slug of the rule; rules never broken are left out."""

    def queue_times(self) -> Spread:
        """How long requests have waited for a thread, those that were turned away for it included."""

    def log_dropped(self) -> int:
        """Lines of the access log for which there was no room."""

    @property
    def ledger(self) -> Ledger: ...
    def flights(self) -> list[Flight]:
        """What is in the application, the oldest first. Needs nothing of the worker, which may be gone."""

    def gauges(self) -> Gauges:
        """How much there is of everything now."""

    def fold(self, other: Stats) -> None:
        """Add the totals of a worker that has ended, in its first slot and its ledger; no gauges."""

    def in_application(self) -> int:
        """How many threads are inside the application now."""

def count(
    stats: Stats,
    thread: int,
    counter: Literal[
        "exchanges",
        "accepted",
        "closed",
        "failures",
        "octets_received",
        "octets_sent",
        "refused",
        "application_since_ns",
    ],
    value: int = 1,
    code: int = 0,
) -> None:
    """For tests: what an engine thread does to its slot; `code` is the index in REFUSALS of what was refused.

    Raises IndexError for a thread and KeyError for a counter that does not exist.
    """
