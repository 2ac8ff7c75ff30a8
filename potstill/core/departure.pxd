# Threads that leave their places, and the inspector's rounds.

from potstill.core.schedule cimport runner_t, schedule_t

cdef void schedule_detach(schedule_t *schedule, runner_t *me) noexcept nogil
cdef void schedule_attach(schedule_t *schedule) noexcept nogil
cdef void schedule_return(schedule_t *schedule, runner_t *me) noexcept nogil
cdef void schedule_ask_inspection(schedule_t *schedule) noexcept nogil
cdef bint schedule_await_inspection(schedule_t *schedule) noexcept nogil
