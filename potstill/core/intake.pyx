# cython: language_level=3, boundscheck=False, wraparound=False
"""A request's body on its way in, by Content-Length or in chunks (RFC 9112 section 6).

Mostly the connection drives it, read by read, until the body is whole and lies in a Body. With --request-buffering off
the application does, through a LiveBody: it reads the socket itself, in the runner's thread, and waits there under the
same timeout and minimum rate. What is wrong with such a body is an OSError of its read, never a short success.

Owner: the connection's, and while the application reads live its runner's.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove

from potstill.core.chunks cimport DATA
from potstill.core.fields cimport FIELD_CONTENT_LENGTH, field_bit
from potstill.core.http1 cimport (
    COMPLETE,
    INCOMPLETE,
    REFUSE_BODY_RATE,
    REFUSE_BODY_TIMEOUT,
    REFUSE_BODY_TOO_LARGE,
    chunks_feed,
    chunks_free,
    chunks_init,
)
from potstill.core.poll cimport clock_ns, wait_readable
from potstill.core.stats cimport add
from potstill.core.transport cimport WOULD_BLOCK
from potstill.core.workspace cimport INPUT_BYTES

import io

from potstill.core.refusals import REFUSALS

cdef bytes CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@cython.final
cdef class Intake:
    """Takes in the body of one request."""

    def __cinit__(self, Service service, Transport transport, Exchange exchange, Body body):
        self.service = service
        self.transport = transport
        self.exchange = exchange
        self.body = body
        self.ahead = b""

    def __dealloc__(self):
        if self.chunks != NULL:
            chunks_free(self.chunks)
            free(self.chunks)

    cdef int open(self, head_t *head) except -1:
        self.left = head.content_length
        self.expects = head.expect_continue
        if head.chunked:
            self.chunks = <chunks_t *>calloc(1, sizeof(chunks_t))
            if self.chunks == NULL:
                raise MemoryError
            chunks_init(self.chunks)
        return 0

    cdef int send_continue(self) except -1:
        """RFC 9110 section 10.1.1: not when the body has begun to come anyway."""
        if self.expects:
            self.expects = False
            self.transport.send(PyBytes_AS_STRING(CONTINUE), PyBytes_GET_SIZE(CONTINUE))
        return 0

    # Into a Body

    cdef int receive(self, Workspace workspace) except -2:
        """One read of the socket: BODY_*, or a refusal."""
        cdef Py_ssize_t room, count
        cdef size_t used = 0
        cdef char *into
        cdef int verdict
        self.rest_size = 0
        if self.chunks == NULL:
            # Straight to where the application will find it, and not a byte further than the body goes.
            into = self.body.reserve(self.left, &room)
            count = self.transport.receive(into, min(room, self.left))
            if count <= 0:
                return BODY_BLOCKED
            add(&workspace.counters.octets_received, count)
            self.body.commit(count)
            self.left -= count
            self.size += count
            return BODY_WHOLE if self.left == 0 else BODY_MORE
        count = self.transport.receive(<char *>workspace.input, INPUT_BYTES)
        if count <= 0:
            return BODY_BLOCKED
        add(&workspace.counters.octets_received, count)
        verdict = self.take(workspace.input, count, &used)
        if verdict == COMPLETE:
            self.rest_at = used
            self.rest_size = count - used
        return verdict

    cdef int take(self, unsigned char *data, size_t size, size_t *used) except -1:
        """As much of data[:size] as belongs to the body: BODY_MORE, BODY_WHOLE, or a refusal."""
        cdef size_t packed = 0
        cdef int verdict = self._unpack(data, size, used, &packed)
        if packed:
            self.body.append(<const char *>data, packed)
        return verdict

    cdef int _unpack(self, unsigned char *data, size_t size, size_t *used, size_t *packed) except -1:
        """Leave the payload of data[:size] together at its beginning; the framing, which has been read, goes."""
        cdef size_t step = 0, start = 0, length = 0, at = 0
        cdef long long seen
        cdef int verdict = INCOMPLETE
        if self.chunks == NULL:
            used[0] = packed[0] = min(size, <size_t>self.left)
            self.left -= used[0]
            self.size += used[0]
            return COMPLETE if self.left == 0 else INCOMPLETE
        while at < size and verdict == INCOMPLETE:
            verdict = chunks_feed(self.chunks, data + at, size - at, &self.service.limits, &step, &start, &length)
            if length:
                memmove(data + packed[0], data + at + start, length)
                packed[0] += length
                self.size += length
            seen = self.size
            if self.chunks.stage == DATA:
                seen += self.chunks.left           # refused as soon as it is announced
            if self.service.body_bytes_max and seen > self.service.body_bytes_max:
                return REFUSE_BODY_TOO_LARGE
            at += step
        used[0] = at
        return verdict

    cdef int finish(self) except -1:
        """The body is whole."""
        if self.body is not None:
            self.body.seal()
            if self.chunks != NULL:
                # The application reads a body whose length is known by now.
                self.exchange.environ["CONTENT_LENGTH"] = str(self.size)
                self.exchange.fields_sent |= field_bit(FIELD_CONTENT_LENGTH)
        if self.chunks != NULL and self.chunks.trailers_size:
            self.exchange.trailers = <bytes>self.chunks.trailers[:self.chunks.trailers_size]
        self.exchange.body_open = False
        return 0

    # Live

    cdef Py_ssize_t read_live(self, char *into, Py_ssize_t room) except -1:
        """Up to `room` octets of the body, at least one unless it has ended. Raises OSError."""
        cdef size_t used = 0, packed = 0
        cdef Py_ssize_t count
        cdef int verdict
        if not self.exchange.body_open or room == 0:
            return 0
        if self.exchange.workspace is None:
            raise OSError("wsgi.input was read after its request had ended")
        while True:
            count = self._read_raw(into, room if self.chunks != NULL else min(room, self.left))
            packed = 0
            verdict = self._unpack(<unsigned char *>into, count, &used, &packed)
            if verdict > COMPLETE:
                self._fail(verdict)
            if verdict == COMPLETE:
                # What stands behind it is the next request's.
                self.ahead = into[used:count] + self.ahead
                self.finish()
            if packed or verdict == COMPLETE:
                return packed

    cdef Py_ssize_t _read_raw(self, char *into, Py_ssize_t room) except -1:
        """Octets as they come over the wire, at least one; waits for them."""
        cdef Workspace workspace = self.exchange.workspace
        cdef int fd = self.transport.fd
        cdef Py_ssize_t count
        cdef long long begun, waited
        if self.ahead:
            count = min(room, PyBytes_GET_SIZE(self.ahead))
            memcpy(into, PyBytes_AS_STRING(self.ahead), count)
            self.ahead = self.ahead[count:]
            return count
        if self.exchange.head_sent:
            self.expects = False       # it would stand in the middle of the answer
        self.send_continue()
        begun = workspace.read_clock()
        while True:
            self.transport.drained = False
            count = self.transport.receive(into, room)
            if count > 0:
                add(&workspace.counters.octets_received, count)
                return count
            if count != WOULD_BLOCK:
                self.exchange.keep_alive = False
                raise ConnectionResetError("the client left in the middle of the request body")
            if self.exchange.over:
                raise self.exchange.interruption("the request was ended while its body was read")
            waited = workspace.read_clock() - begun
            if waited > self.service.body_timeout_ns:
                self._fail(REFUSE_BODY_TIMEOUT)
            if waited + begun - self.exchange.called_ns > RATE_GRACE_NS \
                    and self.size < self.service.min_rate * ((waited + begun - self.exchange.called_ns) // 10**9):
                self._fail(REFUSE_BODY_RATE)
            with nogil:
                wait_readable(fd, 250)

    def _fail(self, int code):
        refusal = REFUSALS[code]
        add(&self.exchange.workspace.counters.refused[code], 1)
        self.exchange.keep_alive = False
        raise OSError(f"the request body cannot be read: {refusal.text}")

    def read_into(self, buffer):
        """The body's next octets into a writable buffer; how many, 0 at its end."""
        cdef Py_buffer view
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            return self.read_live(<char *>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)


class LiveBody(io.RawIOBase):
    """`wsgi.input` with --request-buffering off, under an io.BufferedReader."""

    def __init__(self, Intake intake not None):
        self._intake = intake

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._intake.read_into(buffer)


cdef object live_input(Intake intake):
    """The binary file that the application reads."""
    return io.BufferedReader(LiveBody(intake))
