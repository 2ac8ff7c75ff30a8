# cython: language_level=3, boundscheck=False, wraparound=False
"""The engine's threads, and how one of them gives its seat to another.

There is always one thread more than there are seats, numbered by their slots in the statistics. A runner whose request
lasts (a WebSocket, a stream of events), or that was interrupted and does not come back, is *detached*: it keeps its
request and ends with it, it counts in a spare slot, and a new thread takes its number. So the watch and the schedule
never see more threads than they were made for, however many requests last.

Everything here happens under the GIL; what the schedule is told, under its lock.
"""

cimport cython

from potstill.core.departure cimport schedule_attach, schedule_detach, schedule_return
from potstill.core.schedule cimport schedule_clock
from potstill.core.stats cimport store
from potstill.core.workspace cimport Workspace

import logging
import threading

from potstill.core.journal import Journal
from potstill.core.reporter import Reporter

cdef long long COMPLAINT_NS = 60_000_000_000      # between two complaints


@cython.final
cdef class Crew:
    """Threads for `options.threads` seats and one more; `work` is what each does with its Runner."""

    def __init__(self, Stats stats not None, options, log, work):
        first = options.threads + 1
        self.stats = stats
        self.options = options
        self.reporter = Reporter(log)
        self.work = work
        self.journal = Journal(options.access_log, stats.number + 1, log) if options.access_log is not None else None
        self.runners = []
        self.threads = []
        self.missing = []
        self.spare = list(range(first, stats.threads - 1))     # the last slot is the drain's
        self.complained_ns = -COMPLAINT_NS

    def start(self):
        """Start as many as there are to be."""
        for number in range(self.options.threads + 1):
            self._enlist(number)
        self.start_thread("potstill-reporter", self.reporter.run)
        if self.journal is not None:
            self.start_thread("potstill-journal", self.journal.run)

    def start_thread(self, name, target, *args):
        """Start a daemon thread that `stop` will wait for."""
        return self._start(threading.Thread(target=target, args=args, name=name, daemon=True))

    def _start(self, thread):
        self.threads.append(thread)
        try:
            thread.start()
        except BaseException:
            if thread.ident is None:   # else it has started, and the exception was meant for whoever waits for that
                self.threads.remove(thread)
            raise
        return thread

    cdef int _enlist(self, int number) except -1:
        cdef Workspace workspace = Workspace(self.stats, number, self.options.limit_request_fields)
        cdef Runner runner = Runner(self, number, workspace)
        workspace.skew_ns = &self.schedule.skew_ns
        runner.schedule = self.schedule
        runner.thread = threading.Thread(target=self.work, args=(runner,), name=f"potstill-{self.started}", daemon=True)
        self.started += 1
        self.runners.append(runner)
        try:
            self._start(runner.thread)
        except BaseException:
            if runner.thread.ident is None:
                self.runners.remove(runner)
            raise
        return 0

    def detach(self, Runner runner not None, bint lost=False):
        """Give the seat of a runner that is inside the application to a new thread.

        False when that cannot be: so many have left already, or there is no new thread to be had. A lost runner leaves
        its seat all the same where there is a slot for it, and the engine has one thread fewer, until `fill_seats`
        finds another.
        """
        cdef int number = runner.number
        if not self.spare or (not lost and self.handed_over >= self.options.handover_limit):
            if not lost:
                self._complain(f"{self.handed_over} have one already (--handover-limit)")
            return False
        # First of all, while it is known to be inside: it must not come back to a place that is another's.
        schedule_detach(self.schedule, &runner.me)
        runner.detached = True
        runner.lost = lost
        runner.move_to(self.spare.pop())
        self.handed_over += not lost
        self.lost += lost
        self._publish()
        schedule_attach(self.schedule)
        try:
            self._enlist(number)
        except BaseException as error:
            if self._is_filled(number):
                raise
            if lost:
                store(&self.stats.slot(number).working_since_ns, 0)
                schedule_return(self.schedule, NULL)
                self.missing.append(number)
            else:
                self._stay(runner, number)
            if not isinstance(error, (RuntimeError, MemoryError)):
                raise
            self._complain(str(error))
            return False
        return True

    cdef void _stay(self, Runner runner, int number) noexcept:
        """It has left its place, and nobody came for it: it goes on there."""
        schedule_return(self.schedule, &runner.me)
        self.spare.append(runner.number)
        runner.move_to(number)
        runner.detached = False
        self.handed_over -= 1
        self._publish()

    def fill_seats(self):
        """Look once more for threads in place of those that were lost when there was no new one to be had."""
        while self.missing and not self.schedule.ended:
            number = self.missing.pop()
            schedule_attach(self.schedule)
            try:
                self._enlist(number)
            except BaseException as error:
                if not self._is_filled(number):
                    schedule_return(self.schedule, NULL)
                    self.missing.append(number)
                if isinstance(error, (RuntimeError, MemoryError)):
                    return
                raise

    cdef bint _is_filled(self, int number) noexcept:
        cdef Runner runner
        for runner in self.runners:
            if runner.number == number and not runner.detached:
                return True
        return False

    cdef void cut_short(self) noexcept:
        """The engine ends. Shut the connections that were taken over, which would go on for as long as their clients
        like, and let the reporter come to its end."""
        cdef Runner runner
        self.reporter.end()
        for runner in self.runners:
            if runner.exchange is not None and runner.exchange.taken is not None:
                runner.exchange.transport.cut_short()

    def join(self, long long deadline_ns):
        """Wait for those that can end; the names of those that have not. The access log is the last to end."""
        ours = threading.current_thread()
        for thread in sorted(self.threads, key=lambda thread: thread.name == "potstill-journal"):
            if thread.name == "potstill-journal":
                self.journal.end()
            if thread is not ours:
                thread.join(max(0.0, (deadline_ns - schedule_clock(self.schedule)) / 1e9))
        return [thread.name for thread in self.threads if thread.is_alive()]

    cdef void retire(self, Runner runner) noexcept:
        """Its thread is about to end."""
        if runner in self.runners:
            self.runners.remove(runner)
        if runner.detached:
            self.handed_over -= not runner.lost
            self._publish()
            self.spare.append(runner.number)
            if runner.thread in self.threads:
                self.threads.remove(runner.thread)
            self.fill_seats()          # with it a thread has become free

    cdef void _publish(self) noexcept:
        """For who looks on from outside."""
        cdef Stats stats = self.stats
        store(&stats.seat().handed_over, self.handed_over)
        store(&stats.seat().lost, self.lost)

    cdef bint has_in_hand(self, slot_t *slot) noexcept:
        cdef Runner runner
        for runner in self.runners:
            if runner.me.slot == slot:
                return True
        return False

    def _complain(self, why):
        now = schedule_clock(self.schedule)
        if now - self.complained_ns >= COMPLAINT_NS:
            self.complained_ns = now
            self.reporter.tell(logging.ERROR, "cannot give a request a thread of its own: %s", why)
