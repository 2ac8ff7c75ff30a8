# The engine: its threads, its listeners, and the way of a slot through them.

from potstill.core.connection cimport Connection, Service
from potstill.core.listener cimport Listener
from potstill.core.schedule cimport runner_t, schedule_t
from potstill.core.slots cimport slot_t
from potstill.core.stats cimport Stats
from potstill.core.workspace cimport Workspace

cdef class Engine:
    cdef object __weakref__
    cdef schedule_t schedule           # owned
    cdef runner_t *runners             # owned; one a thread
    cdef readonly object options
    cdef readonly Stats stats
    cdef Service service
    cdef list _listeners
    cdef list _threads
    cdef object _drained               # threading.Event
    cdef object log
    cdef long long connections_max
    cdef bint started, stopped, is_shut, draining
    cdef long long _complained_ns      # when it last said that it could not accept

    cdef int _work(self, runner_t *me, Workspace workspace) except -1
    cdef void _set_to_work(self, Workspace workspace) noexcept
    cdef void _handle(self, slot_t *slot, runner_t *me, Workspace workspace) noexcept
    cdef void _call(self, Connection connection, slot_t *slot, runner_t *me, Workspace workspace) noexcept
    cdef void _conclude(self, Connection connection, slot_t *slot, runner_t *me, Workspace workspace) noexcept
    cdef void _accept(self, Listener listener, runner_t *me, Workspace workspace) noexcept
    cdef void _welcome(self, Listener listener, int fd, void *address, Workspace workspace) noexcept
    cdef void _after_end(self) noexcept
    cdef bint _in_hand(self, slot_t *slot) noexcept
