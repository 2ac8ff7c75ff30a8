from potstill.core.http1 cimport limits_t
from potstill.core.response cimport ResponseOptions

# What all connections of an engine share: plain values, and the application.
cdef class Service:
    cdef object application
    cdef limits_t limits
    cdef long long body_bytes_max      # 0: no limit
    cdef Py_ssize_t body_memory_bytes
    cdef object spool_dir
    cdef bint keep_alive
    cdef long long requests_max        # on one connection, 0: no limit
    cdef long long min_rate
    cdef ResponseOptions answers
    cdef object log
