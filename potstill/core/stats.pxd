# Counters in memory that processes may share. Each engine thread writes its own slot, without locks; anyone may read.

from potstill.core.counting cimport add, load, store, take
from potstill.core.flight cimport flight_t
from potstill.core.histogram cimport histogram_t
from potstill.core.ledger cimport Ledger

cdef enum:
    REFUSALS_MAX = 96
    WAITING_MAX = 64                   # requests of a worker that are seen while they wait; there may be more

cdef struct counters_t:
    long long exchanges                # responses ended, whatever their fate
    long long turns                    # slots handled
    long long working_since_ns         # when it last got work to do; 0 while it waits for some
    long long application_since_ns     # when the application was entered; 0 while this thread is outside of it
    long long thread_id                # the kernel's, for whoever looks at the thread from outside
    long long accepted
    long long closed
    long long corked_fd                # 1 + the socket whose kernel holds a block back for the next; 0: none
    long long failures                 # exceptions that the application did not catch
    long long log_dropped              # lines of the access log for which there was no room
    long long octets_received
    long long octets_sent
    histogram_t queued                 # how long requests have waited for a seat, the turned away included
    long long[REFUSALS_MAX] refused    # by the code of http1.REFUSALS

# What a worker says about itself as a whole, to its supervisor and to the other workers.
cdef struct seat_t:
    long long accepting                # it takes part in the sharing of new connections
    long long load                     # connections, and once more those that have work in hand
    long long beat_ns                  # when the watch last looked, without the GIL
    long long asked_ns                 # when the supervisor last asked for a sign of life; 0: it was given
    long long gil_wait_ns              # how long that took, the last time: the GIL was not to be had earlier
    # Of the schedule, which says so when its threads have nothing to do, and a thousand times a second while they have.
    long long connections
    long long reading, writing, closing
    long long running, seats, target
    long long backlog, ready
    # Of the crew, when it changes.
    long long handed_over, lost
    long long[8] padding               # whole cache lines

cdef void stats_queue(counters_t *counters, long long waited_ns) noexcept nogil

cdef class Stats:
    cdef object _mapping               # the anonymous shared mapping that owns the memory
    cdef counters_t *_slots            # inside of it
    cdef flight_t *_flights            # … behind those, one a thread
    cdef flight_t *_waiting            # … and WAITING_MAX
    cdef int _turn                     # which of these is tried next
    cdef readonly Ledger ledger
    cdef readonly int threads
    cdef readonly Board board
    cdef readonly int number           # of its seat on the board
    cdef counters_t *slot(self, int thread) noexcept
    cdef flight_t *flight(self, int thread) noexcept
    cdef flight_t *wait(self) noexcept
    cdef seat_t *seat(self) noexcept

cdef class Board:
    cdef object _mapping
    cdef seat_t *_seats
    cdef readonly int seats
