# One thread of the engine: its place in the schedule, its tools, and what it is doing.

from potstill.core.response cimport Exchange
from potstill.core.schedule cimport runner_t, schedule_t
from potstill.core.workspace cimport Workspace

cdef class Runner:
    cdef runner_t me                   # owned; the schedule is told of it by the thread itself
    cdef schedule_t *schedule          # the engine's, which lives longer
    cdef object crew                   # the engine's threads, of which it is one
    cdef readonly int number           # of its slot in the engine's Stats
    cdef readonly object thread        # threading.Thread
    cdef Workspace workspace
    cdef Exchange exchange             # in the application now, or None
    cdef readonly bint detached        # it has left its seat to another thread, and ends with its exchange
    cdef readonly bint lost            # … because it was interrupted and did not come back

    cdef bint hear(self) noexcept
    cdef void turn_deaf(self) noexcept
