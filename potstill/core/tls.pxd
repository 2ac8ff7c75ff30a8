# A transport that speaks TLS.

from potstill.core.transport cimport Transport

# What a step of the handshake comes to.
cdef enum:
    SHAKE_DONE = 0
    SHAKE_MORE = 1                     # the client's turn
    SHAKE_FAILED = 2                   # `failure` says why; the client has been told
    SHAKE_LOST = 3                     # the client has gone

ctypedef const char *octets_t

cdef class TlsTransport(Transport):
    cdef object tls                    # an ssl.SSLObject, and what lies between it and the socket
    cdef object incoming
    cdef object outgoing
    cdef bytes _rest                   # records that the socket has not taken, or None: counted in `queued`
    cdef Py_ssize_t _rest_at
    cdef object _heir                  # the SecureSocket by which the application goes on, or None
    cdef str failure                   # of the handshake
    cdef bint _established
    cdef bint _buffered                # there may be octets to be had without reading the socket
    cdef bint _parted                  # close_notify was sent: what still comes is dropped unread
    cdef bint _abrupt                  # it will end with a reset: a close_notify would make half an answer whole
    cdef bint _busy                    # a thread is inside of OpenSSL, without the GIL

    cdef int begin(self, object context, const unsigned char *data, Py_ssize_t size) except -1
    cdef int shake(self) noexcept
    cdef object give_away(self, object plain)
    cdef int _shake(self) except -1
    cdef Py_ssize_t _receive(self, char *into, Py_ssize_t room) except -3
    cdef Py_ssize_t _decrypt(self, char *into, Py_ssize_t room) except -3
    cdef Py_ssize_t _fetch(self, char *scratch, Py_ssize_t room, bint *dry) except -3
    cdef Py_ssize_t _encrypt(self, octets_t *pieces, Py_ssize_t *sizes, int count) except -1
    cdef int _push(self) except -1
    cdef void _part(self) noexcept
    cdef void _claim(self) noexcept
