# cython: language_level=3, boundscheck=False, wraparound=False
"""The watch: one thread that looks, while others work, whether more of them would help.

It raises the schedule's target when work waits and no turn ends: at once when no runner is running (they are blocked:
in the application, on a disk, in a log handler), after some patience when one is (it computes, and another thread
would only take the GIL from it). It lowers the target when the GIL is the limit, and slowly when there was no need
for long (engine.md, rule 5).

It runs without the GIL and under the schedule's lock, which it lets go while it waits. When nobody works for some
ticks it sleeps without a clock, and whoever works next wakes it: an idle worker makes no system calls.
"""

from libc.stdio cimport snprintf
from libc.string cimport memset
from posix.fcntl cimport O_CLOEXEC, O_RDONLY, open
from posix.time cimport timespec
from posix.unistd cimport close, read

from potstill.core.poll cimport clock_ns, poll_ready, process_cpu_ns
from potstill.core.pthread cimport (
    pthread_cond_signal, pthread_cond_timedwait, pthread_cond_wait, pthread_mutex_lock, pthread_mutex_unlock,
)
from potstill.core.schedule cimport (
    schedule_clock,
    schedule_first_deadline,
    schedule_inspect,
    schedule_t,
    schedule_wake_one,
)
from potstill.core.share cimport publish_load
from potstill.core.stats cimport Stats, load, store, take
from potstill.core.transport cimport transport_push

cdef enum:
    LINGER_TICKS = 5                   # the watch stays up so long after the last exchange
    ASK_TICKS = 4
    PATIENCE_TICKS = 15                # three switch intervals of the GIL: how long runners may compute unaided
    WINDOW_TICKS_MIN = 5               # fewer say nothing: the watch itself did not get the processor
    ONE_CORE_PERCENT = 130
    STAT_BYTES = 128                   # the state is among the first: number, name of 15 bytes, state
    CALM_TICKS = 1000                  # without need, one thread fewer

cdef long long INSPECTION_NS = 100_000_000        # requests older than that are looked at so often
cdef long long TICK_NS = 1_000_000                # of the watch
cdef long long WINDOW_NS = 20_000_000


cdef struct watch_t:
    long long turns
    long long window_ns, window_cpu_ns
    int idle_ticks, stuck_ticks, calm_ticks
    int waiting_ticks, computing_ticks # of this window: work waited; and a runner was computing meanwhile
    int ticks                          # of this window
    int asked                          # … at which the kernel was asked whether runners compute
    long long inspected_ns


cdef void watch_wake(schedule_t *schedule) noexcept nogil:
    """A thread has got work while the watch sleeps."""
    pthread_mutex_lock(&schedule.lock)
    pthread_cond_signal(&schedule.alarm)
    pthread_mutex_unlock(&schedule.lock)


cdef void watch_run(schedule_t *schedule) noexcept nogil:
    """The life of the watch: ticks while somebody works, sleeps without a clock when nobody does."""
    cdef watch_t watch
    memset(&watch, 0, sizeof(watch))
    pthread_mutex_lock(&schedule.lock)
    while not schedule.ended:
        if watch.idle_ticks > LINGER_TICKS:
            schedule.watch_asleep = True
            # A thread looks at the flag when it has said that it works, both without a fence. One that could not see
            # the flag yet is seen by a look that is taken a tick later; any later one rings.
            _wait_tick(schedule)
            if not _working(schedule) and not schedule.ended:
                pthread_cond_wait(&schedule.alarm, &schedule.lock)
            schedule.watch_asleep = False
            watch.idle_ticks = 0
            _open_window(schedule, &watch)
            continue
        _wait_tick(schedule)
        _tick(schedule, &watch)
    pthread_mutex_unlock(&schedule.lock)


cdef void _wait_tick(schedule_t *schedule) noexcept nogil:
    cdef long long at = clock_ns() + TICK_NS
    cdef timespec until
    until.tv_sec = at // 1_000_000_000
    until.tv_nsec = at % 1_000_000_000
    pthread_cond_timedwait(&schedule.alarm, &schedule.lock, &until)


cdef bint _working(schedule_t *schedule) noexcept nogil:
    cdef int i
    for i in range(schedule.threads):
        if load(&schedule.counters[i].working_since_ns):
            return True
    return False


cdef bint _work_waits(schedule_t *schedule) noexcept nogil:
    if schedule.ready.count or schedule.backlog.count:
        return True
    if schedule.chair:
        return False
    return poll_ready(schedule.poller) or schedule_first_deadline(schedule) <= schedule_clock(schedule)


