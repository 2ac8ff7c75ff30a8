# epoll and its friends behind a handful of functions; another platform is another poll.pyx.

# What can be said of a descriptor, and of a connection by the engine itself (from NOTE_EXPIRED on).
cdef enum:
    NOTE_READABLE = 1
    NOTE_WRITABLE = 2
    NOTE_PEER_CLOSED = 4       # the peer has shut its sending side down (RDHUP)
    NOTE_BROKEN = 8            # HUP or ERR: nothing more can be sent
    NOTE_EXPIRED = 16          # its deadline has passed
    NOTE_RESUME = 32           # bytes read earlier are waiting to be looked at
    NOTE_DRAIN = 64            # the engine is draining: end it if it is idle
    NOTE_RUN = 128             # its whole request has waited in the backlog: call the application

cdef enum:
    EVENTS_MAX = 64            # taken from the poller by one call

cdef struct event_t:
    unsigned long long token
    unsigned int notes

cdef int poll_open() noexcept nogil
cdef int poll_add(int poller, int fd, unsigned long long token, bint listener) noexcept nogil
cdef int poll_remove(int poller, int fd) noexcept nogil
cdef int poll_wait(int poller, event_t *into, int timeout_ms) noexcept nogil
cdef bint poll_ready(int poller) noexcept nogil

cdef int wake_open() noexcept nogil
cdef void wake_ring(int wake) noexcept nogil
cdef void wake_hush(int wake) noexcept nogil

cdef int wait_writable(int fd, int timeout_ms) noexcept nogil
cdef int wait_readable(int fd, int timeout_ms) noexcept nogil
cdef bint peer_gone(int fd) noexcept nogil

cdef long long clock_ns() noexcept nogil
cdef long long process_cpu_ns() noexcept nogil
