# cython: language_level=3, boundscheck=False, wraparound=False
"""Who works and on what: engine.md, rules 1 to 6, without the GIL and without Python.

A slot with news stands in the ready line; a whole request that found no free seat stands in the backlog. A thread
that holds the GIL asks `schedule_next` for a slot, handles it, and says with its next question what became of it.
When there is nothing to do it either takes the poller's chair, of which there is one, or parks; both happen in
`schedule_wait`, without the GIL. Nothing that was taken from a line ever waits for the GIL.

Lines are pairs. Requests of connections whose last request was quick have a queue of their own, and the two queues
share the time evenly while both have something waiting: a view of a microsecond does not stand behind sixty-four of a
millisecond, and neither starves the other.

`target` is how many threads may be awake. It starts at one, because one thread is fastest while nothing blocks; the
watch (watch.pyx) raises and lowers it. A thread beyond the seats never calls the application: it accepts, reads,
writes and keeps time.

Locking: one mutex, held for moments, taken with or without the GIL; nobody waits for the GIL while holding it.
"""

from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC
from posix.unistd cimport close

from potstill.core.poll cimport (
    EVENTS_MAX, NOTE_BROKEN, NOTE_DRAIN, NOTE_EXPIRED, NOTE_PEER_CLOSED, NOTE_READABLE, NOTE_RESUME, NOTE_RUN,
    NOTE_WRITABLE, clock_ns, event_t, poll_add, poll_open, poll_wait, wake_hush, wake_open, wake_ring,
)
from potstill.core.pthread cimport (
    pthread_cond_broadcast, pthread_cond_destroy, pthread_cond_init, pthread_cond_signal, pthread_cond_wait,
    pthread_condattr_destroy, pthread_condattr_init, pthread_condattr_setclock, pthread_condattr_t,
    pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock,
)
from potstill.core.slots cimport (
    LIST_BODY, LIST_HEAD, LIST_IDLE, LIST_LINGER, LIST_NONE, LIST_OPENING, LIST_QUEUE, LIST_WRITE, LISTS,
    PACE_QUICK, line_drop, line_pop, line_push, list_append, list_remove, slab_find, slab_free, slab_give, slab_take,
    slot_t,
)
from potstill.core.stats cimport counters_t

cdef long long SPENT_MAX_NS = 50_000_000          # one turn is charged to its queue with so much at the most
cdef long long LOOK_AROUND_NS = 1_000_000         # the poller is asked at least so often, however much is ready

cdef long long NEVER = 0x7FFFFFFFFFFFFFFF
cdef unsigned long long WAKE_TOKEN = 0xFFFFFFFFFFFFFFFF


# Life

cdef int schedule_open(schedule_t *schedule, int seats, counters_t *counters) noexcept nogil:
    """An empty schedule for `seats` runners and one thread more; 0 or a negative errno."""
    cdef pthread_condattr_t monotonic
    memset(schedule, 0, sizeof(schedule_t))
    schedule.seats = seats
    schedule.threads = seats + 1
    schedule.target = 1
    schedule.awake = seats + 1         # every thread is awake when it starts; all but one will park
    schedule.watch_asleep = False
    schedule.counters = counters
    pthread_mutex_init(&schedule.lock, NULL)
    pthread_condattr_init(&monotonic)
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC)
    pthread_cond_init(&schedule.work, NULL)
    pthread_cond_init(&schedule.alarm, &monotonic)
    pthread_cond_init(&schedule.inspection, NULL)
    pthread_condattr_destroy(&monotonic)
    schedule.poller = poll_open()
    schedule.wake = wake_open()
    if schedule.poller < 0:
        return schedule.poller
    if schedule.wake < 0:
        return schedule.wake
    schedule.now_ns = schedule_clock(schedule)
    return poll_add(schedule.poller, schedule.wake, WAKE_TOKEN, True)


cdef void schedule_abandon(schedule_t *schedule) noexcept nogil:
    """In a forked child: let go of the parent's poller, and of a lock that another thread may have held."""
    pthread_mutex_init(&schedule.lock, NULL)
    schedule.ended = True
    close(schedule.poller)
    close(schedule.wake)
    schedule.poller = schedule.wake = -1


