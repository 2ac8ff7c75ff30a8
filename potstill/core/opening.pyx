# cython: language_level=3, boundscheck=False, wraparound=False
"""What comes before HTTP on a connection: the word of a proxy (`potstill.net.proxy_protocol`), then TLS.

A connection has an Opening only where its listener asks for one of the two, and only until it is over. The first octets
are read by a plain transport: OpenSSL is not troubled before they look like a handshake, so that who sends nothing
costs nothing, and who speaks plain HTTP to a port of TLS can be answered in words that he understands.

Owner: the connection's.
"""

cimport cython

from potstill.core.pending cimport Pending, pending_keep
from potstill.core.stats cimport add
from potstill.core.tls cimport SHAKE_DONE, SHAKE_FAILED, SHAKE_MORE
from potstill.core.transport cimport WOULD_BLOCK
from potstill.core.workspace cimport INPUT_BYTES

from potstill.net.proxy_protocol import ProxyProtocolError, read_header

cdef enum:
    PENDING_READ_BYTES = 2048          # asked for at a time, of what comes in pieces
    HANDSHAKE = 22                     # the type of the record that a client begins with (RFC 8446 section 5.1)


cdef Opening opening_of(Listener listener, Transport transport, str remote_addr, str remote_port,
                        unsigned int fields_max):
    """The Opening of a new connection; None where HTTP begins at once."""
    cdef bint expects_proxy = listener.proxies is not None and remote_addr in listener.proxies
    cdef Opening opening
    if listener.tls is None and not expects_proxy:
        return None
    opening = Opening(listener, transport, remote_addr, remote_port, fields_max)
    opening.expects_proxy = expects_proxy
    return opening


@cython.final
cdef class Opening:
    """Takes a connection from its first octet to where HTTP begins."""

    def __cinit__(self, Listener listener, Transport transport, str remote_addr, str remote_port,
                  unsigned int fields_max):
        self.listener = listener
        self.transport = transport
        self.remote_addr = remote_addr
        self.remote_port = remote_port
        self.fields_max = fields_max

    cdef int advance(self, Workspace workspace) except -1:
        """As far as it goes without waiting: OPEN_*."""
        if self.secure is None:
            return self._read(workspace)
        self.secure.flush()
        return self._shake()

    cdef int _read(self, Workspace workspace) except -1:
        cdef Pending pending
        cdef Py_ssize_t count
        cdef int verdict
        while True:
            pending = self.pending
            if pending is None:
                count = self.transport.receive(<char *>workspace.input, INPUT_BYTES)
            else:
                count = self.transport.receive(<char *>pending.room(PENDING_READ_BYTES), PENDING_READ_BYTES)
            if count == WOULD_BLOCK:
                return OPEN_MORE
            if count <= 0:
                return OPEN_LOST
            self.begun = True
            add(&workspace.counters.octets_received, count)
            if pending is None:
                verdict = self._look(workspace.input, count)
            else:
                pending.size += count
                verdict = self._look(pending.data, pending.size)
            if verdict != OPEN_MORE or self.secure is not None:
                return verdict

    cdef int _look(self, const unsigned char *data, size_t size) except -1:
        """Use what is there, and keep what cannot be used yet."""
        cdef size_t at = 0
        if self.expects_proxy:
            try:
                header = read_header(data[:size])
            except ProxyProtocolError as error:
                self.failure = str(error)
                return OPEN_FAILED
            if header is None:
                self.pending = pending_keep(self.pending, data, size, self.fields_max)
                return OPEN_MORE
            if header.address:
                self.remote_addr, self.remote_port = header.address, header.port
            self.expects_proxy = False
            at = header.length
        if self.listener.tls is None:
            self.pending = pending_keep(self.pending, data + at, size - at, self.fields_max)
            return OPEN_DONE
        if at == size:
            self.pending = None
            return OPEN_MORE
        if data[at] != HANDSHAKE:
            return OPEN_PLAIN
        self.secure = TlsTransport(self.transport.fd)
        self.transport.fd = -1         # it has another owner
        self.transport = self.secure
        self.secure.begin(self.listener.tls.context, data + at, size - at)
        self.pending = None
        return self._shake()

    cdef int _shake(self) except -1:
        cdef int verdict = self.secure.shake()
        if verdict == SHAKE_DONE:
            self.facts = self.listener.tls.facts(self.secure.tls)
            return OPEN_DONE
        if verdict == SHAKE_MORE:
            return OPEN_MORE
        if verdict == SHAKE_FAILED:
            self.failure = f"no TLS handshake: {_plainly(self.secure.failure)}"
            return OPEN_FAILED
        return OPEN_LOST


cdef str _plainly(str reason):
    """OpenSSL's reason for a failure, as the end of a sentence."""
    if reason == "CALLBACK_FAILED":    # the choice by name (potstill.net.tls)
        return "there is no certificate for the host that it asked for"
    return reason.replace("_", " ").lower() if reason.isupper() else reason
