# The engine's threads: who they are, and how one gives its seat to another.

from potstill.core.runner cimport Runner
from potstill.core.schedule cimport schedule_t
from potstill.core.slots cimport slot_t
from potstill.core.stats cimport Stats

cdef class Crew:
    cdef schedule_t *schedule          # the engine's, which lives longer
    cdef Stats stats
    cdef object options
    cdef object work                   # what a runner's thread does: a callable that takes the Runner
    cdef list runners                  # of all threads that may call the application
    cdef list threads                  # all threads: the watch, the inspector and the reporter too
    cdef readonly object reporter      # the Reporter: what may be kept waiting for the log is told to it
    cdef readonly object journal       # the Journal: the access log, or None
    cdef list missing                  # numbers of the lost whose place nobody could be found for
    cdef list spare                    # numbers of stats slots for those that leave their seats
    cdef int handed_over               # threads that have left their seats by their request's wish
    cdef int lost                      # … and because they did not come back, since the start
    cdef long long started             # for the names of threads
    cdef long long complained_ns

    cdef void _publish(self) noexcept
    cdef bint has_in_hand(self, slot_t *slot) noexcept
    cdef void cut_short(self) noexcept
    cdef void retire(self, Runner runner) noexcept
    cdef int _enlist(self, int number) except -1
    cdef bint _is_filled(self, int number) noexcept
    cdef void _stay(self, Runner runner, int number) noexcept
