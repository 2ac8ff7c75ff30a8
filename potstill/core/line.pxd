# A line of the access log, made of what is known of a request.

from cpython.ref cimport PyObject
from libc.time cimport time_t

from potstill.core.ledger cimport outcome_t

cdef enum:
    LINE_BYTES_MAX = 4096              # with its line feed; a pipe takes so much in one piece (PIPE_BUF)

# Where a line is being written.
cdef struct page_t:
    char *at
    char *end
    Py_ssize_t value_max               # octets of a value beyond which it is cut
    bint full                          # something found no room

cdef struct step_t:
    int kind
    bint as_json
    const unsigned char *unsafe        # 256 octets: which do not stand for themselves in its value; borrowed
    PyObject *key                      # borrowed from the format
    const char *text                   # of a literal, borrowed from the key
    Py_ssize_t size

cdef class LineFormat:
    cdef list _keys                    # one for each step: a text's octets, or the key that is asked for
    cdef step_t *_steps                # owned
    cdef int _count
    cdef readonly bint wants_fields    # of the answer
    cdef long long _second             # of the times below
    cdef long long _until_ns           # when it is over, by the monotonic clock
    cdef char[40] _stamp               # [22/May/2015:21:01:25 +0000]
    cdef char[32] _clock               # 22/May/2015 21:01:25
    cdef char[32] _utc                 # 2015-05-22T21:01:25

    cdef Py_ssize_t render(self, char *into, const outcome_t *outcome, dict environ, list fields) except -1
    cdef int _render(self, page_t *page, const outcome_t *outcome, dict environ, list fields) except -1
    cdef int _put_time(self, page_t *page, int kind, long long ended_ns) except -1
    cdef void _begin_second(self, time_t second) noexcept
