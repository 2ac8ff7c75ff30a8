# One client: its phases, what has been read and not used yet, its exchange, and how it ends.

from potstill.core.body cimport Body
from potstill.core.environ cimport EnvironBuilder
from potstill.core.facilities cimport Facilities
from potstill.core.http1 cimport head_t
from potstill.core.intake cimport Intake
from potstill.core.opening cimport Opening
from potstill.core.pending cimport Pending
from potstill.core.response cimport Exchange
from potstill.core.runner cimport Runner
from potstill.core.service cimport Service
from potstill.core.transport cimport Transport
from potstill.core.workspace cimport Workspace

# Phases, and what the engine is told after each step: up to PHASE_OPENING it waits, in the deadline list of that
# number; the later ones say what it has to do.
cdef enum:
    PHASE_IDLE = 0                     # between requests, no byte yet
    PHASE_HEAD = 1                     # part of a head has come
    PHASE_BODY = 2                     # the head has come, the body not wholly
    PHASE_WRITE = 3                    # the answer is made; the client has not taken all of it
    PHASE_LINGER = 4                   # refused or closing: reading and dropping, so that the client sees the answer
    PHASE_OPENING = 5                  # before HTTP: a proxy's word, the handshake of TLS
    PHASE_READY = 6                    # a whole request: call the application
    PHASE_GO_ON = 7                    # more can be done at once, but others come first
    PHASE_ENDED = 8
    PHASE_HELD = 9                     # the application wants the whole request to wait

cdef class Connection:
    cdef readonly int phase
    cdef readonly int verdict          # what the last step came to: the phase, or PHASE_GO_ON
    cdef Service service
    cdef Transport transport
    cdef EnvironBuilder builder
    cdef str remote_addr, remote_port
    cdef Opening opening               # until HTTP begins, or None
    cdef dict secured                  # what environs say of TLS; None on a plain connection
    cdef object inner_always           # what answers all that comes by its listener, or None
    cdef Pending pending               # or None: an idle connection has none
    cdef Exchange exchange             # or None: between requests
    cdef Facilities facilities         # … and what it may be asked for
    cdef object inner                  # an application of the server's own that answers it, or None
    cdef Body body                     # its wsgi.input, while it arrives
    cdef Intake intake                 # … and how it does
    cdef long long phase_octets        # received or sent when the phase's rate began to count
    cdef long long phase_since_ns
    cdef long long requests
    cdef object taken                  # the socket by which the application has talked to the client itself, or None
    cdef bint lasting                  # the client would go on after this request
    cdef bint leave                    # end it unless a request has come
    cdef bint head_only                # the request being refused is a HEAD: no body goes back
    cdef bint keep                     # after the answer has left: go on
    cdef bint abort                    # … or end with a reset, because no orderly end would tell that it was cut

    cdef void handle(self, unsigned int notes, Workspace workspace) noexcept
    cdef void run(self, Workspace workspace, Runner runner, long long noticed_ns) noexcept
    cdef void turn_away(self, Workspace workspace, int code) noexcept
    cdef void _drop_exchange(self) noexcept
    cdef void end(self, Workspace workspace) noexcept
    cdef void _go(self, int verdict) noexcept
    cdef void _log_failure(self, str what, object error) noexcept
    cdef int _handle(self, unsigned int notes, Workspace workspace) except -1
    cdef str _name(self)
    cdef int _open(self, Workspace workspace) except -1
    cdef int _expire(self, Workspace workspace) except -1
    cdef int _receive_head(self, Workspace workspace) except -1
    cdef int _read_head(self, Workspace workspace, head_t *head, const unsigned char *data, size_t size) except -1
    cdef int _begin(self, Workspace workspace, head_t *head, const unsigned char *data, size_t size) except -1
    cdef int _receive_body(self, Workspace workspace) except -1
    cdef int _begin_body(self, Workspace workspace, head_t *head, unsigned char *data, size_t size) except -1
    cdef int _begin_live(self, unsigned char *data, size_t size) except -1
    cdef void _end_live(self, Exchange exchange) noexcept
    cdef int _complete(self) except -1
    cdef int _keep_rest(self, const unsigned char *data, size_t size) except -1
    cdef bint _too_slow(self, Workspace workspace, long long octets) noexcept
    cdef int _flush(self, Workspace workspace) except -1
    cdef int _settle(self, Workspace workspace) except -1
    cdef int _close_politely(self, Workspace workspace) except -1
    cdef void _note_method(self, head_t *head, const unsigned char *data) noexcept
    cdef int _deny(self, Workspace workspace, head_t *head, const unsigned char *data, size_t size, int code) except -1
    cdef int _refuse(self, Workspace workspace, int code, dict environ=*) except -1
    cdef int _linger(self, Workspace workspace) except -1
