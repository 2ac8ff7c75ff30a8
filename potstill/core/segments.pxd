# Stretches of files that wait in a transport's queue, and the temporary file that slow clients' answers go to.

from posix.types cimport off_t

cdef class FileSegment:
    cdef int fd                        # owned, once the segment is queued
    cdef off_t offset
    cdef long long left
    cdef bint spooled                  # of a Spool, not of a file of the application's

cdef class Spool:
    cdef object _file                  # unlinked, unbuffered; owns the descriptor
    cdef int fd
    cdef long long end                 # octets in it

    cdef FileSegment segment(self)
    cdef int append(self, const char *data, Py_ssize_t size) except -1

cdef ssize_t sendfile_quietly(int fd, int source, off_t *offset, size_t size) noexcept nogil
