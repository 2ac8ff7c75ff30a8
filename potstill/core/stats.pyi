"""What the engine counts, in memory that processes may share."""

from typing import Literal

class Stats:
    """Counters of one worker with `threads` engine threads, all of them zero.

    Raises ValueError when `threads` is less than 1.
    """

    def __init__(self, threads: int) -> None: ...
    @property
    def threads(self) -> int: ...
    def totals(self) -> dict[str, int]:
        """The sum over all threads: exchanges, accepted, closed, failures, octets_received, octets_sent.

        May be called by any thread and any process at any time: each number is one that was true a moment
        ago.
        """

    def refused(self) -> dict[str, int]:
        """How many requests were refused, by the slug of the rule; rules never broken are left out."""

    def queue_times(self) -> list[tuple[float, int]]:
        """(seconds, how many requests waited less than that and no less than the one before), in ascending
        order, without empty ones.
        """

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
