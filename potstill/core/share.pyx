# cython: language_level=3, boundscheck=False, wraparound=False
"""Which worker takes a new client: the least busy one, as far as that costs nothing.

All workers wait on the same listening sockets. For a client the kernel wakes one of those that are in their poller
(EPOLLEXCLUSIVE), the one first that was added first, and tells the busy ones in passing, so that they find the client
when they look next. A worker that took in what there was and now carries more than the mean adds itself anew, which
is the end of that line: two system calls, nobody waits. So while there is time the next client goes to another worker.

When there is none, because all are busy, a worker that carries much more than its share leaves its clients alone for a
millisecond. Another one that looks meanwhile takes them; if none does, it takes them itself.

A worker that is alone carries the mean, and does none of this.
"""

from potstill.core.listener cimport Listener
from potstill.core.poll cimport poll_add, poll_remove
from potstill.core.schedule cimport runner_t, schedule_clock, schedule_t
from potstill.core.slots cimport LIST_BODY, LIST_DEFER, LIST_HEAD, LIST_LINGER, LIST_WRITE, slot_token
from potstill.core.stats cimport Board, Stats, load, seat_t, store

cdef enum:
    SLACK = 1                          # above the mean that nobody minds: one request in hand

cdef long long DEFER_NS = 1_000_000


cdef void publish_load(schedule_t *schedule) noexcept nogil:
    """Connections, and once more those that are in the application or on their way there; and what else others want to
    know of a schedule. Without its lock: each number was true a moment ago.
    """
    cdef seat_t *seat = schedule.seat
    cdef long long reading, writing, closing
    if seat == NULL:
        return
    store(&seat.load, schedule.connections + schedule.running
          + schedule.backlog.queues[0].count + schedule.backlog.queues[1].count)
    reading = schedule.lists[LIST_HEAD].count + schedule.lists[LIST_BODY].count
    writing = schedule.lists[LIST_WRITE].count
    closing = schedule.lists[LIST_LINGER].count
    store(&seat.connections, schedule.connections)
    store(&seat.reading, reading)
    store(&seat.writing, writing)
    store(&seat.closing, closing)
    store(&seat.running, schedule.running)
    store(&seat.seats, schedule.seats)
    store(&seat.target, schedule.target)
    store(&seat.backlog, schedule.backlog.count)
    store(&seat.ready, schedule.ready.count)


cdef bint share_defers(Stats stats, Listener listener, runner_t *me, schedule_t *schedule) noexcept:
    """Whether to leave the clients that wait alone for now; then `me` says until when."""
    cdef long long now_ns = schedule_clock(schedule)
    publish_load(schedule)
    if not _carries_much_more(stats) or listener.deferred_ns and now_ns - listener.deferred_ns >= DEFER_NS:
        listener.deferred_ns = 0
        return False
    if not listener.deferred_ns:
        listener.deferred_ns = now_ns
    me.list = LIST_DEFER
    return True


cdef void share_step_back(Stats stats, Listener listener, schedule_t *schedule) noexcept:
    """To the end of the kernel's line, for who carries more than the mean."""
    publish_load(schedule)
    if _carries_more(stats):
        poll_remove(schedule.poller, listener.slot.fd)
        poll_add(schedule.poller, listener.slot.fd, slot_token(listener.slot), True)


cdef bint _carries_more(Stats stats) noexcept:
    cdef long long total, count
    _sum(stats.board, &total, &count)
    return load(&stats.seat().accepting) and load(&stats.seat().load) * count > total


cdef bint _carries_much_more(Stats stats) noexcept:
    cdef long long total, count
    _sum(stats.board, &total, &count)
    return load(&stats.seat().accepting) and (load(&stats.seat().load) - SLACK) * count * 4 > total * 5


cdef void _sum(Board board, long long *total, long long *count) noexcept:
    """Over those that accept. They are read one after the other: a fair share need not be exact."""
    cdef int i
    total[0] = count[0] = 0
    for i in range(board.seats):
        if load(&board._seats[i].accepting):
            total[0] += load(&board._seats[i].load)
            count[0] += 1


def judged(Stats stats not None, long long own):
    """The Python face, for tests: with that load, does it carry more than its share, and much more?"""
    store(&stats.seat().load, own)
    return bool(_carries_more(stats)), bool(_carries_much_more(stats))