cdef void schedule_close(schedule_t *schedule) noexcept nogil:
    """Free what it owns. No thread may be in it any more."""
    if schedule.poller > 0:
        close(schedule.poller)
    if schedule.wake > 0:
        close(schedule.wake)
    slab_free(&schedule.slab)
    pthread_cond_destroy(&schedule.alarm)
    pthread_cond_destroy(&schedule.inspection)
    pthread_cond_destroy(&schedule.work)
    pthread_mutex_destroy(&schedule.lock)


cdef long long schedule_clock(schedule_t *schedule) noexcept nogil:
    return clock_ns() + schedule.skew_ns


# What a thread does next

cdef slot_t *schedule_next(schedule_t *schedule, runner_t *me) noexcept nogil:
    """Settle the slot in hand and take another. With the GIL; never blocks.

    NULL: there is nothing for this thread, and me.must says what to do instead, in schedule_wait.
    """
    cdef slot_t *slot
    cdef bint polled = False
    pthread_mutex_lock(&schedule.lock)
    _settle(schedule, me)
    if me.detached:
        me.must = MUST_END
        if schedule.waiting and _anything_to_take(schedule):
            wake_ring(schedule.wake)   # as in _park
        pthread_mutex_unlock(&schedule.lock)
        return NULL
    while True:
        if schedule.ended:
            me.must = MUST_END
            break
        if schedule.awake > schedule.target:
            _park(schedule, me)
            break
        if not schedule.chair and not polled and schedule.now_ns - schedule.polled_ns > LOOK_AROUND_NS:
            _poll_briefly(schedule)
            polled = True
        slot = _take(schedule, me)
        if slot != NULL:
            if schedule.awake < schedule.target:
                schedule_wake_one(schedule)
            pthread_mutex_unlock(&schedule.lock)
            return slot
        if schedule.chair:
            _park(schedule, me)
            break
        if polled:
            schedule_leave_seat(schedule, me)
            schedule.chair = True
            me.must = MUST_POLL
            break
        _poll_briefly(schedule)
        polled = True
    pthread_mutex_unlock(&schedule.lock)
    return NULL


cdef void schedule_wait(schedule_t *schedule, runner_t *me) noexcept nogil:
    """Do what me.must says: block in the poller, or be parked. Without the GIL."""
    cdef event_t[EVENTS_MAX] events
    cdef int timeout_ms, count
    pthread_mutex_lock(&schedule.lock)
    if me.must == MUST_POLL and _anything_to_take(schedule):
        schedule.chair = False         # it came between the question and this answer, and nobody rang for it
    elif me.must == MUST_POLL:
        timeout_ms = _timeout_ms(schedule)
        schedule.waiting = True
        pthread_mutex_unlock(&schedule.lock)
        count = poll_wait(schedule.poller, events, timeout_ms)
        pthread_mutex_lock(&schedule.lock)
        schedule.waiting = False
        schedule.chair = False
        _look(schedule, events, count)
    elif me.must == MUST_PARK:
        while schedule.tokens == 0 and not schedule.ended:
            pthread_cond_wait(&schedule.work, &schedule.lock)
        if schedule.tokens > 0:
            schedule.tokens -= 1
        # What it takes now has waited since others last looked at the clock, perhaps blocked ever since.
        schedule.now_ns = schedule_clock(schedule)
    pthread_mutex_unlock(&schedule.lock)


cdef slot_t *_take(schedule_t *schedule, runner_t *me) noexcept nogil:
    """From the backlog first (rule 6), but only with a seat; then from the ready line."""
    cdef bint may_run = me.seat or schedule.running < schedule.seats
    cdef slot_t *slot = NULL
    if may_run and schedule.backlog.count:
        me.line = &schedule.backlog
        slot = line_pop(me.line)
        list_remove(schedule.lists, slot)
    if slot == NULL:
        me.line = &schedule.ready
        slot = line_pop(me.line)
        if slot == NULL:
            return NULL
        slot.notes |= slot.again       # what came while it stood in line
        slot.again = 0
    if may_run and not me.seat:
        me.seat = True
        schedule.running += 1
    me.slot = slot
    me.pace = slot.pace
    return slot


