# The engine: its threads, its listeners, and the way of a slot through them.

from potstill.core.connection cimport Connection, Service
from potstill.core.crew cimport Crew
from potstill.core.inspector cimport Inspector
from potstill.core.listener cimport Listener
from potstill.core.runner cimport Runner
from potstill.core.schedule cimport runner_t, schedule_t
from potstill.core.slots cimport slot_t
from potstill.core.stats cimport Stats
from potstill.core.workspace cimport Workspace

cdef class Engine:
    cdef object __weakref__
    cdef schedule_t schedule           # owned
    cdef readonly object options
    cdef readonly Stats stats
    cdef Service service
    cdef list _listeners
    cdef Crew crew
    cdef Inspector inspector
    cdef object _drained               # threading.Event
    cdef object log
    cdef long long connections_max
    cdef bint started, stopped, draining
    cdef dict _complained_ns           # when it last said what

    cdef int _work(self, Runner runner) except -1
    cdef void _set_to_work(self, Workspace workspace) noexcept
    cdef void _handle(self, slot_t *slot, Runner runner, Workspace workspace) noexcept
    cdef void _call(self, Connection connection, slot_t *slot, Runner runner, Workspace workspace) noexcept
    cdef void _conclude(self, Connection connection, slot_t *slot, runner_t *me, Workspace workspace) noexcept
    cdef void _accept(self, Listener listener, runner_t *me, Workspace workspace) noexcept
    cdef void _welcome(self, Listener listener, int fd, void *address, Workspace workspace) noexcept
    cdef void _after_end(self) noexcept
