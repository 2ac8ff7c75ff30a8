# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""wsgi.input: filled by the connection, then read by the application.

A body is one bytes object while it is small and an unlinked temporary file once it has outgrown `memory_max`.
It is written in one go (reserve and commit, or append), sealed, and only then read, so that the two halves
never meet.

The bytes object is written to while it grows, which Python allows to whoever made it and has the only
reference. That is this class until `seal`: nothing hands `_content` out before, and `_resized` takes care to
hold one reference and no more. `_size` octets of it are the body, the rest is room. It grows by doubling and
only as octets arrive: what a Content-Length announces may shorten an allocation, never lengthen it beyond
FIRST_ROOM or twice what has come. Where the announced length is what comes, the object ends exactly full, and
read() gives away the very object that the socket was received into.

In a file, `_content` is the room for the next portion, and the file keeps position and content.
"""
cimport cython
from cpython.buffer cimport PyBUF_READ, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.string cimport memchr, memcpy

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1
    Py_ssize_t PyNumber_AsSsize_t(object number, PyObject *overflow) except? -1

cdef enum:
    FIRST_ROOM = 65536             # the most that is allocated before anything has come
    FIRST_ROOM_UNKNOWN = 16384     # … where the length is not known either
    FILE_ROOM = 65536              # what is received at a time for the file
    MEMORY_MAX = 1 << 20


@cython.final
@cython.freelist(64)
@cython.no_gc
cdef class Body:
    """The request's body as a binary file: readable, seekable, at its end for ever once it has been read."""

    def __cinit__(self):
        self._content = b""
        self._size = self._position = 0
        self._file = None
        self.memory_max = MEMORY_MAX
        self.spool_dir = None

    def __dealloc__(self):
        # A file that is left to be closed by its own finalizer warns about it.
        self._close_file()

    # The connection's half

    cdef char *reserve(self, Py_ssize_t hint, Py_ssize_t *room) except NULL:
        """Where octets may be received, and how many: no more than `hint`, what is still expected."""
        cdef Py_ssize_t start = self._size
        if self._file is None and self._size >= self.memory_max:
            self._spill()
        if self._file is not None:
            start = 0
        elif self._size == PyBytes_GET_SIZE(self._content):
            self._grow(hint)
        room[0] = PyBytes_GET_SIZE(self._content) - start
        if 0 <= hint < room[0]:
            room[0] = hint
        return PyBytes_AS_STRING(self._content) + start

    cdef int commit(self, Py_ssize_t received) except -1:
        if self._file is not None and received:
            self._file.write(PyMemoryView_FromMemory(PyBytes_AS_STRING(self._content), received, PyBUF_READ))
        self._size += received
        return 0

    cdef int append(self, const char *data, Py_ssize_t size) except -1:
        if self._file is None and self._size + size > self.memory_max:
            self._spill()
        if self._file is not None:
            self._file.write(PyMemoryView_FromMemory(<char *>data, size, PyBUF_READ))
        elif size:
            if self._size + size > PyBytes_GET_SIZE(self._content):
                self._resized(max(self._size + size, min(2 * self._size, self.memory_max)))
            memcpy(PyBytes_AS_STRING(self._content) + self._size, data, size)
        self._size += size
        return 0

    cdef int seal(self) except -1:
        if self._file is not None:
            self._content = b""
            self._file.seek(0)
        elif self._size != PyBytes_GET_SIZE(self._content):
            self._resized(self._size)
        self._position = 0
        return 0

    cdef void reset(self):
        self._close_file()
        self._content = b""
        self._size = self._position = 0

    cdef void _close_file(self) noexcept:
        """After an error of the disk, closing tries to write once more and fails once more: no news."""
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError:
            pass
        self._file = None

    cdef int _grow(self, Py_ssize_t hint) except -1:
        """Makes room behind the octets that have come, for `hint` more at the most."""
        cdef Py_ssize_t most = self.memory_max
        cdef Py_ssize_t first = FIRST_ROOM_UNKNOWN
        if hint >= 0:
            first = FIRST_ROOM
            if hint < most - self._size:
                most = self._size + hint
        return self._resized(min(max(2 * self._size, first), most))

    cdef int _resized(self, Py_ssize_t size) except -1:
        """Gives `_content` this size; what it holds stays. On MemoryError the body is empty."""
        cdef PyObject *private = NULL
        if PyBytes_GET_SIZE(self._content) == 0 or size == 0:
            # The empty bytes object is everybody's: never resized, only replaced.
            self._content = PyBytes_FromStringAndSize(NULL, size)
            return 0
        # From here to the assignment the one reference is in `private`, for _PyBytes_Resize wants to see no
        # other; it moves the object, or frees it where there is no memory.
        private = <PyObject *>self._content
        Py_INCREF(self._content)
        self._content = b""
        try:
            _PyBytes_Resize(&private, size)
        except MemoryError:
            self._size = 0
            raise
        self._content = <bytes>private
        Py_DECREF(self._content)
        return 0

    cdef int _spill(self) except -1:
        """Moves the body to a file."""
        # Here because most servers never come by, and tempfile brings half of the standard library along.
        from tempfile import TemporaryFile
        self._file = TemporaryFile(dir=self.spool_dir)
        self._file.write(PyMemoryView_FromMemory(PyBytes_AS_STRING(self._content), self._size, PyBUF_READ))
        self._content = PyBytes_FromStringAndSize(NULL, FILE_ROOM)
        return 0

    # The application's half

    def read(self, size=-1):
        cdef Py_ssize_t wanted = octets_wanted(size)
        if self._file is not None:
            # A file allocates what it is asked for before it looks at what it has.
            return self._file.read(min(wanted, self._size))
        return self._taken(self._end(wanted))

    read1 = read

    def readline(self, size=-1):
        cdef Py_ssize_t wanted = octets_wanted(size)
        if self._file is not None:
            return self._file.readline(wanted)
        return self._taken(self._line_end(self._end(wanted)))

    def readlines(self, hint=-1):
        cdef Py_ssize_t wanted = octets_wanted(hint), total = 0
        lines = []
        for line in self:
            lines.append(line)
            total += len(line)
            if 0 < wanted <= total:
                break
        return lines

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def readinto(self, buffer):
        cdef Py_buffer view
        cdef Py_ssize_t size
        if self._file is not None:
            return self._file.readinto(buffer)
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            size = self._end(view.len) - self._position
            if size > 0:
                memcpy(view.buf, PyBytes_AS_STRING(self._content) + self._position, size)
                self._position += size
            return max(size, 0)
        finally:
            PyBuffer_Release(&view)

    readinto1 = readinto

    def seek(self, offset, whence=0):
        cdef Py_ssize_t position
        if self._file is not None:
            return self._file.seek(offset, whence)
        if whence not in (0, 1, 2):
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        position = PyNumber_AsSsize_t(offset, <PyObject *>OverflowError)
        if whence == 0 and position < 0:
            raise ValueError(f"negative seek value {position}")
        self._position = max(0, position + (0, self._position, self._size)[whence])
        return self._position

    def tell(self):
        return self._position if self._file is None else self._file.tell()

    def readable(self):
        return True

    def writable(self):
        return False

    def seekable(self):
        return True

    def flush(self):
        pass

    def close(self):
        """Does nothing: the body is the server's, and closing it early harms nobody."""

    @property
    def closed(self):
        return False

    cdef Py_ssize_t _end(self, Py_ssize_t wanted) noexcept:
        """Where `wanted` octets from here end; never before here."""
        if self._position >= self._size:
            return self._position
        return self._size if wanted < 0 or wanted > self._size - self._position else self._position + wanted

    cdef Py_ssize_t _line_end(self, Py_ssize_t end) noexcept:
        """Behind the first LF before `end`, or `end`."""
        cdef const char *content = PyBytes_AS_STRING(self._content)
        cdef const char *found
        if end == self._position:
            return end
        found = <const char *>memchr(content + self._position, c'\n', end - self._position)
        return end if found == NULL else found - content + 1

    cdef bytes _taken(self, Py_ssize_t end):
        """The octets from here to `end`; without copying where they are all there is."""
        cdef Py_ssize_t start = self._position
        if end == start:
            return b""
        self._position = end
        if start == 0 and end == PyBytes_GET_SIZE(self._content):
            return self._content
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(self._content) + start, end - start)

    # For tests

    @staticmethod
    def from_bytes(bytes data, *, memory_max=MEMORY_MAX, spool_dir=None):
        return Body.from_pieces([data], memory_max=memory_max, spool_dir=spool_dir)

    @staticmethod
    def from_pieces(pieces, *, announced=None, memory_max=MEMORY_MAX, spool_dir=None):
        cdef Body body = Body()
        body.memory_max = memory_max
        body.spool_dir = spool_dir
        for piece in pieces:
            if announced is None:
                body.append(piece, len(piece))
            else:
                receive(body, piece, announced)
        body.seal()
        return body

    @property
    def spooled(self):
        return self._file is not None


cdef Py_ssize_t octets_wanted(object size) except? -2:
    """An argument as io.BytesIO takes it: None or negative is all of it."""
    if size is None:
        return -1
    return max(-1, PyNumber_AsSsize_t(size, NULL))


cdef int receive(Body body, bytes piece, Py_ssize_t announced) except -1:
    """Does what a connection does when a piece arrives from the socket."""
    cdef Py_ssize_t room = 0, at = 0, portion
    cdef char *into
    while at < len(piece):
        into = body.reserve(announced - body._size if announced >= 0 else -1, &room)
        assert room > 0
        portion = min(room, len(piece) - at)
        memcpy(into, <const char *>piece + at, portion)
        body.commit(portion)
        at += portion
    return 0