cdef bint _anything_to_take(schedule_t *schedule) noexcept nogil:
    """Whether a thread without a seat would find something in the lines."""
    return schedule.ready.count > 0 or (schedule.running < schedule.seats and schedule.backlog.count > 0)


cdef void schedule_push(schedule_t *schedule, line_t *line, slot_t *slot) noexcept nogil:
    if line != &schedule.backlog:
        slot.queued_ns = schedule.now_ns
    line_push(line, slot)


cdef void _settle(schedule_t *schedule, runner_t *me) noexcept nogil:
    """What becomes of the slot that this thread had in hand."""
    cdef slot_t *slot = me.slot
    cdef unsigned int again
    if slot == NULL:
        return
    me.slot = NULL
    if me.now_ns > schedule.now_ns:
        schedule.now_ns = me.now_ns
    # A long one has mostly waited, and others ran meanwhile.
    me.line.spent_ns[me.pace] += min(me.spent_ns, SPENT_MAX_NS)
    again = slot.again
    slot.again = 0
    slot.held = me.then == THEN_HOLD and not slot.released and not again & NOTE_BROKEN
    slot.released = False
    if me.then == THEN_END:
        list_remove(schedule.lists, slot)
        schedule.connections -= not slot.listener
        slab_give(&schedule.slab, slot)
        return
    if me.then == THEN_BACKLOG or me.then == THEN_HOLD:
        # It is whole: no deadline holds, and what has come meanwhile is looked at when its answer has been made.
        list_remove(schedule.lists, slot)
        slot.again = again & ~<unsigned int>NOTE_EXPIRED
        slot.notes = NOTE_RUN
        schedule.held += slot.held
        if not slot.held:
            schedule_push(schedule, &schedule.backlog, slot)
        if schedule.timeouts_ns[LIST_QUEUE]:
            _arm(schedule, slot, LIST_QUEUE)
        return
    if me.then == THEN_GO_ON:
        # Whoever has something to do has no deadline, and none that passed meanwhile.
        list_remove(schedule.lists, slot)
        slot.notes = (again & ~<unsigned int>NOTE_EXPIRED) | NOTE_RESUME
        schedule_push(schedule, &schedule.ready, slot)
        return
    if me.list != slot.list:
        again &= ~<unsigned int>NOTE_EXPIRED       # it was another deadline's
    _arm(schedule, slot, me.list)
    if again & me.relevant:
        slot.notes = again
        schedule_push(schedule, &schedule.ready, slot)
        return
    slot.again = again                 # not of use in this phase, but perhaps in the next
    slot.busy = False
    if schedule.draining and me.list == LIST_IDLE:
        slot.busy = True
        slot.notes = NOTE_DRAIN
        schedule_push(schedule, &schedule.ready, slot)


cdef void _arm(schedule_t *schedule, slot_t *slot, int list) noexcept nogil:
    """Give the slot the deadline of its phase; some count from its start, however much comes."""
    if list == slot.list and _is_total(list):
        return
    list_remove(schedule.lists, slot)
    if list == LIST_NONE:
        return
    list_append(schedule.lists, list, slot,
                (slot.queued_ns if list == LIST_QUEUE else schedule.now_ns) + schedule.timeouts_ns[list])
    if schedule.waiting and slot.deadline_ns < schedule.waiting_until_ns:
        wake_ring(schedule.wake)


cdef bint _is_total(int list) noexcept nogil:
    """Whether the list's deadline is for the whole phase, not for each sign of life in it."""
    return list == LIST_HEAD or list == LIST_LINGER or list == LIST_OPENING


cdef void schedule_leave_seat(schedule_t *schedule, runner_t *me) noexcept nogil:
    if me.seat:
        me.seat = False
        schedule.running -= 1


cdef void _park(schedule_t *schedule, runner_t *me) noexcept nogil:
    schedule_leave_seat(schedule, me)
    schedule.awake -= 1
    schedule.parked += 1
    me.must = MUST_PARK
    if schedule.waiting and _anything_to_take(schedule):
        wake_ring(schedule.wake)       # what it leaves behind falls to the thread in the poller


