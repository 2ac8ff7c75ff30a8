from potstill.core.http1 cimport limits_t
from potstill.core.response cimport ResponseOptions
from potstill.core.workspace cimport Workspace

# What all connections of an engine share: plain values, and the application.
cdef class Service:
    cdef object application
    cdef limits_t limits
    cdef long long body_bytes_max      # 0: no limit
    cdef Py_ssize_t body_memory_bytes
    cdef object spool_dir
    cdef bint keep_alive
    cdef long long requests_max        # on one connection, 0: no limit
    cdef bint buffering                # the application is called when the body is whole
    cdef long long body_timeout_ns
    cdef long long min_rate
    cdef long long request_timeout_ns  # 0: none
    cdef long long slow_ns             # a request that runs longer is reported; 0: none is
    cdef long long queue_timeout_ns    # 0: none
    cdef long long backlog_max         # 0: no limit
    cdef bint trust_request_start      # X-Request-Start is believed
    cdef bint cancel                   # requests whose client has gone are interrupted
    cdef bytes retry_after             # the field that goes with 503
    cdef dict inner                    # path as sent → application of the server's own, or None
    cdef ResponseOptions answers
    cdef object log

    cdef int refuse(self, Workspace workspace, int code, bint head_only, str addr, str port, dict environ) except -1

cdef dict words_of(const unsigned char *data, size_t size, dict secured)
