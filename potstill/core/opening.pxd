# What comes before HTTP on a connection: the word of a proxy, and the handshake of TLS.

from potstill.core.listener cimport Listener
from potstill.core.pending cimport Pending
from potstill.core.tls cimport TlsTransport
from potstill.core.transport cimport Transport
from potstill.core.workspace cimport Workspace

# What a step comes to.
cdef enum:
    OPEN_DONE = 0                      # HTTP may begin, by `transport`
    OPEN_MORE = 1                      # the client's turn
    OPEN_PLAIN = 2                     # what came is not TLS
    OPEN_FAILED = 3                    # `failure` says why
    OPEN_LOST = 4                      # the client has gone

cdef class Opening:
    cdef Listener listener
    cdef Transport transport
    cdef TlsTransport secure           # the same one, once there is a handshake
    cdef Pending pending               # what has been read and not used; in the end: the beginning of HTTP
    cdef bint expects_proxy
    cdef bint begun                    # the client has said something
    cdef str remote_addr, remote_port
    cdef dict facts                    # what the environ says of TLS, in the end
    cdef str failure
    cdef unsigned int fields_max

    cdef int advance(self, Workspace workspace) except -1
    cdef int _read(self, Workspace workspace) except -1
    cdef int _look(self, const unsigned char *data, size_t size) except -1
    cdef int _shake(self) except -1

cdef Opening opening_of(Listener listener, Transport transport, str remote_addr, str remote_port,
                        unsigned int fields_max)