cdef void schedule_wake_one(schedule_t *schedule) noexcept nogil:
    if schedule.parked > 0:
        schedule.parked -= 1
        schedule.awake += 1
        schedule.tokens += 1
        pthread_cond_signal(&schedule.work)


# The poller

cdef void _poll_briefly(schedule_t *schedule) noexcept nogil:
    """Ask the poller without waiting; the chair is free, and is ours for the moment that the lock is not."""
    cdef event_t[EVENTS_MAX] events
    cdef int count
    schedule.chair = True
    pthread_mutex_unlock(&schedule.lock)
    count = poll_wait(schedule.poller, events, 0)
    pthread_mutex_lock(&schedule.lock)
    schedule.chair = False
    _look(schedule, events, count)


cdef void _look(schedule_t *schedule, event_t *events, int count) noexcept nogil:
    """Put what the poller found, and what has expired, on the ready line; leave notes for what is busy."""
    cdef slot_t *slot
    cdef unsigned int notes
    cdef int i
    schedule.now_ns = schedule.polled_ns = schedule_clock(schedule)
    for i in range(count):
        if events[i].token == WAKE_TOKEN:
            wake_hush(schedule.wake)
            continue
        slot = slab_find(&schedule.slab, events[i].token)
        if slot == NULL:
            continue                   # its connection has ended meanwhile
        notes = events[i].notes
        if slot.busy:
            slot.again |= notes
            if slot.heard and notes & (NOTE_PEER_CLOSED | NOTE_BROKEN):
                schedule_inspect(schedule)
            if slot.held and notes & NOTE_BROKEN:
                _give_up(schedule, slot)
        elif slot.list == LIST_WRITE and not notes & (NOTE_WRITABLE | NOTE_BROKEN):
            slot.again |= notes        # not of use now, and must not put its deadline off
        elif notes != NOTE_WRITABLE or slot.list == LIST_WRITE:
            slot.busy = True
            slot.notes = notes
            schedule_push(schedule, &schedule.ready, slot)
    if count == EVENTS_MAX:
        return                         # there may be more: who has sent in time must not expire unseen
    for i in range(LISTS):
        _expire(schedule, i)


cdef void _give_up(schedule_t *schedule, slot_t *slot) noexcept nogil:
    """A whole request comes to its end unheard: its client has gone, or its time is over."""
    schedule.held -= slot.held
    slot.held = False
    list_remove(schedule.lists, slot)
    line_push(&schedule.ready, slot)


cdef void _expire(schedule_t *schedule, int list) noexcept nogil:
    cdef slot_t *slot = schedule.lists[list].first
    while slot != NULL and slot.deadline_ns <= schedule.now_ns:
        list_remove(schedule.lists, slot)
        if not slot.busy:
            slot.busy = True
            slot.notes = NOTE_EXPIRED
            schedule_push(schedule, &schedule.ready, slot)
        elif list == LIST_QUEUE and (slot.held or line_drop(&schedule.backlog, slot)):
            slot.notes = NOTE_RUN | NOTE_EXPIRED
            _give_up(schedule, slot)
        elif _is_total(list):
            # Being read at this moment, but these are not to be prolonged by that.
            slot.again |= NOTE_EXPIRED
        slot = schedule.lists[list].first


cdef long long schedule_first_deadline(schedule_t *schedule) noexcept nogil:
    cdef long long first = NEVER
    cdef slot_t *slot
    cdef int i
    for i in range(LISTS):
        slot = schedule.lists[i].first
        if slot != NULL and slot.deadline_ns < first:
            first = slot.deadline_ns
    return first


