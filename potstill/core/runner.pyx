# cython: language_level=3, boundscheck=False, wraparound=False
"""One thread of the engine, as others may see it.

Most of its life it belongs to its own thread. The inspector reads `exchange`, and gives the seat of a runner that is
lost to another; all of that happens under the GIL.
"""

cimport cython

from potstill.core.poll cimport poll_add, poll_remove
from potstill.core.slots cimport slot_t, slot_token
from potstill.core.stats cimport Stats, load, store, take
from potstill.core.transport cimport transport_push


@cython.final
cdef class Runner:
    """The thread that counts in slot `number` of the engine's statistics."""

    def __init__(self, crew, int number, Workspace workspace not None):
        self.crew = crew
        self.number = number
        self.workspace = workspace

    cdef bint hear(self) noexcept:
        """Let the poller tell of the client's leaving while its request is running. False where it cannot."""
        cdef slot_t *slot = self.me.slot
        if slot == NULL:
            return False
        slot.heard = True
        if not slot.registered:
            slot.registered = poll_add(self.schedule.poller, slot.fd, slot_token(slot), False) == 0
        return slot.registered

    cdef void turn_deaf(self) noexcept:
        """The socket is somebody else's business now: its events would only wake the poller."""
        cdef slot_t *slot = self.me.slot
        if slot != NULL and slot.registered:
            poll_remove(self.schedule.poller, slot.fd)
            slot.registered = False

    def move_to(self, int number):
        """Count elsewhere: another thread takes over the slot, and the watch must not take this one for it.

        That the slot is at work stays: the watch must not fall asleep before the other has begun, nor where there is
        no other and this one comes back.
        """
        cdef Stats stats = self.workspace.stats
        cdef long long fd
        store(&stats.slot(number).thread_id, load(&self.workspace.counters.thread_id))
        store(&stats.slot(number).application_since_ns, load(&self.workspace.counters.application_since_ns))
        store(&self.workspace.counters.application_since_ns, 0)
        fd = take(&self.workspace.counters.corked_fd)
        if fd:
            transport_push(<int>fd - 1)        # the watch will not
        self.workspace.counters = stats.slot(number)
        stats.flight(number)[0] = self.workspace.flight[0]
        store(&self.workspace.flight.since_ns, 0)
        self.workspace.flight = stats.flight(number)
        self.number = number
