# cython: language_level=3, boundscheck=False, wraparound=False
"""A schedule whose threads are driven by hand: the Python face of schedule.pyx, for tests.

What its threads do in the engine by luck and by the clock, a test does here in an order of its own.
"""

from potstill.core.departure cimport (
    schedule_ask_inspection, schedule_attach, schedule_await_inspection, schedule_detach, schedule_return,
)
from potstill.core.held cimport schedule_release
from potstill.core.schedule cimport (
    THEN_WAIT, runner_t, schedule_admit, schedule_advance, schedule_clock, schedule_close, schedule_drain, schedule_end,
    schedule_enter, schedule_next, schedule_note, schedule_open, schedule_t, schedule_wait,
)
from potstill.core.slots cimport LIST_NONE, PACE_SLOW, slab_find, slot_t, slot_token
from potstill.core.stats cimport counters_t


cdef class ScheduleFace:
    """The Python face, for tests: a schedule whose threads are driven by hand, slots named by their tokens."""

    cdef schedule_t schedule
    cdef runner_t[8] runners
    cdef counters_t[8] counters

    def __cinit__(self, int seats):
        if not 1 <= seats <= 7 or schedule_open(&self.schedule, seats, self.counters) < 0:
            raise ValueError(f"1 to 7 seats, not {seats}; or there is no poller")

    def __dealloc__(self):
        schedule_close(&self.schedule)

    def enter(self, unsigned int notes, bint listener=False):
        cdef slot_t *slot = schedule_admit(&self.schedule, listener)
        schedule_enter(&self.schedule, slot, notes)
        return slot_token(slot)

    def note(self, unsigned long long token, unsigned int notes):
        cdef slot_t *slot = slab_find(&self.schedule.slab, token)
        if slot == NULL:
            raise KeyError(token)
        schedule_note(&self.schedule, slot, notes)

    def release(self, unsigned long long token):
        schedule_release(&self.schedule, slab_find(&self.schedule.slab, token))

    @property
    def held(self):
        return self.schedule.held

    def next(self, int runner, int then=THEN_WAIT, int which=LIST_NONE, unsigned int relevant=0, int spent_ns=0):
        """(token, notes) of the slot to handle, or MUST_*; `then` and the rest tell of the slot in hand."""
        cdef runner_t *me = &self.runners[runner]
        cdef slot_t *slot
        me.then, me.list, me.relevant, me.spent_ns = then, which, relevant, spent_ns
        me.now_ns = schedule_clock(&self.schedule)
        if me.slot != NULL:
            me.slot.pace = PACE_SLOW if spent_ns > 0 else me.slot.pace
        slot = schedule_next(&self.schedule, me)
        if slot == NULL:
            return me.must
        return slot_token(slot), slot.notes

    def wait(self, int runner):
        cdef runner_t *me = &self.runners[runner]
        with nogil:
            schedule_wait(&self.schedule, me)

    def detach(self, int runner):
        schedule_detach(&self.schedule, &self.runners[runner])

    def attach(self):
        schedule_attach(&self.schedule)

    def give_back(self, int runner):
        schedule_return(&self.schedule, NULL if runner < 0 else &self.runners[runner])

    def ask_inspection(self):
        schedule_ask_inspection(&self.schedule)

    def await_inspection(self):
        with nogil:
            go_on = schedule_await_inspection(&self.schedule)
        return go_on

    def drain(self):
        return schedule_drain(&self.schedule)

    def end(self):
        schedule_end(&self.schedule)

    def advance(self, double seconds):
        schedule_advance(&self.schedule, <long long>(seconds * 1e9))

    def set_timeout(self, int which, double seconds):
        self.schedule.timeouts_ns[which] = <long long>(seconds * 1e9)

    def set_target(self, int target):
        self.schedule.target = target

    def numbers(self):
        """running, awake, target, ready, backlog, connections."""
        cdef schedule_t *all = &self.schedule
        return (all.running, all.awake, all.target, all.ready.count, all.backlog.count, all.connections)
