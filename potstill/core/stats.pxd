# Counters in memory that processes may share. Each engine thread writes its own slot, without locks; anyone may read.

cdef enum:
    REFUSALS_MAX = 96
    QUEUE_BUCKETS = 108                # four a doubling, from a microsecond to over a minute

cdef struct counters_t:
    long long exchanges                # responses ended, whatever their fate
    long long turns                    # slots handled
    long long working_since_ns         # when it last got work to do; 0 while it waits for some
    long long application_since_ns     # when the application was entered; 0 while this thread is outside of it
    long long thread_id                # the kernel's, for whoever looks at the thread from outside
    long long accepted
    long long closed
    long long corked_fd                # 1 + the socket whose kernel holds a block back for the next; 0: none
    long long failures                 # exceptions that the application did not catch
    long long octets_received
    long long octets_sent
    long long queue_ns                 # time that requests have waited for a seat, in all
    long long[QUEUE_BUCKETS] queued    # how many waited how long
    long long[REFUSALS_MAX] refused    # by the code of http1.REFUSALS

cdef long long load(const long long *counter) noexcept nogil
cdef long long take(long long *counter) noexcept nogil
cdef void store(long long *counter, long long value) noexcept nogil
cdef void add(long long *counter, long long value) noexcept nogil

cdef void stats_queue(counters_t *counters, long long waited_ns) noexcept nogil

cdef class Stats:
    cdef object _mapping               # the anonymous shared mapping that owns the memory
    cdef counters_t *_slots            # inside of it
    cdef readonly int threads
    cdef counters_t *slot(self, int thread) noexcept