cdef int _timeout_ms(schedule_t *schedule) noexcept nogil:
    """How long the poller may block: for ever where nothing has a deadline."""
    cdef long long left
    schedule.waiting_until_ns = schedule_first_deadline(schedule)
    if schedule.waiting_until_ns == NEVER:
        return -1
    left = schedule.waiting_until_ns - schedule_clock(schedule)
    if left <= 0:
        return 0
    return <int>min(left // 1_000_000 + 1, <long long>3_600_000)


# Slots from outside of the line

cdef slot_t *schedule_admit(schedule_t *schedule, bint listener) noexcept nogil:
    """A slot for a new connection or listener, busy in its caller's hands; NULL when there is no memory."""
    cdef slot_t *slot
    pthread_mutex_lock(&schedule.lock)
    slot = slab_take(&schedule.slab)
    if slot != NULL:
        slot.busy = True
        slot.listener = listener
        if listener:
            slot.pace = PACE_QUICK
        schedule.connections += not listener
    pthread_mutex_unlock(&schedule.lock)
    return slot


cdef void schedule_enter(schedule_t *schedule, slot_t *slot, unsigned int notes) noexcept nogil:
    """Put a slot that was just admitted on the ready line."""
    pthread_mutex_lock(&schedule.lock)
    slot.notes = notes
    schedule_push(schedule, &schedule.ready, slot)
    if schedule.waiting:
        wake_ring(schedule.wake)
    pthread_mutex_unlock(&schedule.lock)


cdef void schedule_note(schedule_t *schedule, slot_t *slot, unsigned int notes) noexcept nogil:
    """Leave a note for a slot as the poller would."""
    pthread_mutex_lock(&schedule.lock)
    if slot.busy:
        slot.again |= notes
    else:
        slot.busy = True
        slot.notes = notes
        schedule_push(schedule, &schedule.ready, slot)
        if schedule.waiting:
            wake_ring(schedule.wake)
    pthread_mutex_unlock(&schedule.lock)


cdef void schedule_forget(schedule_t *schedule, slot_t *slot) noexcept nogil:
    """Give up a slot that its caller holds and that stands in no line."""
    pthread_mutex_lock(&schedule.lock)
    list_remove(schedule.lists, slot)
    schedule.connections -= not slot.listener
    slab_give(&schedule.slab, slot)
    pthread_mutex_unlock(&schedule.lock)


cdef void schedule_disarm(schedule_t *schedule, slot_t *slot) noexcept nogil:
    """Its request is whole: the deadline for sending it no longer counts."""
    pthread_mutex_lock(&schedule.lock)
    list_remove(schedule.lists, slot)
    slot.again &= ~<unsigned int>NOTE_EXPIRED
    pthread_mutex_unlock(&schedule.lock)


cdef int schedule_drain(schedule_t *schedule) noexcept nogil:
    """From now on a connection ends when it becomes idle; those that are, are sent to end now. Their number."""
    cdef int count
    pthread_mutex_lock(&schedule.lock)
    schedule.draining = True
    count = _dismiss(schedule, LIST_IDLE) + _dismiss(schedule, LIST_OPENING)
    wake_ring(schedule.wake)
    pthread_mutex_unlock(&schedule.lock)
    return count


cdef int _dismiss(schedule_t *schedule, int list) noexcept nogil:
    cdef slot_t *slot = schedule.lists[list].first
    cdef int count = 0
    while slot != NULL:
        if not slot.busy:
            slot.busy = True
            slot.notes = NOTE_DRAIN
            schedule_push(schedule, &schedule.ready, slot)
            count += 1
        slot = slot.after
    return count


cdef void schedule_advance(schedule_t *schedule, long long by_ns) noexcept nogil:
    pthread_mutex_lock(&schedule.lock)
    schedule.skew_ns += by_ns
    wake_ring(schedule.wake)
    pthread_mutex_unlock(&schedule.lock)


cdef void schedule_inspect(schedule_t *schedule) noexcept nogil:
    """Send the inspector round; the caller holds the lock."""
    schedule.inspections += 1
    pthread_cond_signal(&schedule.inspection)


cdef void schedule_end(schedule_t *schedule) noexcept nogil:
    """Send all threads home, from wherever they wait."""
    pthread_mutex_lock(&schedule.lock)
    schedule.ended = True
    pthread_cond_broadcast(&schedule.work)
    pthread_cond_signal(&schedule.alarm)
    pthread_cond_signal(&schedule.inspection)
    wake_ring(schedule.wake)
    pthread_mutex_unlock(&schedule.lock)
