# Who looks after requests that are in the application for long.

from potstill.core.response cimport Exchange
from potstill.core.runner cimport Runner
from potstill.core.workspace cimport Workspace

cdef class Inspector:
    cdef long long grace_ns            # how long an interrupted runner may take to come back
    cdef bint cancel                   # requests whose client has gone are interrupted
    cdef object log
    cdef Workspace workspace           # its own, for answers that it gives

    cdef int _look(self, Runner runner, Exchange exchange, long long now) except -1
    cdef int _tell_departure(self, Exchange exchange, long long now) except -1
    cdef int _end_late(self, Runner runner, Exchange exchange, long long now) except -1
    cdef int _interrupt(self, Exchange exchange, object error, long long now) except -1
    cdef object _facts(self, Runner runner, Exchange exchange, long long now)