cdef void _tick(schedule_t *schedule, watch_t *watch) noexcept nogil:
    cdef bint working = _working(schedule)
    cdef bint ask
    publish_load(schedule)
    if schedule.seat != NULL:
        store(&schedule.seat.beat_ns, clock_ns())
    _push_blocks(schedule)
    if working:
        _send_inspector(schedule, watch)
    # To ask the kernel costs some microseconds a thread: while requests end all the time, one tick in four will do.
    ask = watch.ticks % ASK_TICKS == 0 or _turns(schedule) == watch.turns
    watch.asked += ask
    _judge_tick(schedule, watch, _work_waits(schedule), working, ask and working and _computing(schedule))
    if clock_ns() - watch.window_ns >= WINDOW_NS:
        _judge_window(schedule, watch, (process_cpu_ns() - watch.window_cpu_ns) * 100
                      // (clock_ns() - watch.window_ns))
        _open_window(schedule, watch)


cdef void _send_inspector(schedule_t *schedule, watch_t *watch) noexcept nogil:
    """Some request has been in the application for long: its deadline may have passed."""
    cdef long long since
    cdef int i
    if clock_ns() - watch.inspected_ns < INSPECTION_NS:
        return
    for i in range(schedule.threads):
        since = load(&schedule.counters[i].application_since_ns)
        if since and schedule_clock(schedule) - since >= INSPECTION_NS:
            watch.inspected_ns = clock_ns()
            schedule_inspect(schedule)
            return


cdef void _push_blocks(schedule_t *schedule) noexcept nogil:
    """A block that the kernel holds back has waited for the next long enough.

    Its socket may have been closed a moment ago, and the number be another socket's: that one sends at once as well.
    """
    cdef long long fd
    cdef int i
    for i in range(schedule.threads):
        if load(&schedule.counters[i].corked_fd):
            fd = take(&schedule.counters[i].corked_fd)
            if fd:
                transport_push(<int>fd - 1)


cdef void _judge_tick(schedule_t *schedule, watch_t *watch, bint waits, bint working, bint computing) noexcept nogil:
    """Does work wait while those who could take it stand still?"""
    cdef long long turns = _turns(schedule)
    if working or turns != watch.turns:
        watch.idle_ticks = 0
    else:
        watch.idle_ticks += 1
    if waits and working and turns == watch.turns:
        watch.stuck_ticks += 1
        if not computing or watch.stuck_ticks >= PATIENCE_TICKS:
            _add_runner(schedule)
            watch.stuck_ticks = 0
    else:
        watch.stuck_ticks = 0
    watch.calm_ticks = 0 if waits else watch.calm_ticks + 1
    watch.ticks += 1
    watch.waiting_ticks += waits
    watch.computing_ticks += computing
    watch.turns = turns


cdef long long _turns(schedule_t *schedule) noexcept nogil:
    cdef long long turns = 0
    cdef int i
    for i in range(schedule.threads):
        turns += load(&schedule.counters[i].turns)
    return turns


cdef void _judge_window(schedule_t *schedule, watch_t *watch, long long percent) noexcept nogil:
    """Every 20 ms: is the GIL the limit, or could more runners get more done? `percent` of a processor was used."""
    if watch.ticks < WINDOW_TICKS_MIN:
        return
    if watch.computing_ticks * 10 >= watch.asked * 9 and percent <= ONE_CORE_PERCENT:
        # Above that, something lets the GIL go while it computes; leave it alone.
        schedule.target = schedule.target // 2 if schedule.target > 4 else max(1, schedule.target - 1)
    elif watch.waiting_ticks == watch.ticks and watch.computing_ticks * 100 < watch.asked * 85:
        _add_runner(schedule)
    elif watch.calm_ticks > CALM_TICKS:
        schedule.target = max(1, schedule.target - 1)
        watch.calm_ticks = 0


cdef void _open_window(schedule_t *schedule, watch_t *watch) noexcept nogil:
    watch.window_ns = clock_ns()
    watch.window_cpu_ns = process_cpu_ns()
    watch.ticks = watch.asked = watch.waiting_ticks = watch.computing_ticks = 0


cdef bint _computing(schedule_t *schedule) noexcept nogil:
    """Whether a thread that works is running, or would if it were given a processor.

    The kernel's word is taken for it, not the CPU time used: on a busy or throttled machine a runner that computes uses
    little of it and would pass for a blocked one. A runner that waits for the GIL sleeps, but then another has it.
    """
    cdef int i
    for i in range(schedule.threads):
        if load(&schedule.counters[i].working_since_ns) and \
                _runs(load(&schedule.counters[i].thread_id)):
            return True
    return False


cdef bint _runs(long long thread_id) noexcept nogil:
    """The state in proc_pid_stat(5) is R. True as well where it cannot be read: patience does the least harm."""
    cdef char[STAT_BYTES] line
    cdef ssize_t size, i
    cdef int fd
    snprintf(line, sizeof(line), b"/proc/self/task/%lld/stat", thread_id)
    fd = open(line, O_RDONLY | O_CLOEXEC)
    if fd < 0:
        return True
    size = read(fd, line, sizeof(line))
    close(fd)
    for i in range(size - 3, -1, -1):
        if line[i] == c")":            # ends the name, which may hold anything
            return line[i + 2] == c"R"
    return True


cdef void _add_runner(schedule_t *schedule) noexcept nogil:
    if schedule.awake >= schedule.target and schedule.target < schedule.threads:
        schedule.target += 1
    if schedule.awake < schedule.target:
        schedule_wake_one(schedule)


def judged(int threads, int target, int computing, int percent=100, bint waiting=False, int calm_ticks=0):
    """The Python face, for tests: the target after a window of a hundred ticks."""
    cdef schedule_t schedule
    cdef watch_t watch
    memset(&schedule, 0, sizeof(schedule))
    memset(&watch, 0, sizeof(watch))
    schedule.threads, schedule.target, schedule.awake = threads, target, target
    watch.ticks = watch.asked = 100
    watch.computing_ticks, watch.calm_ticks = computing, calm_ticks
    watch.waiting_ticks = 100 if waiting else 50
    _judge_window(&schedule, &watch, percent)
    return schedule.target


def ticked(Stats stats not None, int target, bint computing, bint waits=True, int awake=0):
    """For tests: the target after each of twenty ticks, a request waiting or not, no turn ending."""
    cdef schedule_t schedule
    cdef watch_t watch
    cdef int turn
    memset(&schedule, 0, sizeof(schedule))
    memset(&watch, 0, sizeof(watch))
    schedule.threads, schedule.target, schedule.awake = stats.threads, target, awake or target
    schedule.counters = stats.slot(0)
    targets = []
    for turn in range(20):
        _judge_tick(&schedule, &watch, waits, _working(&schedule), computing)
        targets.append(schedule.target)
    return targets


def runs(long long thread_id):
    """For tests: whether the kernel says of a thread of this process that it runs, or would."""
    return bool(_runs(thread_id))
