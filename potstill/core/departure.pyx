# cython: language_level=3, boundscheck=False, wraparound=False
"""What the schedule is told of threads that leave their places, and how the inspector waits for its rounds.

A thread that leaves keeps the slot it has in hand and nothing else: no seat, no place among those that are awake.
"""

from potstill.core.poll cimport wake_ring
from potstill.core.pthread cimport pthread_cond_wait, pthread_mutex_lock, pthread_mutex_unlock
from potstill.core.schedule cimport (
    runner_t,
    schedule_inspect,
    schedule_leave_seat,
    schedule_t,
    schedule_wake_one,
)


cdef void schedule_detach(schedule_t *schedule, runner_t *me) noexcept nogil:
    """A thread that is inside the application is one of the engine's no more, but for the slot that it has in hand."""
    pthread_mutex_lock(&schedule.lock)
    me.detached = True
    schedule.awake -= 1
    schedule_leave_seat(schedule, me)
    if schedule.backlog.count:
        schedule_wake_one(schedule)
        if schedule.waiting:
            wake_ring(schedule.wake)
    pthread_mutex_unlock(&schedule.lock)


cdef void schedule_attach(schedule_t *schedule) noexcept nogil:
    """Another is about to join in its place."""
    pthread_mutex_lock(&schedule.lock)
    schedule.awake += 1
    pthread_mutex_unlock(&schedule.lock)


cdef void schedule_return(schedule_t *schedule, runner_t *me) noexcept nogil:
    """There is no other: the one that was detached stays after all, without a seat. NULL: it does not."""
    pthread_mutex_lock(&schedule.lock)
    if me != NULL:
        me.detached = False
    else:
        schedule.awake -= 1
        if schedule.awake < schedule.target:
            schedule_wake_one(schedule)            # it may have been the last that was awake
        if schedule.waiting and (schedule.ready.count or schedule.backlog.count):
            wake_ring(schedule.wake)
    pthread_mutex_unlock(&schedule.lock)


# The inspector's part

cdef void schedule_ask_inspection(schedule_t *schedule) noexcept nogil:
    pthread_mutex_lock(&schedule.lock)
    schedule_inspect(schedule)
    pthread_mutex_unlock(&schedule.lock)


cdef bint schedule_await_inspection(schedule_t *schedule) noexcept nogil:
    """Wait until somebody asks for an inspection; False when it is all over."""
    cdef bint go_on
    pthread_mutex_lock(&schedule.lock)
    while schedule.inspections == 0 and not schedule.ended:
        pthread_cond_wait(&schedule.inspection, &schedule.lock)
    schedule.inspections = 0
    go_on = not schedule.ended
    pthread_mutex_unlock(&schedule.lock)
    return go_on
