# Counters in memory that others read at the same time: never torn, and in no order. Inline, for they are called
# a dozen times a request.

cdef extern from * nogil:
    long long atomic_load_n "__atomic_load_n"(const long long *source, int order)
    void atomic_store_n "__atomic_store_n"(long long *target, long long value, int order)
    long long atomic_exchange_n "__atomic_exchange_n"(long long *target, long long value, int order)
    void atomic_thread_fence "__atomic_thread_fence"(int order)
    int ATOMIC_RELAXED "__ATOMIC_RELAXED"
    int ATOMIC_RELEASE "__ATOMIC_RELEASE"
    int ATOMIC_ACQUIRE "__ATOMIC_ACQUIRE"


cdef inline long long load(const long long *counter) noexcept nogil:
    return atomic_load_n(counter, ATOMIC_RELAXED)


cdef inline long long take(long long *counter) noexcept nogil:
    # For the one counter that two threads write, its owner and the watch.
    return atomic_exchange_n(counter, 0, ATOMIC_RELAXED)


cdef inline void store(long long *counter, long long value) noexcept nogil:
    atomic_store_n(counter, value, ATOMIC_RELAXED)


cdef inline void add(long long *counter, long long value) noexcept nogil:
    # Not a read-modify-write instruction: a counter has one writer at a time.
    atomic_store_n(counter, counter[0] + value, ATOMIC_RELAXED)


# A record is emptied, `fence_written`, written, and dated by `store_released`; who reads it takes the date by
# `load_acquired`, copies the record, `fence_read`, and looks at the date again.

cdef inline long long load_acquired(const long long *counter) noexcept nogil:
    return atomic_load_n(counter, ATOMIC_ACQUIRE)


cdef inline void store_released(long long *counter, long long value) noexcept nogil:
    atomic_store_n(counter, value, ATOMIC_RELEASE)


cdef inline void fence_written() noexcept nogil:
    atomic_thread_fence(ATOMIC_RELEASE)


cdef inline void fence_read() noexcept nogil:
    atomic_thread_fence(ATOMIC_ACQUIRE)
