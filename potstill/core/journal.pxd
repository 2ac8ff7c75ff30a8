# The access log: which requests have a line, and the way of the lines to their file.

from potstill.core.counting cimport load
from potstill.core.ledger cimport outcome_t
from potstill.core.line cimport LineFormat

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass

# Lines on their way. Written by whoever holds the GIL, read by the writer's thread without it: the one moves `written`,
# and `limit` where it begins a new lap; the other moves `read`. Both are positions: laps, and the place in this one.
cdef struct ring_t:
    char *octets                       # owned
    long long written
    long long limit                    # where the lap before ended
    long long read

# What the writer is told, and what it tells.
cdef struct writer_t:
    long long asleep                   # it has to be woken for the next line
    long long failure                  # errno of the last write or opening that failed; taken by who complains of it
    bint hurry, ended, reopen
    pthread_mutex_t lock
    pthread_cond_t news
    int fd                             # its own
    bint datagrams                     # one a line
    bint regular                       # a file, which takes any number of lines in one piece
    const char *path                   # borrowed; NULL: nothing to open anew
    const char *prefix                 # of a datagram, in front of the time; borrowed
    const char *name                   # … and behind it

cdef class Journal:
    cdef LineFormat _format
    cdef list _rules                   # (path as octets, whether longer ones are meant too, first status, last status)
    cdef double _sample
    cdef long long _slower_ns
    cdef ring_t _ring
    cdef long long _at                 # where the next line is to stand, a position
    cdef bint _writing                 # there stands a part of it
    cdef writer_t _writer
    cdef double _luck                  # of the sampling: what is left over
    cdef tuple _kept                   # the octets that the writer borrows
    cdef object _log
    cdef object _complained_at
    cdef readonly bint wants_fields

    cdef int record(self, const outcome_t *outcome, dict environ, list fields, long long *dropped) noexcept
    cdef bint _is_wanted(self, const outcome_t *outcome) noexcept
    cdef Py_ssize_t _write(self, const outcome_t *outcome, dict environ, list fields) noexcept
    cdef char *_room(self) noexcept
    cdef void _commit(self, Py_ssize_t size) noexcept
    cdef void _wake(self, bint reopen) noexcept
    cdef void _complain(self) noexcept
