# What one engine thread works with: its input buffer, its head parser, its output buffer, its caches.

from potstill.core.flight cimport flight_t
from potstill.core.http1 cimport head_t
from potstill.core.stats cimport Stats, counters_t

cdef enum:
    INPUT_BYTES = 65536

cdef class Workspace:
    cdef unsigned char *input          # INPUT_BYTES; owned; of use while a connection is handled
    cdef head_t head                   # owned (head_init, head_free)
    cdef char *output                  # owned; grows
    cdef Py_ssize_t output_size
    cdef Py_ssize_t output_capacity
    cdef counters_t *counters          # borrowed from the Stats that `stats` keeps alive
    cdef flight_t *flight              # likewise: what this thread has in the application
    cdef Stats stats
    cdef long long now_ns              # the engine's clock, read once per turn
    cdef const long long *skew_ns      # the engine's: how far tests have moved it; NULL outside of an engine
    cdef dict status_lines             # status str → StatusLine
    cdef long long _date_s
    cdef char[40] _date

    cdef long long read_clock(self) noexcept
    cdef char *room(self, Py_ssize_t size) except NULL
    cdef int put(self, const char *data, Py_ssize_t size) except -1
    cdef int put_number(self, unsigned long long number, int base) except -1
    cdef int put_date(self) except -1
