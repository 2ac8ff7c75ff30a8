# A request's body on its way in.

from potstill.core.body cimport Body
from potstill.core.http1 cimport chunks_t, head_t
from potstill.core.response cimport Exchange
from potstill.core.service cimport Service
from potstill.core.transport cimport Transport
from potstill.core.workspace cimport Workspace

# What a step comes to, besides the codes of refusals.
cdef enum:
    BODY_MORE = 0                      # INCOMPLETE
    BODY_WHOLE = 1                     # COMPLETE
    BODY_BLOCKED = -1

cdef object live_input(Intake intake)

cdef class Intake:
    cdef Service service
    cdef Transport transport
    cdef Exchange exchange
    cdef Body body                     # where it goes; None where the application reads it live
    cdef chunks_t *chunks              # owned; NULL for a body of known length
    cdef long long left                # octets of a Content-Length body still to come
    cdef long long size                # octets that have come
    cdef bint expects                  # the client waits for 100 Continue
    cdef bytes ahead                   # read before, and not looked at: what came behind the head
    cdef size_t rest_at, rest_size     # behind the body, where the last step has read: the next request

    cdef int open(self, head_t *head) except -1
    cdef int send_continue(self) except -1
    cdef int take(self, unsigned char *data, size_t size, size_t *used) except -1
    cdef int receive(self, Workspace workspace) except -2
    cdef int _unpack(self, unsigned char *data, size_t size, size_t *used, size_t *packed) except -1
    cdef int finish(self) except -1
    cdef Py_ssize_t read_live(self, char *into, Py_ssize_t room) except -1
    cdef Py_ssize_t _read_raw(self, char *into, Py_ssize_t room) except -1
