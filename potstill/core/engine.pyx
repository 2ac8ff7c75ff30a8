# cython: language_level=3, boundscheck=False, wraparound=False
"""The engine: one thread more than there are runner seats, all with the same life (engine.md).

Each thread asks the schedule for a slot, handles it where it stands, and tells the schedule what became of it: a
listener is accepted from, a connection is taken as far as it goes, a whole request is answered by calling the
application right there if the thread has a seat, and joins the backlog if not. A thread without work polls or parks,
without the GIL.

Owners: the schedule's memory is guarded by its lock; a Connection belongs to the thread that holds its busy slot; the
Engine's own attributes are written under the GIL by `start`, `drain` and `stop`. The reference that a slot holds to
its Connection is taken in `_welcome` and given back in `_handle`, when the connection has ended.
"""

cimport cython
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.errno cimport EAGAIN, ECONNABORTED, EINTR, errno
from posix.unistd cimport close as close_fd

from potstill.core.account cimport Account
from potstill.core.calling cimport call_expire, call_wait
from potstill.core.connection cimport (
    PHASE_ENDED,
    PHASE_GO_ON,
    PHASE_HELD,
    PHASE_OPENING,
    PHASE_READY,
    PHASE_WRITE,
    Connection,
    Service,
)
from potstill.core.crew cimport Crew
from potstill.core.departure cimport schedule_await_inspection
from potstill.core.inspector cimport Inspector
from potstill.core.listener cimport Listener
from potstill.core.poll cimport (
    NOTE_BROKEN,
    NOTE_DRAIN,
    NOTE_EXPIRED,
    NOTE_PEER_CLOSED,
    NOTE_READABLE,
    NOTE_RUN,
    NOTE_WRITABLE,
    poll_add,
    poll_remove,
)
from potstill.core.refusals cimport REFUSE_BACKLOG_FULL, REFUSE_QUEUE_TIMEOUT
from potstill.core.response cimport ResponseOptions
from potstill.core.runner cimport Runner
from potstill.core.schedule cimport (
    MUST_END, THEN_BACKLOG, THEN_END, THEN_GO_ON, THEN_HOLD, THEN_WAIT, runner_t, schedule_abandon, schedule_admit,
    schedule_advance, schedule_clock, schedule_close, schedule_disarm, schedule_drain, schedule_end, schedule_enter,
    schedule_forget, schedule_next, schedule_note, schedule_open, schedule_t, schedule_wait,
)
from potstill.core.share cimport DEFER_NS, publish_load, share_defers, share_step_back
from potstill.core.slots cimport (
    LIST_BODY,
    LIST_DEFER,
    LIST_HEAD,
    LIST_IDLE,
    LIST_LINGER,
    LIST_NONE,
    LIST_OPENING,
    LIST_QUEUE,
    LIST_RETRY,
    LIST_WRITE,
    PACE_QUICK,
    PACE_SLOW,
    slot_t,
    slot_token,
)
from potstill.core.stats cimport Stats, add, store
from potstill.core.transport cimport Transport
from potstill.core.watch cimport watch_run, watch_wake
from potstill.core.workspace cimport Workspace

import logging
import os
import threading

from potstill.core.forks import follow_forks
from potstill.core.health import health_application
from potstill.core.options import Entrance
from potstill.core.report import EngineStatistics, InFlight

cdef extern from "<sys/socket.h>" nogil:
    int SOCK_NONBLOCK, SOCK_CLOEXEC
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    struct sockaddr_storage:
        pass
    int accept4(int fd, sockaddr *address, socklen_t *size, int flags)

cdef enum:
    ACCEPTED_AT_ONCE = 64              # then others get their turn
    LOST_MAX = 64                      # threads that do not come back; then the process is beyond help

cdef long long SLOW_NS = 500_000                  # a request that took longer puts its connection among the slow ones
cdef long long LINGER_NS = 1_000_000_000
cdef long long RETRY_NS = 200_000_000             # after accept failed for want of descriptors or memory
cdef long long COMPLAINT_NS = 60_000_000_000      # between two complaints about it


