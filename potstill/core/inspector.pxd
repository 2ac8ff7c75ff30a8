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
    cdef int _tell_departure(self, Runner runner, Exchange exchange, long long now) except -1
    cdef bint _is_due(self, Runner runner, Exchange exchange, long long now) except -1
    cdef int _end_late(self, Runner runner, Exchange exchange, long long now) except -1
    cdef int _interrupt(self, Exchange exchange, object error, long long now) except -1
    cdef int _raise_there(self, Exchange exchange, long long now) except -1
    cdef int _give_up(self, Runner runner, Exchange exchange, long long now) except -1
    cdef int _say(self, Runner runner, Exchange exchange, int level, str what, dict environ, list frames,
                  long long now) except -1
    cdef object _facts(self, Runner runner, Exchange exchange, dict environ, str stack, long long now)
