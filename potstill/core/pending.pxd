from potstill.core.http1 cimport head_t

# Bytes that were read and not used: the beginning of a head, or a pipelined request.
cdef class Pending:
    cdef unsigned char *data           # owned
    cdef size_t size, capacity
    cdef head_t head                   # owned; how far they have been parsed
    cdef bint unseen                   # nobody has looked at them yet

    cdef unsigned char *room(self, size_t size) except NULL
    cdef int put(self, const unsigned char *data, size_t size) except -1
    cdef void consume(self, size_t size) noexcept

cdef Pending pending_keep(Pending pending, const unsigned char *data, size_t size, unsigned int fields_max)
