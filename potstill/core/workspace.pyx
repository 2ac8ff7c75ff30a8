# cython: language_level=3, boundscheck=False, wraparound=False
"""The tools of one engine thread.

A thread reads into its own input buffer, parses there and, if a whole request came, is done with the bytes when the
application is called. So a connection owns memory only while it waits for the rest of something, and an idle one owns
none (engine.md, rule 10). The output buffer holds a response's head, and small bodies behind it, until they are sent.
"""

cimport cython
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy
from libc.time cimport time, time_t, tm

from potstill.core.http1 cimport head_free, head_init
from potstill.core.poll cimport clock_ns
from potstill.core.stats cimport Stats

cdef extern from "<time.h>" nogil:
    tm *gmtime_r(const time_t *timer, tm *result)

cdef extern from "<stdio.h>" nogil:
    int snprintf(char *into, size_t size, const char *format, ...)

cdef enum:
    OUTPUT_BYTES_FIRST = 65536
    DATE_LINE_BYTES = 37               # "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

cdef const char *DAYS = b"SunMonTueWedThuFriSat"
cdef const char *MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"


@cython.final
cdef class Workspace:
    """Buffers and caches of the engine thread number `thread`, which counts in that slot of `stats`."""

    def __cinit__(self, Stats stats, int thread, unsigned int fields_max):
        self.stats = stats
        self.counters = stats.slot(thread)
        self.flight = stats.flight(thread)
        self.status_lines = {}
        self._date_s = -1
        self.input = <unsigned char *>malloc(INPUT_BYTES)
        self.output = <char *>malloc(OUTPUT_BYTES_FIRST)
        self.output_capacity = OUTPUT_BYTES_FIRST
        if self.input == NULL or self.output == NULL or head_init(&self.head, fields_max) != 0:
            raise MemoryError

    def __dealloc__(self):
        free(self.input)
        free(self.output)
        head_free(&self.head)

    cdef long long read_clock(self) noexcept:
        """The engine's clock now, where a turn has lasted long enough to ask again."""
        self.now_ns = clock_ns() + (self.skew_ns[0] if self.skew_ns != NULL else 0)
        return self.now_ns

    cdef char *room(self, Py_ssize_t size) except NULL:
        """Where `size` more bytes of output may be written; the caller adds what it wrote to output_size."""
        cdef Py_ssize_t capacity = self.output_capacity
        cdef char *grown
        if self.output_size + size > capacity:
            while self.output_size + size > capacity:
                capacity *= 2
            grown = <char *>realloc(self.output, capacity)
            if grown == NULL:
                raise MemoryError
            self.output = grown
            self.output_capacity = capacity
        return self.output + self.output_size

    cdef int put(self, const char *data, Py_ssize_t size) except -1:
        memcpy(self.room(size), data, size)
        self.output_size += size
        return 0

    cdef int put_number(self, unsigned long long number, int base) except -1:
        """The number's digits in base 10 or 16; snprintf would cost as much as the rest of a head."""
        cdef char[20] digits
        cdef int at = 20
        cdef int digit
        while True:
            digit = number % base
            at -= 1
            digits[at] = c"0" + digit if digit < 10 else c"a" + digit - 10
            number //= base
            if number == 0:
                return self.put(digits + at, 20 - at)

    cdef int put_date(self) except -1:
        """The Date field (RFC 9110 section 6.6.1), formatted once a second and without the locale's help."""
        cdef time_t now = time(NULL)
        cdef tm utc
        if now != self._date_s:
            gmtime_r(&now, &utc)
            snprintf(self._date, sizeof(self._date), b"Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                     DAYS + 3 * utc.tm_wday, utc.tm_mday, MONTHS + 3 * utc.tm_mon, utc.tm_year + 1900,
                     utc.tm_hour, utc.tm_min, utc.tm_sec)
            self._date_s = now
        return self.put(self._date, DATE_LINE_BYTES)


class WorkspaceFace:
    """The Python face, for tests: one thread's output buffer."""

    def __init__(self, fields_max=100):
        self.workspace = Workspace(Stats(1), 0, fields_max)

    def put(self, data: bytes):
        (<Workspace>self.workspace).put(data, len(data))

    def put_date(self):
        (<Workspace>self.workspace).put_date()

    def take(self):
        """What was put since the last time."""
        cdef Workspace workspace = self.workspace
        taken = workspace.output[:workspace.output_size]
        workspace.output_size = 0
        return taken

    @property
    def capacity(self):
        return (<Workspace>self.workspace).output_capacity
