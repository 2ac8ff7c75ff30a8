# One client socket: reading, writing, and what the client has not taken yet.

from potstill.core.segments cimport FileSegment, Spool

cdef enum:
    WOULD_BLOCK = -1
    LOST = -2                          # reset, broken pipe: nothing more goes either way

cdef class Transport:
    cdef int fd                        # owned: closed by close(), -1 afterwards
    cdef bint drained                  # the last read came short: no more until the poller says so
    cdef bint peer_closed              # the peer sends no more (RDHUP): the next read must happen to see its end
    cdef bint lost
    cdef bint full                     # the last send came short: no more until the poller says so
    cdef bint more                     # the next piece follows soon: the kernel may hold this one for it
    cdef bint shared                   # a forked child holds the socket too: closing it here would not end it
    cdef object _queue                 # deque of segments not sent yet, or None: an idle connection has none
    cdef Py_ssize_t _head_offset       # of the first segment, how much has left
    cdef long long queued              # bytes in the queue
    cdef long long held                # … of which so many are in memory
    cdef long long spooled             # … and so many in the spool
    cdef Spool _spool                  # or None
    cdef long long sent                # bytes that have left by this socket

    cdef Py_ssize_t receive(self, char *into, Py_ssize_t room) noexcept
    cdef int send(self, const char *data, Py_ssize_t size) except -1
    cdef int send_pieces(self, const char *before, Py_ssize_t before_size, object owner, const char *data,
                         Py_ssize_t size, const char *after, Py_ssize_t after_size) except -1
    cdef int send_file(self, const char *before, Py_ssize_t before_size, int fd, long long offset,
                       long long size) except -1
    cdef int flush(self) except -1
    cdef void push(self) noexcept
    cdef int spill(self, object directory, long long file_max) except -1
    cdef object _spilled(self)
    cdef void drop_queue(self) noexcept
    cdef void shut_sending(self) noexcept
    cdef void cut_short(self) noexcept
    cdef void reset(self) noexcept
    cdef void lose(self) noexcept
    cdef void reset_on_close(self) noexcept
    cdef void close(self) noexcept
    cdef Py_ssize_t _send_now(self, const char *before, Py_ssize_t before_size, const char *data, Py_ssize_t size,
                              const char *after, Py_ssize_t after_size) noexcept
    cdef Py_ssize_t _sent(self, Py_ssize_t count) noexcept
    cdef bint _send_segment(self, FileSegment segment) except -1
    cdef int _append(self, object segment, long long size) except -1
    cdef int _queue_copy(self, const char *data, Py_ssize_t size) except -1
    cdef int _queue_owner(self, object owner, Py_ssize_t offset, Py_ssize_t size) except -1

cdef void transport_push(int fd) noexcept nogil
