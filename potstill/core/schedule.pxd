# Which thread does what next: the ready queue, the backlog, the poller's chair, the runners' target, and the watch.

from potstill.core.poll cimport EVENTS_MAX, event_t
from potstill.core.pthread cimport pthread_cond_t, pthread_mutex_t
from potstill.core.slots cimport LISTS, line_t, list_t, slab_t, slot_t
from potstill.core.stats cimport counters_t, seat_t

# What a thread says of the slot that it has finished with.
cdef enum:
    THEN_WAIT = 0                      # until an event or the deadline of `list`
    THEN_GO_ON = 1                     # at the end of the ready queue, with a note: others come first
    THEN_BACKLOG = 2                   # a whole request that waits for a seat
    THEN_END = 3                       # it is closed
    THEN_HOLD = 4                      # a whole request that the application wants to wait

# What a thread without work has to do, without the GIL.
cdef enum:
    MUST_POLL = 1                      # it has the poller's chair
    MUST_PARK = 2
    MUST_END = 3

# One thread of the engine. Its own thread alone looks at it.
cdef struct runner_t:
    slot_t *slot                       # in hand
    int then                           # THEN_*, once it is done
    int list                           # LIST_* with THEN_WAIT
    unsigned int relevant              # notes that matter while it waits
    line_t *line                       # where it was taken from
    int pace                           # … and from which of its queues
    long long spent_ns                 # time that the slot in hand has cost
    long long now_ns                   # the clock, when it was done
    bint called                        # the application, for the slot in hand
    bint seat                          # may call the application
    bint detached                      # it has given its place away, and ends with the slot in hand
    int must                           # MUST_*

cdef struct schedule_t:
    pthread_mutex_t lock               # guards all that follows; held for some hundred nanoseconds, never while waiting
    pthread_cond_t work                # parked threads wait here
    pthread_cond_t alarm               # the watch waits here
    pthread_cond_t inspection          # the inspector waits here
    int inspections                    # asked for since it last looked
    int poller, wake                   # descriptors, owned
    slab_t slab
    list_t[LISTS] lists
    long long[LISTS] timeouts_ns
    line_t ready
    line_t backlog
    long long held                     # whole requests beside it, until the application calls for them
    int seats                          # threads that may be inside the application: --threads
    int running                        # seats taken
    int awake                          # threads that are not parked
    int parked
    int tokens                         # parked threads that have been woken and have not noticed yet
    int target                         # how many may be awake: 1 to seats + 1
    bint chair                         # a thread is in the poller
    bint waiting                       # … and blocked there
    long long waiting_until_ns         # when it will look at the deadlines
    long long now_ns, polled_ns
    long long skew_ns                  # tests move the clock
    bint draining, ended
    bint watch_asleep
    counters_t *counters               # of all threads, to see whether runners get on
    seat_t *seat                       # where the watch says that it is alive; NULL: nowhere
    int threads
    long long connections

cdef int schedule_open(schedule_t *schedule, int seats, counters_t *counters) noexcept nogil
cdef void schedule_abandon(schedule_t *schedule) noexcept nogil
cdef void schedule_close(schedule_t *schedule) noexcept nogil
cdef long long schedule_clock(schedule_t *schedule) noexcept nogil
cdef slot_t *schedule_next(schedule_t *schedule, runner_t *me) noexcept nogil
cdef void schedule_wait(schedule_t *schedule, runner_t *me) noexcept nogil
cdef slot_t *schedule_admit(schedule_t *schedule, bint listener) noexcept nogil
cdef void schedule_enter(schedule_t *schedule, slot_t *slot, unsigned int notes) noexcept nogil
cdef void schedule_note(schedule_t *schedule, slot_t *slot, unsigned int notes) noexcept nogil
cdef void schedule_forget(schedule_t *schedule, slot_t *slot) noexcept nogil
cdef void schedule_disarm(schedule_t *schedule, slot_t *slot) noexcept nogil
cdef int schedule_drain(schedule_t *schedule) noexcept nogil
cdef void schedule_advance(schedule_t *schedule, long long by_ns) noexcept nogil
cdef void schedule_end(schedule_t *schedule) noexcept nogil

# For the watch, for departures and for requests that are held; the caller holds the lock.
cdef void schedule_push(schedule_t *schedule, line_t *line, slot_t *slot) noexcept nogil
cdef void schedule_leave_seat(schedule_t *schedule, runner_t *me) noexcept nogil
cdef long long schedule_first_deadline(schedule_t *schedule) noexcept nogil
cdef void schedule_wake_one(schedule_t *schedule) noexcept nogil
cdef void schedule_inspect(schedule_t *schedule) noexcept nogil
