# cython: language_level=3, boundscheck=False, wraparound=False
"""What waits in a transport's queue and is not in memory: stretches of files.

An answer that a slow client does not take goes to a Spool once it is more than may be kept in memory: a temporary
file, unlinked, written at its end and sent from its beginning by sendfile(2). When it has become long another one is
begun; each segment holds a descriptor, so a file leaves the disk when the last segment of it has been sent.
"""

cimport cython
from libc.errno cimport EINTR, EPIPE, errno
from posix.time cimport timespec
from posix.types cimport off_t
from posix.unistd cimport close as close_fd, dup, write

import os

cdef extern from "<sys/sendfile.h>" nogil:
    ssize_t c_sendfile "sendfile"(int out_fd, int in_fd, off_t *offset, size_t count)

cdef extern from "<signal.h>" nogil:
    ctypedef struct sigset_t:
        pass
    int SIGPIPE, SIG_BLOCK, SIG_SETMASK
    int sigemptyset(sigset_t *signals)
    int sigaddset(sigset_t *signals, int number)
    int pthread_sigmask(int how, const sigset_t *signals, sigset_t *before)
    int sigtimedwait(const sigset_t *signals, void *information, const timespec *timeout)

cdef ssize_t sendfile_quietly(int fd, int source, off_t *offset, size_t size) noexcept nogil:
    """sendfile(2) has no MSG_NOSIGNAL: where a program has given SIGPIPE its default back, a client that leaves in the
    middle of a file would end the process."""
    cdef sigset_t pipe, before
    cdef timespec at_once
    cdef ssize_t count
    cdef int failure
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipe, &before)
    count = c_sendfile(fd, source, offset, size)
    failure = errno
    if count < 0 and failure == EPIPE:
        at_once.tv_sec = at_once.tv_nsec = 0
        sigtimedwait(&pipe, NULL, &at_once)
    pthread_sigmask(SIG_SETMASK, &before, NULL)
    (&errno)[0] = failure
    return count


@cython.final
cdef class FileSegment:
    """A stretch of a file that is still to be sent; owns its descriptor, so the application may close its own."""

    def __cinit__(self):
        self.fd = -1

    def __dealloc__(self):
        if self.fd >= 0:
            close_fd(self.fd)


@cython.final
cdef class Spool:
    """A temporary file in `directory`, None being the system's. Raises OSError where there can be none."""

    def __init__(self, directory):
        # Here because most answers never come by, and tempfile brings half of the standard library along.
        from tempfile import TemporaryFile
        self._file = TemporaryFile(buffering=0, dir=directory)
        self.fd = self._file.fileno()

    def __dealloc__(self):
        # A file that is left to be closed by its own finalizer warns about it.
        if self._file is not None:
            self._file.close()

    cdef FileSegment segment(self):
        """An empty stretch at its end, to be made longer as the file becomes longer."""
        cdef FileSegment made = FileSegment.__new__(FileSegment)
        made.fd = dup(self.fd)
        if made.fd < 0:
            raise OSError(errno, "cannot keep the spool of a response open")
        made.spooled = True
        made.offset = self.end
        return made

    cdef int append(self, const char *data, Py_ssize_t size) except -1:
        """Write at the end, without the GIL. Raises OSError when the disk is full or broken."""
        cdef int fd = self.fd
        cdef Py_ssize_t done = 0
        cdef ssize_t count
        while done < size:
            with nogil:
                count = write(fd, data + done, size - done)
            if count < 0 and errno != EINTR:
                raise OSError(errno, os.strerror(errno))
            done += max(count, 0)
        self.end += size
        return 0
