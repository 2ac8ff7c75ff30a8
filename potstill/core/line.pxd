# A line of the access log, made of what is known of a request.

from cpython.ref cimport PyObject
from libc.time cimport time_t

from potstill.core.ledger cimport outcome_t

cdef enum:
    LINE_BYTES_MAX = 4096              # with its line feed; a pipe takes so much in one piece (PIPE_BUF)
    LITERAL_BYTES_MAX = 18             # of a format, in one step

# Where a line is being written, and within what bounds. The place itself is passed on from one to the next: it would be
# stored and loaded again for each value, as whatever is written there might change the page.
cdef struct page_t:
    const char *end
    Py_ssize_t value_max               # octets of a value beyond which it is cut
    bint aside                         # the application may be asked for its texts
    bint failed                        # something has no text

# A value, and the text behind it; half a cache line.
cdef struct step_t:
    unsigned char kind
    unsigned char as_json
    unsigned char lowest               # octet that stands for itself: the space, or the one behind it
    unsigned char fence                # which does not, as it follows the value; 0 for none
    unsigned char place                # of the key among KEYS of environ.pyx, or NOWHERE
    unsigned char size                 # of the literal
    char[LITERAL_BYTES_MAX] literal
    PyObject *key                      # borrowed from the format

cdef class LineFormat:
    cdef list _keys                    # one for each step: what it asks for
    cdef step_t *_steps                # owned
    cdef int _count
    cdef readonly bint wants_fields    # of the answer
    cdef long long _second             # of the times below
    cdef long long _until_ns           # when it is over, by the monotonic clock
    cdef char[40] _stamp               # [22/May/2015:21:01:25 +0000]
    cdef char[32] _clock               # 22/May/2015 21:01:25
    cdef char[32] _utc                 # 2015-05-22T21:01:25

    cdef Py_ssize_t render(self, char *into, const outcome_t *outcome, dict environ, list fields, bint aside) noexcept
    cdef char *_render(self, char *at, page_t *page, const outcome_t *outcome, dict environ, list fields) noexcept
    cdef char *_put_time(self, char *at, page_t *page, int kind, long long ended_ns) noexcept
    cdef void _begin_second(self, time_t second) noexcept
