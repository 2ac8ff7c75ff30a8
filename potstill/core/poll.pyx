# cython: language_level=3, boundscheck=False, wraparound=False
"""epoll, eventfd and the clocks, as plain functions that need no GIL.

Connections are added once, edge-triggered, for both directions and for the peer's half-close, and are never re-armed
(engine.md, rule 3). Listeners are edge-triggered too; EPOLLEXCLUSIVE lets many workers wait on one listener without all
of them waking for each client. Every function answers a negative errno on failure, as the kernel itself does.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec
from posix.unistd cimport read, write

cdef extern from "<time.h>" nogil:
    int CLOCK_PROCESS_CPUTIME_ID

cdef extern from "<sys/epoll.h>" nogil:
    int EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL
    uint32_t EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR, EPOLLET, EPOLLEXCLUSIVE
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int maxevents, int timeout)

cdef extern from "<sys/eventfd.h>" nogil:
    int EFD_CLOEXEC, EFD_NONBLOCK
    int eventfd(unsigned int initval, int flags)

cdef extern from "<sys/socket.h>" nogil:
    int MSG_PEEK, MSG_DONTWAIT
    ssize_t recv(int fd, void *into, size_t size, int flags)

cdef extern from "<poll.h>" nogil:
    short POLLIN, POLLOUT, POLLRDHUP, POLLHUP, POLLERR
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *fds, unsigned long nfds, int timeout)

cdef enum:
    RECORD_HEAD = 5                    # octets: type, version, length (RFC 8446 section 5.1)
    RECORD_ALERT = 21
    RECORD_DATA = 23
    RECORD_PEEKED = 128                # more than the record of an alert takes under any cipher


cdef int poll_open() noexcept nogil:
    cdef int poller = epoll_create1(EPOLL_CLOEXEC)
    return poller if poller >= 0 else -errno


cdef int poll_add(int poller, int fd, unsigned long long token, bint listener) noexcept nogil:
    cdef epoll_event event
    if listener:
        event.events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE
    else:
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET
    event.data.u64 = token
    return 0 if epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0 else -errno


cdef int poll_remove(int poller, int fd) noexcept nogil:
    cdef epoll_event unused
    return 0 if epoll_ctl(poller, EPOLL_CTL_DEL, fd, &unused) == 0 else -errno


cdef int poll_wait(int poller, event_t *into, int timeout_ms) noexcept nogil:
    """Up to EVENTS_MAX events; 0 when the time is up or a signal came; timeout_ms -1 waits for ever."""
    cdef epoll_event[EVENTS_MAX] events
    cdef uint32_t seen
    cdef unsigned int notes
    cdef int i
    cdef int count = epoll_wait(poller, events, EVENTS_MAX, timeout_ms)
    if count < 0:
        return 0 if errno == EINTR else -errno
    for i in range(count):
        seen = events[i].events
        notes = 0
        if seen & EPOLLIN:
            notes |= NOTE_READABLE
        if seen & EPOLLOUT:
            notes |= NOTE_WRITABLE
        if seen & EPOLLRDHUP:
            notes |= NOTE_PEER_CLOSED
        if seen & (EPOLLHUP | EPOLLERR):
            notes |= NOTE_BROKEN
        into[i].token = events[i].data.u64
        into[i].notes = notes
    return count


cdef bint poll_ready(int poller) noexcept nogil:
    """Whether poll_wait would find something; takes nothing away (an epoll descriptor can itself be polled)."""
    cdef pollfd one
    one.fd = poller
    one.events = POLLIN
    one.revents = 0
    return poll(&one, 1, 0) > 0


cdef int wake_open() noexcept nogil:
    cdef int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    return wake if wake >= 0 else -errno


cdef void wake_ring(int wake) noexcept nogil:
    cdef uint64_t one = 1
    # It fails only when the counter is full, and then the bell is ringing anyway.
    write(wake, &one, sizeof(one))


cdef void wake_hush(int wake) noexcept nogil:
    cdef uint64_t rings
    read(wake, &rings, sizeof(rings))


cdef int wait_writable(int fd, int timeout_ms) noexcept nogil:
    """1 once the socket takes bytes or is broken, 0 when the time is up or a signal came."""
    return 1 if _seen(fd, POLLOUT, timeout_ms) else 0


cdef int wait_readable(int fd, int timeout_ms) noexcept nogil:
    """1 once there are bytes, or an end, to be read; 0 when the time is up or a signal came."""
    return 1 if _seen(fd, POLLIN, timeout_ms) else 0


cdef bint peer_gone(int fd) noexcept nogil:
    """Whether the peer has closed or reset the connection, or shut it down with nothing left to read before.

    Over TLS the last thing to read is its close_notify.
    """
    cdef short seen = _seen(fd, POLLRDHUP, 0)
    cdef unsigned char[RECORD_PEEKED] left
    cdef ssize_t count
    if seen & (POLLHUP | POLLERR):
        return True
    if not seen & POLLRDHUP:
        return False
    count = recv(fd, left, RECORD_PEEKED, MSG_PEEK | MSG_DONTWAIT)
    return count == 0 or _is_goodbye(left, count)


cdef bint _is_goodbye(const unsigned char *data, ssize_t size) noexcept nogil:
    """Whether this is one TLS record and an alert, which cannot be told from here more exactly: it is encrypted.

    TLS 1.2 says so in the record's type. TLS 1.3 hides the type (RFC 8446 section 5.2), but not the length: two octets
    of an alert, one of its type, sixteen of the tag. No request is so short, nor does one begin so on a plain
    connection.
    """
    if size < RECORD_HEAD or data[1] != 3 or size != RECORD_HEAD + ((data[3] << 8) | data[4]):
        return False
    return data[0] == RECORD_ALERT or (data[0] == RECORD_DATA and size == RECORD_HEAD + 19)


cdef short _seen(int fd, short wanted, int timeout_ms) noexcept nogil:
    cdef pollfd one
    one.fd = fd
    one.events = wanted
    one.revents = 0
    return one.revents if poll(&one, 1, timeout_ms) > 0 else 0


cdef long long clock_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <long long>now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef long long process_cpu_ns() noexcept nogil:
    """CPU time of all threads of this process."""
    cdef timespec used
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
    return <long long>used.tv_sec * 1_000_000_000 + used.tv_nsec


class Poller:
    """The Python face, for tests: what the functions above make of real descriptors."""

    READABLE, WRITABLE, PEER_CLOSED, BROKEN = NOTE_READABLE, NOTE_WRITABLE, NOTE_PEER_CLOSED, NOTE_BROKEN
    EVENTS_AT_ONCE = EVENTS_MAX

    def __init__(self):
        self._poller = poll_open()

    def add(self, int fd, unsigned long long token, bint listener=False):
        return poll_add(self._poller, fd, token, listener)

    def remove(self, int fd):
        return poll_remove(self._poller, fd)

    def wait(self, int timeout_ms):
        cdef event_t[EVENTS_MAX] events
        cdef int poller = self._poller
        cdef int count
        with nogil:
            count = poll_wait(poller, events, timeout_ms)
        return [(events[i].token, events[i].notes) for i in range(count)]

    def ready(self):
        return bool(poll_ready(self._poller))

    def close(self):
        import os
        os.close(self._poller)

    @staticmethod
    def open_wake():
        return wake_open()

    @staticmethod
    def ring(int wake):
        wake_ring(wake)

    @staticmethod
    def hush(int wake):
        wake_hush(wake)

    @staticmethod
    def wait_writable(int fd, int timeout_ms):
        cdef int found
        with nogil:
            found = wait_writable(fd, timeout_ms)
        return bool(found)

    @staticmethod
    def clocks():
        return clock_ns(), process_cpu_ns()
