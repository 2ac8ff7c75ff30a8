# cython: language_level=3, boundscheck=False, wraparound=False
"""A request that waits in the backlog because the application wants it to, and holds no thread meanwhile.

`environ["potstill.postpone"]` makes one; it is the callable by which the application is called again. It may be called
from any thread, before the application has returned as well, and is worth nothing once its request goes on or has
ended.

Owner: the exchange; whoever else has it may only call it. All of it happens under the GIL.
"""

cimport cython

from potstill.core.poll cimport wake_ring
from potstill.core.pthread cimport pthread_mutex_lock, pthread_mutex_unlock
from potstill.core.schedule cimport schedule_push, schedule_t, schedule_wake_one
from potstill.core.slots cimport slot_t


@cython.final
cdef class Held:
    """Resumes one request."""

    def __call__(self):
        """Call the application again, from the beginning. False when the request goes on already, or has ended."""
        if self.schedule == NULL:
            return False
        if not self.resumed:
            self.resumed = True
            schedule_release(self.schedule, self.slot)
        return True

    cdef void let_go(self) noexcept:
        """The application is being called again."""
        self.schedule = NULL
        self.dropped = None

    cdef void drop(self, log, str peer) noexcept:
        """The request of `peer` has ended: say so to who waits for its turn to come."""
        cdef object dropped = self.dropped
        self.let_go()
        try:
            dropped()
        except BaseException as error:
            try:
                log.error("exception in the callback for a postponed request of %s", peer, exc_info=error)
            except BaseException:
                pass                   # a log that fails must not take the thread with it


cdef Held hold(schedule_t *schedule, slot_t *slot, object dropped):
    cdef Held made = Held.__new__(Held)
    made.schedule = schedule
    made.slot = slot
    made.dropped = dropped
    return made


cdef void schedule_release(schedule_t *schedule, slot_t *slot) noexcept nogil:
    """What is held, or is about to be, goes to the backlog; the caller knows that the slot has not ended."""
    pthread_mutex_lock(&schedule.lock)
    if not slot.held:
        slot.released = True           # its runner has not come back from the application yet
    elif not schedule.ended:
        slot.held = False
        schedule.held -= 1
        schedule_push(schedule, &schedule.backlog, slot)
        if schedule.awake < schedule.target:
            schedule_wake_one(schedule)
        if schedule.waiting:
            wake_ring(schedule.wake)
    pthread_mutex_unlock(&schedule.lock)
