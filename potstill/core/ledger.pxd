# What has become of requests, by route and class of status, in memory that processes may share.

from cpython.ref cimport PyObject

from potstill.core.histogram cimport histogram_t

cdef enum:
    ROUTES_MAX = 64                    # further ones are counted together
    ROUTE_BYTES = 64                   # of a route's name; longer ones are cut
    CLASSES = 6                        # of status: 1xx to 5xx, and at 0 what ended without one

cdef enum:
    NAMED_BYTES = 64                   # of a request's id

# The slowest request of the last minute: an example of what the histograms count.
cdef struct exemplar_t:
    long long total_ns                 # 0: there is none, or another one is being written
    long long at_ns                    # by CLOCK_MONOTONIC
    char[NAMED_BYTES] request_id       # "" where it had none

# What one request was like.
cdef struct outcome_t:
    PyObject *method                   # what the client sent, for the access log; borrowed; NULL: none is known
    PyObject *target
    PyObject *version
    unsigned long long fields_sent     # bits of the fields that it had
    int code                           # its status; 0: none was sent
    long long ended_ns                 # by CLOCK_MONOTONIC
    long long queue_ns
    long long application_ns
    long long first_byte_ns            # from its arrival to the head of the answer
    long long received                 # octets of its body
    long long sent                     # octets of the answer's body

cdef struct row_t:
    histogram_t queue                  # times in nanoseconds, by the microsecond
    histogram_t application
    histogram_t total
    histogram_t first_byte
    histogram_t received               # octets, each by itself
    histogram_t sent
    exemplar_t exemplar

cdef struct ledger_t:
    long long routes                   # names in use
    char[ROUTES_MAX][ROUTE_BYTES] names
    long long[ROUTES_MAX][CLASSES] used        # a row that was never used is never touched, and costs no memory
    row_t[ROUTES_MAX][CLASSES] rows

cdef class Ledger:
    cdef object _mapping               # the anonymous shared mapping that owns the memory
    cdef ledger_t *_memory             # inside of it
    cdef dict _routes                  # name → number, of the routes that this process has seen
    cdef str _last                     # the last name asked for …
    cdef int _number                   # … and its number
    cdef int route(self, object name) except -1
    cdef bint enter(self, int route, const outcome_t *outcome) noexcept
    cdef void remember(self, int route, const outcome_t *outcome, object request_id) noexcept
    cdef int _new_route(self, bytes name) noexcept
