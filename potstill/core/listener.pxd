# A listening socket as the engine sees it.

from potstill.core.environ cimport EnvironBuilder
from potstill.core.slots cimport slot_t

cdef class Listener:
    cdef readonly object socket
    cdef EnvironBuilder builder
    cdef object tls                    # what ends TLS here (options.Security), or None
    cdef object proxies                # who has to begin with a PROXY header, or None
    cdef object application            # answers all requests without a seat, or None
    cdef slot_t *slot                  # the schedule's; NULL when it listens no more
    cdef long long deferred_ns         # since when its clients are left to other workers; 0: they are not
    cdef bint paused                   # there are as many connections as may be
    cdef str _host                     # the last client's; None before the first
    cdef int _host_family              # … its address: AF_INET or AF_INET6, and octets
    cdef unsigned char[16] _host_octets

    cdef tuple peer_of(self, void *address)
