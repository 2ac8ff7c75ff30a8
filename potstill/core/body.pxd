# wsgi.input: the C-level face that the connection fills and the Python face that the application reads.

cimport cython


@cython.final
cdef class Body:
    cdef bytes _content            # the whole body while it is in memory (over-allocated while it arrives)
    cdef Py_ssize_t _size          # octets received
    cdef Py_ssize_t _position      # where the application reads, while in memory
    # an unlinked temporary file once the body has outgrown memory_max, else None
    cdef object _file
    cdef Py_ssize_t memory_max
    cdef object spool_dir          # str or None (the system's)

    # The connection's half. All need the GIL; disk I/O releases it.
    # Where up to *room octets may be received; `hint` is how many are still expected, -1 where nobody knows.
    cdef char *reserve(self, Py_ssize_t hint, Py_ssize_t *room) except NULL
    # that many have been received there
    cdef int commit(self, Py_ssize_t received) except -1
    cdef int append(self, const char *data, Py_ssize_t size) except -1
    # no more will come: ready to be read from its start
    cdef int seal(self) except -1
    # empty again, for the next exchange
    cdef void reset(self)

    cdef void _close_file(self) noexcept
    cdef int _grow(self, Py_ssize_t hint) except -1
    cdef int _resized(self, Py_ssize_t size) except -1
    cdef int _spill(self) except -1
    cdef Py_ssize_t _end(self, Py_ssize_t wanted) noexcept
    cdef Py_ssize_t _line_end(self, Py_ssize_t end) noexcept
    cdef bytes _taken(self, Py_ssize_t end)
