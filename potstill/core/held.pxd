# A request that waits in the backlog because the application wants it to.

from potstill.core.schedule cimport schedule_t
from potstill.core.slots cimport slot_t

cdef class Held:
    cdef schedule_t *schedule          # the engine's, which outlives the request; NULL: there is nothing to resume
    cdef slot_t *slot                  # the connection's, which is busy all the time
    cdef bint resumed                  # it stands in the backlog, or will
    cdef object dropped                # to call when the request ends before the application is called again

    cdef void let_go(self) noexcept
    cdef void drop(self, log, str peer) noexcept

cdef void schedule_release(schedule_t *schedule, slot_t *slot) noexcept nogil
cdef Held hold(schedule_t *schedule, slot_t *slot, object dropped)
