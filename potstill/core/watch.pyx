# cython: language_level=3, boundscheck=False, wraparound=False
"""The watch: one thread that looks, while runners are inside the application, whether more of them would help.

It raises the schedule's target when work waits and no exchange ends: at once when the processor is idle meanwhile (the
runners are blocked), after some patience when it is busy (they compute, and another thread would only take the GIL from
them). It lowers the target when the GIL is the limit, and slowly when there was no need for long (engine.md, rule 5).

It runs without the GIL and under the schedule's lock, which it lets go while it waits. When nobody is inside the
application for some ticks it sleeps without a clock, and whoever enters next wakes it: an idle worker makes no system
calls.
"""

from libc.string cimport memset
from posix.time cimport timespec

from potstill.core.poll cimport clock_ns, poll_ready, process_cpu_ns
from potstill.core.schedule cimport (
    pthread_cond_t,
    pthread_mutex_t,
    schedule_clock,
    schedule_first_deadline,
    schedule_t,
    schedule_wake_one,
)
from potstill.core.stats cimport Stats, load

cdef extern from "<pthread.h>" nogil:
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
    int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const timespec *until)
    int pthread_cond_signal(pthread_cond_t *cond)

cdef enum:
    LINGER_TICKS = 5                   # the watch stays up so long after the last exchange
    PATIENCE_TICKS = 15                # three switch intervals of the GIL: how long runners may compute unaided
    CALM_TICKS = 1000                  # without need, one thread fewer

cdef long long TICK_NS = 1_000_000                # of the watch
cdef long long WINDOW_NS = 20_000_000


cdef struct watch_t:
    long long exchanges, tick_ns, tick_cpu_ns
    long long window_ns, window_cpu_ns
    int idle_ticks, stuck_ticks, calm_ticks
    bint always_waiting                # at every tick of this window


cdef void watch_wake(schedule_t *schedule) noexcept nogil:
    """A runner is about to enter the application while the watch sleeps."""
    pthread_mutex_lock(&schedule.lock)
    pthread_cond_signal(&schedule.alarm)
    pthread_mutex_unlock(&schedule.lock)


cdef void watch_run(schedule_t *schedule) noexcept nogil:
    """The life of the watch: ticks while runners are in the application, sleeps without a clock when they are not."""
    cdef watch_t watch
    memset(&watch, 0, sizeof(watch))
    pthread_mutex_lock(&schedule.lock)
    while not schedule.ended:
        if watch.idle_ticks > LINGER_TICKS:
            schedule.watch_asleep = True
            # A runner looks at the flag when it has said that it enters, both without a fence. One that could not see
            # the flag yet is seen by a look that is taken a tick later; any later one rings.
            _wait_tick(schedule)
            if not _inside(schedule) and not schedule.ended:
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


cdef bint _inside(schedule_t *schedule) noexcept nogil:
    cdef int i
    for i in range(schedule.threads):
        if load(&schedule.counters[i].application_since_ns):
            return True
    return False


cdef bint _work_waits(schedule_t *schedule) noexcept nogil:
    cdef int i
    for i in range(2):
        if schedule.ready.queues[i].count or schedule.backlog.queues[i].count:
            return True
    if schedule.chair:
        return False
    return poll_ready(schedule.poller) or schedule_first_deadline(schedule) <= schedule_clock(schedule)


cdef void _tick(schedule_t *schedule, watch_t *watch) noexcept nogil:
    cdef long long exchanges = 0
    cdef long long now = clock_ns()
    cdef long long cpu = process_cpu_ns()
    cdef bint waits = _work_waits(schedule)
    cdef bint inside = _inside(schedule)
    cdef int i
    for i in range(schedule.threads):
        exchanges += load(&schedule.counters[i].exchanges)
    if inside or exchanges != watch.exchanges:
        watch.idle_ticks = 0
    else:
        watch.idle_ticks += 1
    if waits and inside and exchanges == watch.exchanges:
        watch.stuck_ticks += 1
        # Idle processor: the runners are blocked. Busy: they compute, and another one would only take the GIL from them.
        if (cpu - watch.tick_cpu_ns) * 2 < now - watch.tick_ns or watch.stuck_ticks >= PATIENCE_TICKS:
            _add_runner(schedule)
            watch.stuck_ticks = 0
    else:
        watch.stuck_ticks = 0
    watch.calm_ticks = 0 if waits else watch.calm_ticks + 1
    watch.always_waiting = watch.always_waiting and waits
    watch.exchanges = exchanges
    watch.tick_ns = now
    watch.tick_cpu_ns = cpu
    if now - watch.window_ns >= WINDOW_NS:
        _judge_window(schedule, watch)


cdef void _judge_window(schedule_t *schedule, watch_t *watch) noexcept nogil:
    """Every 20 ms: is the GIL the limit, or could more runners get more done?"""
    cdef long long percent = (watch.tick_cpu_ns - watch.window_cpu_ns) * 100 // (watch.tick_ns - watch.window_ns)
    if 90 <= percent <= 130:
        # Above that, something lets the GIL go while it computes; leave it alone.
        schedule.target = max(1, schedule.target // 2)
    elif watch.always_waiting and percent < 85:
        _add_runner(schedule)
    elif watch.calm_ticks > CALM_TICKS:
        schedule.target = max(1, schedule.target - 1)
        watch.calm_ticks = 0
    _open_window(schedule, watch)


cdef void _open_window(schedule_t *schedule, watch_t *watch) noexcept nogil:
    watch.window_ns = watch.tick_ns = clock_ns()
    watch.window_cpu_ns = watch.tick_cpu_ns = process_cpu_ns()
    watch.always_waiting = True
    watch.stuck_ticks = 0


cdef void _add_runner(schedule_t *schedule) noexcept nogil:
    if schedule.awake >= schedule.target and schedule.target < schedule.threads:
        schedule.target += 1
    if schedule.awake < schedule.target:
        schedule_wake_one(schedule)


def judged(int threads, int target, int percent, bint always_waiting=False, int calm_ticks=0):
    """The Python face, for tests: the target after a window in which so much of a processor was used."""
    cdef schedule_t schedule
    cdef watch_t watch
    memset(&schedule, 0, sizeof(schedule))
    memset(&watch, 0, sizeof(watch))
    schedule.threads, schedule.target, schedule.awake = threads, target, target
    watch.tick_ns, watch.tick_cpu_ns = WINDOW_NS, WINDOW_NS * percent // 100
    watch.always_waiting, watch.calm_ticks = always_waiting, calm_ticks
    _judge_window(&schedule, &watch)
    return schedule.target


def ticked(Stats stats not None, int target, int percent, bint waits=True, int awake=0):
    """For tests: the target after each of twenty ticks of 100 ms, a request waiting or not, no exchange ending."""
    cdef schedule_t schedule
    cdef watch_t watch
    cdef int turn
    memset(&schedule, 0, sizeof(schedule))
    memset(&watch, 0, sizeof(watch))
    schedule.threads, schedule.target, schedule.awake = stats.threads, target, awake or target
    schedule.counters = stats.slot(0)
    schedule.ready.queues[0].count = waits
    schedule.chair = True              # so that no poller is asked
    targets = []
    for turn in range(20):
        watch.tick_ns, watch.tick_cpu_ns = clock_ns() - 100_000_000, process_cpu_ns() - 1_000_000 * percent
        watch.window_ns = clock_ns()
        _tick(&schedule, &watch)
        targets.append(schedule.target)
    return targets
