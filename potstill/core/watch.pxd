# The watch, which decides how many threads of a schedule may be awake.

from potstill.core.schedule cimport schedule_t

cdef void watch_run(schedule_t *schedule) noexcept nogil        # its life, until the schedule ends
cdef void watch_wake(schedule_t *schedule) noexcept nogil       # somebody has got work while it sleeps
