"""What has become of requests, by route and class of status, in memory that processes may share."""

from dataclasses import dataclass

from potstill.core.spread import Spread

OTHER: str
"""Under which name those routes are counted that came when there were too many."""

@dataclass(frozen=True, slots=True)
class Exemplar:
    """A slow request, by its id: how long it took, and when it ended, by the monotonic clock."""

    request_id: str
    seconds: float
    at_s: float

@dataclass(frozen=True, slots=True)
class Row:
    """What requests of one route that ended with one class of status were like.

    The sums of times are in seconds, their buckets in microseconds; all of sizes is in bytes.
    """

    queue: Spread
    """From when a request was there as a whole until the application was called."""
    application: Spread
    """From then until the answer was made, and with the client or kept for it."""
    total: Spread
    first_byte: Spread
    """From when the request was there until the head of its answer was."""
    received: Spread
    """Bodies of requests."""
    sent: Spread
    """Bodies of answers."""
    exemplar: Exemplar | None = None
    """The slowest that had an id, of the minute before the last one that was entered."""

    @property
    def count(self) -> int: ...
    def __add__(self, other: Row) -> Row: ...

class Ledger:
    """An empty one, in a mapping of its own that children of a fork share."""

    def __init__(self) -> None: ...
    def fold(self, other: Ledger) -> None:
        """Add what another ledger has."""

    def rows(self) -> dict[tuple[str, int], Row]:
        """(route, class of status) → Row, where there has been a request. Class 0 ended without a status.

        The route is what `environ["potstill.route"]` said when the request ended, "" where it said nothing.
        """

def enter(
    ledger: Ledger,
    route: object,
    code: int,
    *,
    queue_ns: int = 0,
    application_ns: int = 0,
    first_byte_ns: int = 0,
    received: int = 0,
    sent: int = 0,
    ended_ns: int = 0,
    request_id: object = None,
) -> None:
    """For tests: what the engine does at the end of a request."""
