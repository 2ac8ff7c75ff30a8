# What is noted of a request when the application is called for it, or it waits for that.

from potstill.core.response cimport Exchange
from potstill.core.service cimport Service
from potstill.core.workspace cimport Workspace

cdef bint call_begin(
    Service service, Exchange exchange, Workspace workspace, long long noticed_ns, bint inner
) except -1
cdef void call_wait(Exchange exchange, Workspace workspace, long long noticed_ns) noexcept
cdef void call_expire(Service service, Exchange exchange, Workspace workspace, long long noticed_ns) noexcept
cdef void call_end(Exchange exchange, object log) noexcept
