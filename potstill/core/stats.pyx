# cython: language_level=3, boundscheck=False, wraparound=False
"""What the engine counts, in an anonymous shared mapping: one slot a thread, each written by its owner alone.

A plain 64-bit store is never torn, so a reader needs no lock: it sums the slots and may at worst see one counter a
moment older than another. The mapping is made before the fork, so that a parent can read what its children count.

A Board has one seat for each worker of a supervisor: what a worker says of itself as a whole. Workers read it to share
new connections fairly, and the supervisor to see that they are alive.
"""

cimport cython
from libc.string cimport memset

from potstill.core.flight cimport flights_read
from potstill.core.histogram cimport histogram_add, histogram_fold, histogram_read
from potstill.core.poll cimport clock_ns

import mmap
from dataclasses import dataclass, replace

from potstill.core.refusals import REFUSALS
from potstill.core.report import Gauges


cdef enum:
    TRIED_MAX = 4


cdef void stats_queue(counters_t *counters, long long waited_ns) noexcept nogil:
    """Count a request that has waited so long for its turn."""
    histogram_add(&counters.queued, waited_ns, waited_ns // 1000)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a worker's seat says at one moment."""

    accepting: bool
    load: int
    working: int
    beat_age_s: float | None
    asked_for_s: float
    gil_wait_s: float


@cython.final
cdef class Board:
    """A seat for each worker of a supervisor, made before the first fork so that all workers see all seats.

    Args:
        seats: how many workers there may be at the same time, at least 1.
    """

    def __init__(self, int seats):
        if seats < 1:
            raise ValueError(f"seats must be at least 1, not {seats}")
        cdef unsigned char[::1] view
        self.seats = seats
        self._mapping = mmap.mmap(-1, seats * sizeof(seat_t))
        view = self._mapping
        self._seats = <seat_t *>&view[0]

    def clear(self, int number):
        """Nobody sits there any more."""
        if not 0 <= number < self.seats:
            raise IndexError(number)
        memset(&self._seats[number], 0, sizeof(seat_t))


@cython.final
cdef class Stats:
    """Counters of one worker with `threads` engine threads.

    Args:
        threads: how many threads will count, at least 1.
        board: where the worker has its seat; None: one that it has for itself.
        number: of that seat.
    """

    def __init__(self, int threads, Board board=None, int number=0):
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        if len(REFUSALS) > REFUSALS_MAX:
            raise RuntimeError("REFUSALS_MAX in core/stats.pxd is smaller than the table of refusals")
        cdef unsigned char[::1] view
        self.board = Board(1) if board is None else board
        self.board.clear(number)
        self.number = number
        self.threads = threads
        self._mapping = mmap.mmap(-1, threads * sizeof(counters_t) + (threads + WAITING_MAX) * sizeof(flight_t))
        view = self._mapping
        self._slots = <counters_t *>&view[0]
        self._flights = <flight_t *>&view[threads * sizeof(counters_t)]
        self._waiting = self._flights + threads
        self.ledger = Ledger()

    cdef counters_t *slot(self, int thread) noexcept:
        return &self._slots[thread]

    cdef flight_t *flight(self, int thread) noexcept:
        return &self._flights[thread]

    cdef flight_t *wait(self) noexcept:
        """Where a request that waits can be seen, empty as yet, for whoever holds the GIL; NULL: too many wait.

        Most wait in the order of their coming, so the place that was given longest ago is the likeliest to be free.
        """
        cdef flight_t *slot
        for _ in range(TRIED_MAX):
            slot = &self._waiting[self._turn]
            self._turn = (self._turn + 1) % WAITING_MAX
            if not load(&slot.since_ns):
                return slot
        return NULL

    cdef seat_t *seat(self) noexcept:
        return &self.board._seats[self.number]

    # What the worker says of itself

    def accept(self, bint accepting):
        """Whether it takes part in the sharing of new connections from now on."""
        store(&self.seat().accepting, accepting)

    def ask(self):
        """The supervisor asks for a sign of life, unless it has asked already and waits for the answer."""
        if not load(&self.seat().asked_ns):
            store(&self.seat().asked_ns, clock_ns())

    def answer(self):
        """The worker has the GIL."""
        cdef long long asked_ns = load(&self.seat().asked_ns)
        if asked_ns:
            store(&self.seat().gil_wait_ns, clock_ns() - asked_ns)
            store(&self.seat().asked_ns, 0)

    def pulse(self):
        """What a supervisor looks at, as a Pulse."""
        cdef long long now_ns = clock_ns()
        cdef long long asked_ns = load(&self.seat().asked_ns)
        cdef long long beat_ns = load(&self.seat().beat_ns)
        return Pulse(
            accepting=bool(load(&self.seat().accepting)),
            load=load(&self.seat().load),
            working=sum(load(&self._slots[i].working_since_ns) != 0 for i in range(self.threads)),
            beat_age_s=(now_ns - beat_ns) / 1e9 if beat_ns else None,
            asked_for_s=(now_ns - asked_ns) / 1e9 if asked_ns else 0.0,
            gil_wait_s=load(&self.seat().gil_wait_ns) / 1e9,
        )

    def totals(self) -> dict:
        """The sum over all threads: counter name → count."""
        cdef long long exchanges = 0, accepted = 0, closed = 0, failures = 0, received = 0, sent = 0
        cdef counters_t *slot
        cdef int i
        for i in range(self.threads):
            slot = &self._slots[i]
            exchanges += load(&slot.exchanges)
            accepted += load(&slot.accepted)
            closed += load(&slot.closed)
            failures += load(&slot.failures)
            received += load(&slot.octets_received)
            sent += load(&slot.octets_sent)
        return {"exchanges": exchanges, "accepted": accepted, "closed": closed, "failures": failures,
                "octets_received": received, "octets_sent": sent}

    def refused(self) -> dict:
        """How many requests were refused, by the slug of the rule; rules never broken are left out."""
        cdef long long[REFUSALS_MAX] sums
        cdef int i, code
        memset(sums, 0, sizeof(sums))
        for i in range(self.threads):
            for code in range(REFUSALS_MAX):
                sums[code] += load(&self._slots[i].refused[code])
        return {REFUSALS[code].rule: sums[code] for code in range(2, len(REFUSALS)) if sums[code]}

    def queue_times(self):
        """How long requests have waited for a thread, as a Spread."""
        cdef histogram_t sum
        cdef int i
        memset(&sum, 0, sizeof(histogram_t))
        for i in range(self.threads):
            histogram_fold(&sum, &self._slots[i].queued)
        return histogram_read(&sum, 1e9)

    def log_dropped(self) -> int:
        """Lines of the access log for which there was no room."""
        cdef int i
        return sum(load(&self._slots[i].log_dropped) for i in range(self.threads))

    def flights(self) -> list:
        """What is in the application, as Flights, the oldest first; then likewise what waits for it."""
        return [replace(each, thread_id=load(&self._slots[each.slot].thread_id))
                for each in flights_read(self._flights, self.threads)] + flights_read(self._waiting, WAITING_MAX)

    def gauges(self):
        """How much there is of everything now, as Gauges."""
        cdef seat_t *seat = self.seat()
        return Gauges(
            connections=load(&seat.connections), reading=load(&seat.reading),
            writing=load(&seat.writing), closing=load(&seat.closing), running=load(&seat.running),
            seats=load(&seat.seats), target=load(&seat.target), backlog=load(&seat.backlog), ready=load(&seat.ready),
            handed_over=load(&seat.handed_over), lost=load(&seat.lost), accepting=bool(load(&seat.accepting)),
            gil_wait_s=load(&seat.gil_wait_ns) / 1e9)

    def fold(self, Stats other not None):
        """Add what another has counted that is over, into the first slot and the ledger: totals, no gauges."""
        cdef counters_t *into = &self._slots[0]
        cdef counters_t *slot
        cdef int i, code
        for i in range(other.threads):
            slot = &other._slots[i]
            for code in range(REFUSALS_MAX):
                add(&into.refused[code], load(&slot.refused[code]))
            add(&into.exchanges, load(&slot.exchanges))
            add(&into.turns, load(&slot.turns))
            add(&into.accepted, load(&slot.accepted))
            add(&into.closed, load(&slot.closed))
            add(&into.failures, load(&slot.failures))
            add(&into.log_dropped, load(&slot.log_dropped))
            add(&into.octets_received, load(&slot.octets_received))
            add(&into.octets_sent, load(&slot.octets_sent))
            histogram_fold(&into.queued, &slot.queued)
        # What it had open when it ended has been closed by that.
        store(&into.closed, load(&into.accepted))
        self.ledger.fold(other.ledger)

    def in_application(self) -> int:
        """How many threads are inside the application now."""
        cdef int i
        return sum(load(&self._slots[i].application_since_ns) != 0 for i in range(self.threads))


def count(Stats stats not None, int thread, str counter, long long value=1, int code=0):
    """The Python face, for tests: what the engine thread `thread` would do to its slot."""
    cdef counters_t *slot
    if not 0 <= thread < stats.threads:
        raise IndexError(thread)
    slot = stats.slot(thread)
    if counter == "exchanges":
        add(&slot.exchanges, value)
    elif counter == "working_since_ns":
        add(&slot.working_since_ns, value)
    elif counter == "accepted":
        add(&slot.accepted, value)
    elif counter == "closed":
        add(&slot.closed, value)
    elif counter == "failures":
        add(&slot.failures, value)
    elif counter == "octets_received":
        add(&slot.octets_received, value)
    elif counter == "octets_sent":
        add(&slot.octets_sent, value)
    elif counter == "refused":
        add(&slot.refused[code], value)
    elif counter == "application_since_ns":
        store(&slot.application_since_ns, value)
    else:
        raise KeyError(counter)
