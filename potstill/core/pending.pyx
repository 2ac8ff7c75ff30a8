# cython: language_level=3, boundscheck=False, wraparound=False
"""Bytes that a connection has read and cannot use yet, with the parser that has come so far in them."""

cimport cython
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

from potstill.core.http1 cimport head_free, head_init, head_reset

cdef enum:
    PENDING_BYTES_FIRST = 2048


@cython.final
cdef class Pending:
    """Bytes in wait for the rest of a request, with the parser that has read so far."""

    def __cinit__(self, unsigned int fields_max):
        if head_init(&self.head, fields_max) != 0:
            raise MemoryError

    def __dealloc__(self):
        free(self.data)
        head_free(&self.head)

    cdef unsigned char *room(self, size_t size) except NULL:
        """Where `size` more bytes may be written; the caller adds what it wrote to `size`."""
        cdef size_t capacity = self.capacity if self.capacity else PENDING_BYTES_FIRST
        cdef unsigned char *grown
        while capacity < self.size + size:
            capacity *= 2
        if capacity != self.capacity:
            grown = <unsigned char *>realloc(self.data, capacity)
            if grown == NULL:
                raise MemoryError
            self.data = grown
            self.capacity = capacity
        return self.data + self.size

    cdef int put(self, const unsigned char *data, size_t size) except -1:
        memcpy(self.room(size), data, size)
        self.size += size
        return 0

    cdef void consume(self, size_t size) noexcept:
        """The first `size` bytes have been used; what is left begins another request."""
        memmove(self.data, self.data + size, self.size - size)
        self.size -= size
        head_reset(&self.head)
        self.unseen = True


cdef Pending pending_keep(Pending pending, const unsigned char *data, size_t size, unsigned int fields_max):
    """What keeps data[:size], which stands at the end of `pending` where there is one; None for nothing."""
    if size == 0:
        return None
    if pending is not None:
        pending.consume(data - pending.data)
    else:
        pending = Pending(fields_max)
        pending.put(data, size)
        pending.unseen = True
    return pending


class PendingFace:
    """The Python face, for tests."""

    def __init__(self):
        self.pending = Pending(100)

    def put(self, data: bytes):
        (<Pending>self.pending).put(data, len(data))

    def consume(self, size_t size):
        if size > (<Pending>self.pending).size:
            raise IndexError(size)
        (<Pending>self.pending).consume(size)

    @property
    def content(self):
        cdef Pending pending = self.pending
        return <bytes>pending.data[:pending.size] if pending.size else b""

    @property
    def capacity(self):
        return (<Pending>self.pending).capacity
