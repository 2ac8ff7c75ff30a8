# One exchange's answer: start_response, write(), iteration, framing.

from potstill.core.account cimport Account
from potstill.core.answer cimport answer_t
from potstill.core.file_wrapper cimport FileWrapper
from potstill.core.flight cimport flight_t
from potstill.core.held cimport Held
from potstill.core.peer cimport peer_name
from potstill.core.transport cimport Transport
from potstill.core.workspace cimport Workspace

cdef enum:
    FRAMED_NONE = 0                    # no body: HEAD, 1xx, 204, 304
    FRAMED_LENGTH = 1
    FRAMED_CHUNKED = 2
    FRAMED_CLOSE = 3                   # the end of the connection is the end of the body

cdef class ResponseOptions:
    cdef bytes server_line             # b"Server: potstill\r\n" or b""
    cdef long long memory_max          # what waits for a client beyond it goes to disk
    cdef long long spool_max           # … and beyond that, a runner waits for its client
    cdef object spool_dir              # None: the system's
    cdef long long write_timeout_ns
    cdef long long min_rate            # bytes a second, 0: none
    cdef bint draining                 # the engine is: answers say Connection: close
    cdef bint dismissing               # … and idle connections are ended
    cdef bint forked                   # the application has forked: a child may hold our sockets
    cdef bint in_child                 # … and this is the child
    cdef bint server_timing            # answers say how long their request has waited, and been in the application
    cdef Account account               # where it is told what becomes of requests
    cdef object log                    # a logging.Logger

cdef class Exchange:
    cdef Workspace workspace           # the runner's, while the application runs; None before and after
    cdef Transport transport
    cdef ResponseOptions options
    cdef dict environ
    cdef object pending                # bytes that came behind the request, or None: a hand-over takes them along
    cdef bytes trailers                # the request's trailer section, its lines as they came, or None
    cdef str remote_addr, remote_port
    # What the request said
    cdef object method, target, version            # as it was sent
    cdef unsigned long long fields_sent            # bits of the fields in it
    cdef bint head_only                # HEAD: no body goes out whatever comes
    cdef int minor                     # HTTP/1.minor of the client
    cdef long long called_ns           # when the application was called, by the engine's clock
    cdef long long deadline_ns         # when its time is over, whatever the environ says; 0: never
    cdef long long queue_ns            # … and how long the request had waited for that
    cdef unsigned long thread          # the runner's
    cdef bint body_open                # its body has not come to its end
    cdef bint keep_alive               # may the connection go on after this answer; ends up as what was decided
    # What the application said
    cdef bint started                  # start_response was called
    cdef answer_t answer
    cdef list fields                   # … with these fields, where the access log wants them
    cdef bytes last_fields             # trailers of the answer, rendered
    cdef list callbacks                # to call when the client leaves
    cdef flight_t *waiting             # where it is to be seen while it waits; borrowed from Stats; NULL: nowhere
    cdef Held held                     # why it waits, or None: it was not postponed
    cdef object taken                  # the socket that it has taken over, or None: nothing more is sent here
    # What has happened
    cdef bint head_sent
    cdef long long first_ns            # when the head was made, of an answer in several pieces; else 0
    cdef int framing                   # FRAMED_*
    cdef long long body_sent           # octets of the body handed to the transport
    cdef bint unwatched                # no watch looks after it: none of its blocks is held back
    cdef long long pushed_ns           # when a block was last sent without waiting for the next
    cdef bint overrun                  # more came than Content-Length allows
    cdef bint cut                      # the answer is unfinished: the connection must end uncleanly
    # What the inspector has done
    cdef object interruption           # the class of the exception that it has raised in the runner's thread
    cdef bint over                     # it has ended the request: what still comes is dropped
    cdef bint departed                 # the client's leaving was told
    cdef long long interrupted_ns
    cdef long long report_ns           # the age at which it is reported next
    cdef bint complete                   # all of it has been handed to the transport
    cdef bint closing                    # close() of what the application returned is running
    cdef long long ended_ns            # when it ended the request; it may raise the exception later, at interrupted_ns
    cdef bint resigned                 # it can do no more for the request, and has said so

    cdef int _check_caller(self, str what) except -1
    cdef void respond(self, object application, Workspace workspace) noexcept
    cdef int _call(self, object application) except -1
    cdef void _account(self, Workspace workspace) noexcept
    cdef int _send_result(self, object result) except -1
    cdef int _send_sequence(self, object result) except -1
    cdef int _send_iterable(self, object result, long long total) except -1
    cdef bint _send_file(self, FileWrapper wrapper) except -1
    cdef int _send_body(self, object chunk, long long total) except -1
    cdef int _begin(self, long long total) except -1
    cdef int _flush_output(self) except -1
    cdef int _finish(self) except -1
    cdef int _wait_for_client(self) except -1
    cdef int _make_room(self) except -1
    cdef void _give_client_up(self, int level, str why) noexcept
    cdef void _close_result(self, object result) noexcept
    cdef void _fail(self) noexcept
    cdef int answer_late(self, Workspace workspace, bytes body) except -1
    cdef void _report(self, str what, object error) noexcept

cdef inline bint waits(Exchange exchange) noexcept:
    """Whether the application has postponed it, and nothing has come in between: it is called again."""
    return exchange.held is not None and not (exchange.started or exchange.over or exchange.cut
                                              or exchange.transport.lost)