def slots_of(options):
    """In how many slots of a Stats an engine counts that has these options."""
    return options.threads + 2 + options.handover_limit + LOST_MAX


@cython.final
cdef class Engine:
    """Serves `application` on `listeners` until it is drained and stopped.

    Args:
        application: the WSGI callable.
        listeners: bound and listening stream sockets; they stay the caller's, who may close them after `drain`.
        options: a `potstill.core.options.Options`.
        stats: where to count, with `slots_of(options)` slots; None: in memory of its own.
        entrances: an Entrance for each listener; none: plain HTTP on all of them.

    Raises OSError when the kernel refuses a poller.
    """

    def __cinit__(self, application, listeners, options, Stats stats=None, entrances=()):
        cdef int failure
        self.log = logging.getLogger("potstill")
        self.options = options
        # A slot for each thread of its own, for those that have left their seats, and for the thread that drains it.
        self.stats = Stats(slots_of(options)) if stats is None else stats
        if self.stats.threads != slots_of(options):
            raise ValueError(f"such an engine counts in {slots_of(options)} slots, not in {stats.threads}")
        failure = schedule_open(&self.schedule, options.threads, self.stats.slot(0))
        self.schedule.seat = self.stats.seat()
        if failure < 0:
            raise OSError(-failure, os.strerror(-failure))
        self.schedule.timeouts_ns[LIST_IDLE] = <long long>((options.keepalive_s or options.header_timeout_s) * 1e9)
        self.schedule.timeouts_ns[LIST_HEAD] = <long long>(options.header_timeout_s * 1e9)
        self.schedule.timeouts_ns[LIST_BODY] = <long long>(options.body_timeout_s * 1e9)
        self.schedule.timeouts_ns[LIST_WRITE] = <long long>(options.write_timeout_s * 1e9)
        self.schedule.timeouts_ns[LIST_LINGER] = LINGER_NS
        self.schedule.timeouts_ns[LIST_OPENING] = <long long>(options.handshake_timeout_s * 1e9)
        self.schedule.timeouts_ns[LIST_RETRY] = RETRY_NS
        self.schedule.timeouts_ns[LIST_DEFER] = DEFER_NS
        self.schedule.timeouts_ns[LIST_QUEUE] = <long long>(options.queue_timeout_s * 1e9)
        self.connections_max = options.max_connections
        self._drained = threading.Event()
        self._complained_ns = {}
        self.crew = Crew(self.stats, options, self.log, self._run)
        answers = ResponseOptions(options, Account(self.stats.ledger, self.crew.journal), self.log)
        self.service = Service(application, options, answers, self.log)
        self.service.inner = health_application(self, options)
        self.inspector = Inspector(options, self.log)
        self.crew.schedule = &self.schedule
        self._listeners = [Listener(sock, options, entrances[i] if entrances else Entrance())
                           for i, sock in enumerate(listeners)]

    def __dealloc__(self):
        # The threads hold a reference to the engine: none of them is left.
        schedule_close(&self.schedule)

    # What its owner calls

    def start(self):
        """Start the threads and begin to accept, after a fork and not before. Raises RuntimeError the second time."""
        cdef Listener listener
        if self.started:
            raise RuntimeError("the engine was started before")
        self.started = True
        follow_forks(self)
        self.stats.accept(True)
        for listener in self._listeners:
            listener.socket.setblocking(False)
            listener.slot = schedule_admit(&self.schedule, True)
            if listener.slot == NULL:
                raise MemoryError
            Py_INCREF(listener)
            listener.slot.owner = <PyObject *>listener
            listener.slot.fd = listener.socket.fileno()
            listener.slot.busy = False
            failure = poll_add(self.schedule.poller, listener.slot.fd, slot_token(listener.slot), True)
            if failure < 0:
                raise OSError(-failure, os.strerror(-failure))
        self.crew.start()
        self.crew.start_thread("potstill-watch", self._watch)
        self.crew.start_thread("potstill-inspector", self._inspect)

    def shut(self, bint close=False):
        """Take in who waits already, and accept no more. With `close` each listener is closed in the same moment."""
        cdef Listener listener
        cdef runner_t me
        if self.is_shut:
            return
        workspace = Workspace(self.stats, self.stats.threads - 1, 1)
        self.stats.accept(False)
        for listener in self._listeners:
            if listener.slot != NULL:
                poll_remove(self.schedule.poller, listener.slot.fd)
                me.then = THEN_GO_ON
                while me.then == THEN_GO_ON:
                    me.then = THEN_WAIT
                    self._accept(listener, &me, workspace)
            if close:                  # a client that came between would be reset
                listener.socket.close()
        self.is_shut = True

    def drain(self, bint dismiss=True):
        """Accept no more, and let every answer be the last one of its connection. Returns at once.

        With `dismiss` idle connections are ended, without it they may ask once more; a second call may dismiss them.
        """
        self.shut()
        self.service.answers.draining = self.draining = True
        if dismiss and not self.service.answers.dismissing:
            self.service.answers.dismissing = True
            schedule_drain(&self.schedule)
        self._after_end()

    def after_fork(self, bint in_child):
        """The application has forked. A child has one thread, inside the application, and nothing of ours to do."""
        self.service.answers.forked = True
        if in_child:
            self.service.answers.in_child = True
            schedule_abandon(&self.schedule)

    def wait_drained(self, timeout_s=None):
        """Wait until the last connection has ended; False when `timeout_s` is over before."""
        return self._drained.wait(timeout_s)

    def stop(self, timeout_s=5.0):
        """End the threads, and with them whatever is still open. Idempotent.

        A thread that is inside the application cannot be ended; it is left alone, and its name is returned in a list.
        """
        if not self.stopped:
            self.stopped = True
            self.drain()
            schedule_end(&self.schedule)
            self.crew.cut_short()
        deadline = schedule_clock(&self.schedule) + <long long>(timeout_s * 1e9)
        left = self.crew.join(deadline)
        self._end_connections()
        self.crew.work = None          # it refers back, and no thread will be started any more
        return left

    def reopen_log(self):
        """Open the file of the access log anew, by its name."""
        if self.crew.journal is not None:
            self.crew.journal.reopen()

    def statistics(self):
        """What it is doing now, as an EngineStatistics."""
        totals = self.stats.totals()
        return EngineStatistics(
            connections=self.schedule.connections,
            accepted=totals["accepted"],
            requests=totals["exchanges"],
            failures=totals["failures"],
            in_application=self.stats.in_application(),
            running=self.schedule.running,
            awake=self.schedule.awake,
            target=self.schedule.target,
            ready=self.schedule.ready.count,
            backlog=self.schedule.backlog.count,
            held=self.schedule.held,
            octets_received=totals["octets_received"],
            octets_sent=totals["octets_sent"],
            refused=self.stats.refused(),
            draining=self.draining or self.retiring,
            handed_over=self.crew.handed_over,
            lost=self.crew.lost,
        )

    def in_flight(self):
        """The requests that are in the application now, as a list of InFlight, the oldest first."""
        return sorted(self.inspector.in_flight(self.crew.runners, schedule_clock(&self.schedule)),
                      key=lambda each: -each.elapsed_s)

    @property
    def threads(self):
        """All threads of the engine that have not ended."""
        return tuple(self.crew.threads)

    def advance_clock(self, double seconds):
        """For tests: let `seconds` pass for every deadline."""
        schedule_advance(&self.schedule, <long long>(seconds * 1e9))

    # The life of its threads

    def _run(self, Runner runner not None):
        store(&runner.workspace.counters.thread_id, threading.get_native_id())
        self._work(runner)
        self.crew.retire(runner)
        if self.schedule.ended:
            self._end_connections()    # those that its turn came too late for, if it was the last to leave

    def _watch(self):
        with nogil:
            watch_run(&self.schedule)

    def _inspect(self):
        cdef bint go_on = True
        while go_on:
            with nogil:
                go_on = schedule_await_inspection(&self.schedule)
            self.inspector.inspect(self.crew.runners, schedule_clock(&self.schedule))

    cdef int _work(self, Runner runner) except -1:
        cdef Workspace workspace = runner.workspace
        cdef runner_t *me = &runner.me
        cdef slot_t *slot
        cdef long long begun
        self._set_to_work(workspace)
        while True:
            slot = schedule_next(&self.schedule, me)
            if me.then == THEN_END:
                me.then = THEN_WAIT
                self._after_end()
            if slot == NULL:
                if me.must == MUST_END:
                    return 0
                store(&workspace.counters.working_since_ns, 0)
                publish_load(&self.schedule)
                with nogil:
                    schedule_wait(&self.schedule, me)
                    # Before it has the GIL: whoever looks on is to see that it waits for that.
                    store(&workspace.counters.working_since_ns, schedule_clock(&self.schedule))
                self._set_to_work(workspace)
                continue
            begun = workspace.now_ns = self.schedule.now_ns
            me.then = THEN_WAIT
            me.called = False
            self._handle(slot, runner, workspace)
            add(&workspace.counters.turns, 1)
            me.now_ns = schedule_clock(&self.schedule)
            me.spent_ns = me.now_ns - begun
            if me.called:
                # One request that was interrupted by whatever else the machine does must not count: hence the cap.
                # The first says all there is to say; later ones one part in eight.
                slot.calls = min(slot.calls + 1, 8)
                slot.cost_ns += (min(me.spent_ns, 4 * SLOW_NS) - slot.cost_ns) // slot.calls
                slot.pace = PACE_SLOW if slot.cost_ns > SLOW_NS else PACE_QUICK

    cdef void _set_to_work(self, Workspace workspace) noexcept:
        store(&workspace.counters.working_since_ns, schedule_clock(&self.schedule))
        if self.schedule.watch_asleep:
            watch_wake(&self.schedule)

    cdef void _handle(self, slot_t *slot, Runner runner, Workspace workspace) noexcept:
        """Do what there is to do for the slot, and say in `me` what becomes of it."""
        cdef Connection connection
        cdef runner_t *me = &runner.me
        if slot.listener:
            self._accept(<Listener>slot.owner, me, workspace)
            return
        connection = <Connection>slot.owner
        if slot.notes & NOTE_RUN:
            if (slot.notes | slot.again) & NOTE_BROKEN:    # reset while it waited; a mere half-close is answered
                connection.end(workspace)
            elif slot.notes & NOTE_EXPIRED:
                if connection.exchange is not None:
                    call_expire(self.service, connection.exchange, workspace, slot.queued_ns)
                connection.turn_away(workspace, REFUSE_QUEUE_TIMEOUT)
            else:
                self._call(connection, slot, runner, workspace)
        else:
            connection.handle(slot.notes, workspace)
            if connection.verdict == PHASE_READY:
                if me.seat or connection.inner is not None:
                    self._call(connection, slot, runner, workspace)
                elif self.service.backlog_max and self.schedule.backlog.count >= self.service.backlog_max:
                    connection.turn_away(workspace, REFUSE_BACKLOG_FULL)
                else:
                    call_wait(connection.exchange, workspace, slot.queued_ns)
                    me.then = THEN_BACKLOG
                    return
        self._conclude(connection, slot, me, workspace)

    cdef void _call(self, Connection connection, slot_t *slot, Runner runner, Workspace workspace) noexcept:
        if slot.list != LIST_IDLE:     # that one has no say once a request has come
            schedule_disarm(&self.schedule, slot)
        runner.me.called = True
        if connection.inner is None:
            store(&workspace.counters.application_since_ns, workspace.now_ns)
        connection.run(workspace, runner, slot.queued_ns)
        slot.heard = False
        store(&workspace.counters.application_since_ns, 0)

    cdef void _conclude(self, Connection connection, slot_t *slot, runner_t *me, Workspace workspace) noexcept:
        cdef int verdict = connection.verdict
        if (verdict <= PHASE_OPENING or verdict == PHASE_HELD) and not slot.registered:
            # Only now: a connection that was answered and closed at once never troubles the poller.
            if poll_add(self.schedule.poller, slot.fd, slot_token(slot), False) < 0:
                connection.end(workspace)
                verdict = PHASE_ENDED
            slot.registered = True
        if verdict == PHASE_ENDED:
            me.then = THEN_END
            Py_DECREF(connection)      # the slot's reference
        elif verdict == PHASE_GO_ON:
            me.then = THEN_GO_ON
        elif verdict == PHASE_HELD:
            me.then = THEN_HOLD
        else:
            me.list = verdict
            me.relevant = NOTE_READABLE | NOTE_PEER_CLOSED | NOTE_BROKEN | NOTE_EXPIRED | NOTE_DRAIN
            if verdict == PHASE_WRITE:
                me.relevant = NOTE_WRITABLE | NOTE_BROKEN | NOTE_EXPIRED

    # Clients come and go

    cdef void _accept(self, Listener listener, runner_t *me, Workspace workspace) noexcept:
        """Take in clients until there are no more, or there may be no more."""
        cdef sockaddr_storage address
        cdef socklen_t size
        cdef int fd, turn
        me.list = LIST_NONE
        me.relevant = NOTE_READABLE
        if share_defers(self.stats, listener, me, &self.schedule):
            return
        for turn in range(ACCEPTED_AT_ONCE):
            if self.is_shut:
                return
            if self.connections_max and self.schedule.connections >= self.connections_max:
                listener.paused = True
                return
            size = sizeof(address)
            fd = accept4(listener.slot.fd, <sockaddr *>&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd >= 0:
                self._welcome(listener, fd, &address, workspace)
            elif errno == EAGAIN:
                share_step_back(self.stats, listener, &self.schedule)
                return
            elif errno != EINTR and errno != ECONNABORTED:
                # Out of descriptors or memory: the client waits in the kernel's queue, and nothing spins.
                me.list = LIST_RETRY
                self._complain("cannot accept connections for now: %s; raise the limit of open files or lower "
                               "--max-connections", os.strerror(errno))
                return
        me.then = THEN_GO_ON

    cdef void _welcome(self, Listener listener, int fd, void *address, Workspace workspace) noexcept:
        cdef slot_t *slot = schedule_admit(&self.schedule, False)
        if slot == NULL:
            close_fd(fd)
            return
        try:
            addr, port = listener.peer_of(address)
            transport = Transport(fd)
        except BaseException:          # no memory
            close_fd(fd)
            schedule_forget(&self.schedule, slot)
            return
        try:
            connection = Connection(self.service, transport, listener, addr, port)
        except BaseException:
            schedule_forget(&self.schedule, slot)
            return
        Py_INCREF(connection)
        slot.owner = <PyObject *>connection
        slot.fd = fd
        add(&workspace.counters.accepted, 1)
        # Its request has often come with it; the poller is asked only when it has not.
        schedule_enter(&self.schedule, slot, NOTE_READABLE)

    cdef void _after_end(self) noexcept:
        """A connection has ended: there may be room for another, or it was the last one."""
        cdef Listener listener
        publish_load(&self.schedule)
        if self.draining and self.schedule.connections == 0:
            self._drained.set()
        for listener in self._listeners:
            if listener.paused and not self.is_shut:
                listener.paused = False
                schedule_note(&self.schedule, listener.slot, NOTE_READABLE)

    def _complain(self, what, *details):
        """Once a minute of each kind: what is wrong now will mostly be wrong again in a moment."""
        now = schedule_clock(&self.schedule)
        if now - self._complained_ns.get(what, -COMPLAINT_NS) >= COMPLAINT_NS:
            self._complained_ns[what] = now
            self.log.error(what, *details)

    def _end_connections(self):
        """Close whatever no thread has in hand; after the schedule has ended."""
        cdef Workspace workspace = Workspace(self.stats, self.stats.threads - 1, 1)
        cdef unsigned int i
        cdef slot_t *slot
        for i in range(self.schedule.slab.chunk_count * 256):
            slot = &self.schedule.slab.chunks[i // 256][i % 256]
            if slot.in_use and slot.owner != NULL and not self.crew.has_in_hand(slot):
                owner = <object>slot.owner
                slot.owner = NULL      # taken: what ends it below may let the GIL go, and others end too
                Py_DECREF(owner)
                if not slot.listener:
                    (<Connection>owner).end(workspace)
                schedule_forget(&self.schedule, slot)
