# cython: language_level=3, boundscheck=False, wraparound=False
"""A client socket and the queue of what it has not taken yet.

A send goes to the kernel first; what the kernel refuses is queued and goes out, in order, when the poller says that
the socket takes bytes again. Whoever owns the connection owns its transport: nothing here locks. Small transfers are
non-blocking calls that keep the GIL; those over GIL_KEPT_BYTES and those that read a disk let it go (engine.md, rule
4).

A queued segment is a bytes object (kept alive, never copied, when it was large), a bytearray that collects small
pieces, or a FileSegment with a descriptor of its own. A failed write means that the client has gone: `lost` is set,
the queue is dropped, and no exception is raised, because nobody above could do more than stop.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, EINVAL, EIO, errno
from posix.unistd cimport close as close_fd, dup

from potstill.core.segments cimport FileSegment, Spool, sendfile_quietly

from collections import deque

cdef extern from "<sys/socket.h>" nogil:
    int MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE, SHUT_WR, SHUT_RDWR
    ssize_t c_recv "recv"(int fd, void *into, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *data, size_t size, int flags)
    int c_shutdown "shutdown"(int fd, int how)
    int AF_UNSPEC
    struct sockaddr:
        unsigned short sa_family
    int c_connect "connect"(int fd, const sockaddr *address, unsigned int size)
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    int SOL_SOCKET, SO_LINGER
    struct linger:
        int l_onoff
        int l_linger
    int setsockopt(int fd, int level, int name, const void *value, unsigned int size)
    ssize_t c_sendmsg "sendmsg"(int fd, const msghdr *message, int flags)

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_TCP

cdef extern from "<netinet/tcp.h>" nogil:
    int TCP_NODELAY

cdef enum:
    GIL_KEPT_BYTES = 65536             # a larger transfer is long enough for another thread to use the GIL meanwhile
    COPIED_BYTES_MAX = 16384           # smaller leftovers are copied together, larger ones kept by reference
    FLUSH_BYTES = 1 << 22              # then others get their turn, however fast the client takes it
    FILE_STEP_BYTES = 1 << 20          # sendfile is asked for so much at a time


cdef void transport_push(int fd) noexcept nogil:
    """Setting TCP_NODELAY, which every client socket has already, also sends what MSG_MORE held (tcp(7))."""
    cdef int yes = 1
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes))


@cython.freelist(64)
@cython.no_gc                          # it refers to bytes and files only
cdef class Transport:
    """The socket `fd`, non-blocking, which this object owns from now on. Over TLS it is a TlsTransport."""

    def __cinit__(self, int fd):
        self.fd = fd

    def __dealloc__(self):
        if self.fd >= 0:
            close_fd(self.fd)

    # Reading

    cdef Py_ssize_t receive(self, char *into, Py_ssize_t room) noexcept:
        """Bytes read, 0 at the end of the stream, WOULD_BLOCK, or LOST.

        A short read means that the socket is empty (epoll(7)), so nobody asks again before the poller has news, unless
        the peer has closed: then the end of the stream is still to be read.
        """
        cdef Py_ssize_t count
        if self.fd < 0 or self.lost:
            return LOST
        while True:
            if room > GIL_KEPT_BYTES:
                with nogil:
                    count = c_recv(self.fd, into, room, MSG_DONTWAIT)
            else:
                count = c_recv(self.fd, into, room, MSG_DONTWAIT)
            if count > 0:
                self.drained = count < room and not self.peer_closed
                return count
            if count == 0:
                self.peer_closed = True
                self.drained = False
                return 0
            if errno == EINTR:
                continue
            if errno == EAGAIN:
                self.drained = True
                return WOULD_BLOCK
            self.lose()
            return LOST

    # Writing

    cdef int send(self, const char *data, Py_ssize_t size) except -1:
        """Send or queue a copy of data[:size]."""
        return self.send_pieces(data, size, None, NULL, 0, NULL, 0)

    cdef int send_pieces(self, const char *before, Py_ssize_t before_size, object owner, const char *data,
                         Py_ssize_t size, const char *after, Py_ssize_t after_size) except -1:
        """Send three stretches as one: a frame's beginning, `data` inside of the bytes object `owner`, its end.

        What must wait is copied, but for a large `data`, of which `owner` is kept instead.
        """
        cdef Py_ssize_t count = 0
        if self.lost:
            return 0
        if self.queued == 0:
            count = self._send_now(before, before_size, data, size, after, after_size)
            if count < 0:
                return 0
            if count == before_size + size + after_size:
                return 0
        if count < before_size:
            self._queue_copy(before + count, before_size - count)
            count = 0
        else:
            count -= before_size
        if count < size:
            if size - count <= COPIED_BYTES_MAX or PyBytes_AS_STRING(owner) != data or PyBytes_GET_SIZE(owner) != size:
                self._queue_copy(data + count, size - count)
            else:
                self._queue_owner(owner, count, size)
            count = 0
        else:
            count -= size
        if count < after_size:
            self._queue_copy(after + count, after_size - count)
        return 0

    cdef Py_ssize_t _send_now(self, const char *before, Py_ssize_t before_size, const char *data, Py_ssize_t size,
                              const char *after, Py_ssize_t after_size) noexcept:
        """One non-blocking call: bytes taken (0 where the socket is full), LOST."""
        cdef iovec[3] pieces
        cdef msghdr message
        cdef Py_ssize_t count
        cdef Py_ssize_t total = before_size + size + after_size
        cdef int fd = self.fd
        cdef int used = 0
        cdef int flags = MSG_NOSIGNAL | MSG_MORE if self.more else MSG_NOSIGNAL
        if total == before_size:
            if total > GIL_KEPT_BYTES:
                with nogil:
                    count = c_send(fd, before, total, flags)
            else:
                count = c_send(fd, before, total, flags)
        else:
            if before_size:
                pieces[used].iov_base = <void *>before
                pieces[used].iov_len = before_size
                used += 1
            pieces[used].iov_base = <void *>data
            pieces[used].iov_len = size
            used += 1
            if after_size:
                pieces[used].iov_base = <void *>after
                pieces[used].iov_len = after_size
                used += 1
            message.msg_name = NULL
            message.msg_namelen = 0
            message.msg_iov = pieces
            message.msg_iovlen = used
            message.msg_control = NULL
            message.msg_controllen = 0
            message.msg_flags = 0
            if total > GIL_KEPT_BYTES:
                with nogil:
                    count = c_sendmsg(fd, &message, flags)
            else:
                count = c_sendmsg(fd, &message, flags)
        self.full = count < total
        return self._sent(count)

    cdef Py_ssize_t _sent(self, Py_ssize_t count) noexcept:
        if count >= 0:
            self.sent += count
            return count
        if errno == EAGAIN or errno == EINTR:
            self.full = True
            return 0
        self.lose()
        return LOST

    cdef int send_file(self, const char *before, Py_ssize_t before_size, int fd, long long offset,
                       long long size) except -1:
        """Send before[:before_size] and then `size` bytes of the file `fd` from `offset`, by sendfile(2).

        Raises OSError when the file cannot be read, or ends early.
        """
        cdef FileSegment segment
        cdef Py_ssize_t count
        if self.lost:
            return 0
        if self.queued == 0:
            self.more = True
            count = self._send_now(before, before_size, NULL, 0, NULL, 0)
            self.more = False
            if count < 0:
                return 0
            before += count
            before_size -= count
        if before_size:
            self._queue_copy(before, before_size)
        segment = FileSegment.__new__(FileSegment)
        segment.fd = fd
        segment.offset = offset
        segment.left = size
        try:
            if self.queued == 0:
                self._send_segment(segment)
            if segment.left and not self.lost:
                segment.fd = dup(fd)
                if segment.fd < 0:
                    raise OSError(errno, "cannot keep the file of a response open")
                self._append(segment, segment.left)
                segment = None
        finally:
            if segment is not None and segment.fd == fd:
                segment.fd = -1        # borrowed from the caller, not ours to close
        return 0

    cdef bint _send_segment(self, FileSegment segment) except -1:
        """True once all of it has left; False where the socket is full or lost."""
        cdef ssize_t count
        cdef int fd = self.fd
        cdef size_t step
        cdef long long until = self.sent + FLUSH_BYTES
        while segment.left and not self.lost and self.sent < until:
            step = min(segment.left, <long long>FILE_STEP_BYTES)
            with nogil:
                count = sendfile_quietly(fd, segment.fd, &segment.offset, step)
            if count > 0:
                segment.left -= count
                self.sent += count
            elif count == 0:
                raise OSError("the file of a response became shorter while it was sent")
            elif errno == EINVAL or errno == EIO:
                raise OSError(errno, "the file of a response cannot be read")
            elif self._sent(count) == 0:
                return False
        return segment.left == 0

    cdef int flush(self) except -1:
        """Send what is queued until it is gone, the socket is full (`full`), or a good deal has gone.

        Raises OSError for a file that cannot be read.
        """
        cdef Py_ssize_t size, count
        cdef const char *data
        cdef long long until = self.sent + FLUSH_BYTES
        self.full = False
        while self._queue and not self.lost and self.sent < until:
            first = self._queue[0]
            if type(first) is FileSegment:
                size = (<FileSegment>first).left
                done = self._send_segment(<FileSegment>first)
                self.queued -= size - (<FileSegment>first).left
                if (<FileSegment>first).spooled:
                    self.spooled -= size - (<FileSegment>first).left
                if not done:
                    return 0
            else:
                if type(first) is bytearray:
                    size = PyByteArray_GET_SIZE(first)
                    data = PyByteArray_AS_STRING(first)
                else:                  # or a subclass of bytes, whose len() could say anything
                    size = PyBytes_GET_SIZE(first)
                    data = PyBytes_AS_STRING(first)
                count = self._send_now(data + self._head_offset, size - self._head_offset, NULL, 0, NULL, 0)
                if count < 0:
                    return 0
                self.queued -= count
                self.held -= count
                self._head_offset += count
                if self._head_offset < size:
                    self.full = True
                    return 0
            self._queue.popleft()
            self._head_offset = 0
        if self.queued == 0:
            self.drop_queue()
        return 0

    cdef void push(self) noexcept:
        """What the kernel holds back for more goes out now."""
        self.more = False
        if self.fd >= 0:
            transport_push(self.fd)

    # The queue

    cdef int _append(self, object segment, long long size) except -1:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(segment)
        self.queued += size
        if type(segment) is not FileSegment:
            self.held += size
        return 0

    cdef int _queue_copy(self, const char *data, Py_ssize_t size) except -1:
        copy = PyBytes_FromStringAndSize(data, size)
        if self._queue:
            last = self._queue[len(self._queue) - 1]
            if type(last) is bytearray and len(last) < 4 * COPIED_BYTES_MAX:
                last += copy
                self.queued += size
                self.held += size
                return 0
        return self._append(bytearray(copy), size)

    cdef int _queue_owner(self, object owner, Py_ssize_t offset, Py_ssize_t size) except -1:
        if self._queue is None:
            self._append(owner, size - offset)
            self._head_offset = offset
        elif offset == 0:
            self._append(owner, size)
        else:
            # Never: something left of this piece only if the queue was empty, and its beginning left before.
            return self._queue_copy(PyBytes_AS_STRING(owner) + offset, size - offset)
        return 0

    cdef int spill(self, object directory, long long file_max) except -1:
        """Move what is queued in memory to a temporary file in `directory`.

        A file that has `file_max` octets is not added to: the next is begun, and it leaves the disk once it is sent.
        Raises OSError, and whatever else comes in between, the connection being lost.
        """
        try:
            if self._spool is None or self._spool.end >= file_max:
                self._spool = Spool(directory)
            self._queue = self._spilled()
        except BaseException:
            self.lose()
            raise
        self._head_offset = 0
        self.spooled += self.held
        self.held = 0
        return 0

    cdef object _spilled(self):
        """The queue as it is with all of it in files."""
        cdef FileSegment last = None
        cdef Spool spool = self._spool
        cdef Py_ssize_t size, offset = self._head_offset
        cdef const char *data
        spilled = deque()
        for segment in self._queue:
            if type(segment) is FileSegment:
                last = <FileSegment>segment
                spilled.append(last)
            else:
                data = PyByteArray_AS_STRING(segment) if type(segment) is bytearray else PyBytes_AS_STRING(segment)
                size = PyByteArray_GET_SIZE(segment) if type(segment) is bytearray else PyBytes_GET_SIZE(segment)
                if last is None or not last.spooled or last.offset + last.left != spool.end:
                    last = spool.segment()
                    spilled.append(last)
                spool.append(data + offset, size - offset)
                last.left += size - offset
            offset = 0
        return spilled

    # The end

    cdef void lose(self) noexcept:
        """Nothing more goes either way."""
        self.lost = True
        self.drop_queue()

    cdef void drop_queue(self) noexcept:
        self._queue = self._spool = None
        self._head_offset = 0
        self.queued = self.held = self.spooled = 0

    cdef void shut_sending(self) noexcept:
        """Say that no more will come, and go on reading: the first half of a lingering close."""
        if self.fd >= 0 and not self.lost:
            c_shutdown(self.fd, SHUT_WR)

    cdef void cut_short(self) noexcept:
        """From another thread: whatever the owner is doing with the socket ends."""
        if self.fd >= 0:
            c_shutdown(self.fd, SHUT_RDWR)

    cdef void reset(self) noexcept:
        """From another thread: as cut_short, but the client sees a reset, for which a FIN would be the end of a body.

        connect(2) to AF_UNSPEC dissolves a TCP connection, on Linux with a RST. Unix sockets know of no such thing.
        """
        cdef sockaddr nobody
        nobody.sa_family = AF_UNSPEC
        if self.fd >= 0 and c_connect(self.fd, &nobody, sizeof(nobody)) != 0:
            c_shutdown(self.fd, SHUT_RDWR)

    cdef void reset_on_close(self) noexcept:
        """End with RST: where the end of the connection is the end of a body, it tells that this body was cut."""
        cdef linger at_once
        at_once.l_onoff = 1
        at_once.l_linger = 0
        if self.fd >= 0:
            setsockopt(self.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once))

    cdef void close(self) noexcept:
        self.drop_queue()
        self.lost = True
        if self.fd >= 0:
            if self.shared:
                c_shutdown(self.fd, SHUT_RDWR)
            close_fd(self.fd)
            self.fd = -1


class TransportFace:
    """The Python face, for tests: a transport over a socket whose descriptor is taken over (`sock.detach()`)."""

    def __init__(self, int fd):
        self.transport = Transport(fd)

    def send(self, data, before: bytes = b"", after: bytes = b""):
        cdef Transport transport = self.transport
        if not isinstance(data, bytes):
            raise TypeError(data)
        transport.send_pieces(PyBytes_AS_STRING(before), len(before), data, PyBytes_AS_STRING(data), len(data),
                              PyBytes_AS_STRING(after), len(after))

    def send_file(self, before: bytes, int fd, long long offset, long long size):
        cdef Transport transport = self.transport
        transport.send_file(PyBytes_AS_STRING(before), len(before), fd, offset, size)

    def receive(self, Py_ssize_t room):
        """The bytes, b"" at the end, None where it would block; ConnectionError once lost."""
        cdef Transport transport = self.transport
        cdef bytearray into = bytearray(room)
        cdef Py_ssize_t count = transport.receive(PyByteArray_AS_STRING(into), room)
        if count == LOST:
            raise ConnectionError("the client is gone")
        return None if count == WOULD_BLOCK else bytes(into[:count])

    def flush(self):
        (<Transport>self.transport).flush()

    def spill(self, directory, long long file_max=1 << 30):
        (<Transport>self.transport).spill(directory, file_max)

    def shut_sending(self):
        (<Transport>self.transport).shut_sending()

    def close(self, *, reset=False):
        if reset:
            (<Transport>self.transport).reset_on_close()
        (<Transport>self.transport).close()

    @property
    def drained(self):
        return bool((<Transport>self.transport).drained)

    @property
    def sent(self):
        return (<Transport>self.transport).sent

    @property
    def queued(self):
        return (<Transport>self.transport).queued

    @property
    def held(self):
        return (<Transport>self.transport).held

    @property
    def spooled(self):
        return (<Transport>self.transport).spooled

    @property
    def lost(self):
        return bool((<Transport>self.transport).lost)
