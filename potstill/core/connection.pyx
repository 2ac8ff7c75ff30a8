# cython: language_level=3, boundscheck=False, wraparound=False
"""One client: bytes in, exchanges, bytes out, one phase at a time.

The engine hands a connection to one thread at a time, with notes of what has happened; the thread takes it as far as
it goes without waiting and leaves it in a phase, which tells the engine what to wait for and how long. Reading goes
on until the socket is drained (edge-triggered events come once), writing until it is full.

A request is parsed where the thread read it. Only what cannot be used yet is kept by the connection, in `pending`:
the beginning of a head, or a request that came behind the present one. The application is called when the body is
whole (engine.md, rule 7), so a client that stalls holds a connection, never a runner.

A refusal is answered once and its bytes are not looked at again; then the connection lingers, reading and dropping,
since a close with unread bytes would reset the connection and could take the answer with it (RFC 9112 section 9.6).

Owner: the thread that has the busy slot. Nothing here locks.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from potstill.core.body cimport Body
from potstill.core.calling cimport call_begin, call_end, call_wait
from potstill.core.facilities cimport Facilities, facilities_give, facilities_take
from potstill.core.http1 cimport (
    COMPLETE, INCOMPLETE, REFUSE_BODY_RATE, REFUSE_BODY_TIMEOUT, REFUSE_BODY_TOO_LARGE, REFUSE_HEADER_TIMEOUT,
    REFUSE_MISDIRECTED, REFUSE_NO_MEMORY, REFUSE_PLAIN_ON_TLS, REFUSE_QUEUE_TIMEOUT, REFUSE_SPOOL_FULL, head_feed,
    head_reset,
)
from potstill.core.intake cimport BODY_BLOCKED, BODY_WHOLE, RATE_GRACE_NS, Intake, live_input
from potstill.core.listener cimport Listener
from potstill.core.opening cimport OPEN_DONE, OPEN_FAILED, OPEN_LOST, OPEN_MORE, Opening, opening_of
from potstill.core.pending cimport Pending, pending_keep
from potstill.core.poll cimport NOTE_BROKEN, NOTE_DRAIN, NOTE_EXPIRED, NOTE_PEER_CLOSED, NOTE_READABLE
from potstill.core.response cimport FRAMED_CLOSE, Exchange, peer_name, waits
from potstill.core.runner cimport Runner
from potstill.core.service cimport Service, words_of
from potstill.core.stats cimport add
from potstill.core.transport cimport LOST, WOULD_BLOCK, Transport
from potstill.core.workspace cimport INPUT_BYTES, Workspace

from potstill.core.handover import is_shared

cdef enum:
    PENDING_READ_BYTES = 2048          # asked for at a time, of a head that comes in pieces
    BODY_TURNS = 4                     # reads of one body before others get their turn
    LINGER_BYTES = 65536               # dropped at the most before the connection is closed all the same


@cython.final
@cython.no_gc                          # it owns no object that could refer back to it
cdef class Connection:
    """A client on the transport it is given, who came by that listener."""

    def __cinit__(self, Service service, Transport transport, Listener listener, str remote_addr, str remote_port):
        self.service = service
        self.transport = transport
        self.builder = listener.builder
        self.inner_always = listener.application
        self.remote_addr = remote_addr
        self.remote_port = remote_port
        self.opening = opening_of(listener, transport, remote_addr, remote_port, service.limits.fields_max)
        self.phase = PHASE_IDLE if self.opening is None else PHASE_OPENING

    cdef void handle(self, unsigned int notes, Workspace workspace) noexcept:
        """Take note, and go as far as it goes without waiting. Afterwards `phase` says what to wait for."""
        try:
            self._go(self._handle(notes, workspace))
        except MemoryError:
            if self.phase >= PHASE_WRITE:      # in the middle of an answer there is no place for another
                self.end(workspace)
            else:
                self.turn_away(workspace, REFUSE_NO_MEMORY)
        except OSError as error:       # the spool: everything else on this road reports by value
            self._log_failure("cannot spool the body of a request from", error)
            self.turn_away(workspace, REFUSE_SPOOL_FULL)
        except BaseException as error:
            self._log_failure("internal error while reading from", error)
            self.end(workspace)

    cdef void run(self, Workspace workspace, Runner runner, long long noticed_ns) noexcept:
        """Call the application for the whole request that has been read, and see its answer off as far as it goes."""
        cdef Exchange exchange = self.exchange
        try:
            exchange.pending = self.pending
            if not call_begin(self.service, exchange, workspace, noticed_ns, self.inner is not None):
                self._go(self._refuse(workspace, REFUSE_QUEUE_TIMEOUT))
                return
        except BaseException as error:
            self._log_failure("internal error before the application", error)
            self.end(workspace)
            return
        exchange.pending = self.pending
        self.facilities.runner = runner
        if self.service.cancel:
            runner.hear()
        runner.exchange = exchange
        exchange.respond(self.service.application if self.inner is None else self.inner, workspace)
        runner.exchange = exchange.pending = None
        if waits(exchange):
            call_wait(exchange, workspace, noticed_ns)
            self._go(PHASE_HELD)
            return
        add(&workspace.counters.exchanges, 1)
        if self.intake is not None:
            self._end_live(exchange)
        self._drop_exchange()
        self.taken = exchange.taken
        self.keep = exchange.keep_alive and not exchange.cut
        self.abort = exchange.cut and exchange.framing == FRAMED_CLOSE
        if self.transport.queued:
            self.phase_octets, self.phase_since_ns = self.transport.sent, workspace.read_clock()
        try:
            self._go(self._settle(workspace))
        except BaseException as error:
            self._log_failure("internal error while answering", error)
            self.end(workspace)

    cdef void _end_live(self, Exchange exchange) noexcept:
        """The application has done with a body that it read itself, to its end or not."""
        cdef bytes ahead = self.intake.ahead
        try:
            if exchange.body_open:
                exchange.keep_alive = False
            elif ahead:
                self._keep_rest(<const unsigned char *>PyBytes_AS_STRING(ahead), PyBytes_GET_SIZE(ahead))
        except MemoryError:
            exchange.keep_alive = False
        self.intake = None

    cdef void _go(self, int verdict) noexcept:
        self.verdict = verdict
        if verdict != PHASE_GO_ON:     # the phase that it goes on in has been set already
            self.phase = verdict

    cdef void end(self, Workspace workspace) noexcept:
        """Close, at once and for good. Idempotent."""
        if self.phase != PHASE_ENDED:
            add(&workspace.counters.closed, 1)
            add(&workspace.counters.octets_sent, self.transport.sent)
        self.transport.shared = self.taken is not None or self.service.answers.forked
        if self.abort or self.transport.queued:
            # Where the end of the connection is the end of the body, an orderly one would make half an answer whole.
            self.transport.reset_on_close()
        self.transport.close()
        if self.taken is not None:
            self.taken.close()
            self.taken = None
        self.pending = None
        self._drop_exchange()
        self.phase = self.verdict = PHASE_ENDED

    cdef void _drop_exchange(self) noexcept:
        cdef Facilities facilities = self.facilities
        if self.exchange is not None:
            call_end(self.exchange, self.service.log)
            self.exchange.environ = self.exchange.callbacks = None     # start_response may be kept; these are not
        self.exchange = None
        self.body = None
        self.intake = None
        self.inner = None
        if facilities is not None:
            self.facilities = None
            facilities_give(self.builder, facilities)

    cdef void turn_away(self, Workspace workspace, int code) noexcept:
        """Refuse what has been read, whatever the reason."""
        try:
            self._go(self._refuse(workspace, code))
        except BaseException as error:
            self._log_failure("internal error while refusing", error)
            self.end(workspace)

    cdef str _name(self):
        return peer_name(self.remote_addr, self.remote_port)

    cdef void _log_failure(self, str what, object error) noexcept:
        try:
            self.service.log.error("%s %s: %s", what, self._name(), error,
                                   exc_info=None if isinstance(error, OSError) else error)
        except BaseException:
            pass                       # a log that fails must not take the thread with it

    # What has happened

    cdef int _handle(self, unsigned int notes, Workspace workspace) except -1:
        if notes & (NOTE_READABLE | NOTE_PEER_CLOSED | NOTE_BROKEN):
            self.transport.drained = False
        if notes & (NOTE_PEER_CLOSED | NOTE_BROKEN):
            self.transport.peer_closed = True
        if notes & NOTE_DRAIN or (notes & NOTE_EXPIRED and self.phase == PHASE_IDLE):
            self.leave = True
            self.transport.drained = False     # look once more: a request may have come
        elif notes & NOTE_EXPIRED:
            return self._expire(workspace)
        if self.phase <= PHASE_HEAD:
            return self._receive_head(workspace)
        if self.opening is not None:
            return self._open(workspace)
        if self.phase == PHASE_BODY:
            return self._receive_body(workspace)
        if self.phase == PHASE_WRITE:
            return self._flush(workspace)
        if self.phase == PHASE_LINGER:
            return self._linger(workspace)
        return self.phase

    cdef int _expire(self, Workspace workspace) except -1:
        if self.phase == PHASE_HEAD:
            return self._deny(workspace, &self.pending.head, self.pending.data, self.pending.size,
                              REFUSE_HEADER_TIMEOUT)
        if self.phase == PHASE_BODY:
            return self._refuse(workspace, REFUSE_BODY_TIMEOUT)
        if self.opening is not None:
            self.service.log.info("closed %s: not ready for HTTP within --handshake-timeout", self._name())
        elif self.phase == PHASE_WRITE:
            self.service.log.info("closed %s: no octet of the response taken within --write-timeout",
                                  self._name())
        self.end(workspace)            # what is queued for a client that does not take it is cut off by a reset
        return PHASE_ENDED

    # What comes before HTTP

    cdef int _open(self, Workspace workspace) except -1:
        cdef Opening opening = self.opening
        cdef int verdict = opening.advance(workspace)
        self.transport = opening.transport
        self.remote_addr, self.remote_port = opening.remote_addr, opening.remote_port
        if verdict == OPEN_MORE and self.service.answers.dismissing and not opening.begun:
            verdict = OPEN_LOST        # nobody who would miss an answer
        if verdict == OPEN_MORE:
            return PHASE_WRITE if self.transport.queued else PHASE_OPENING
        self.opening = None
        if verdict == OPEN_DONE:
            self.pending, self.secured, self.phase = opening.pending, opening.facts, PHASE_IDLE
            return self._receive_head(workspace)
        if verdict == OPEN_LOST:
            self.end(workspace)
            return PHASE_ENDED
        if verdict == OPEN_FAILED:
            self.service.log.info("closed %s: %s", self._name(), opening.failure)
            self.transport.shut_sending()
            self.phase_octets = 0
            return self._linger(workspace)
        return self._refuse(workspace, REFUSE_PLAIN_ON_TLS)

    # The head

    cdef int _receive_head(self, Workspace workspace) except -1:
        cdef Transport transport = self.transport
        cdef Pending pending = self.pending
        cdef Py_ssize_t count
        cdef int phase
        if pending is not None and pending.unseen:
            pending.unseen = False
            phase = self._read_head(workspace, &pending.head, pending.data, pending.size)
            if phase != PHASE_HEAD:
                return phase
        while not transport.drained:
            pending = self.pending
            if pending is None:
                count = transport.receive(<char *>workspace.input, INPUT_BYTES)
            else:
                count = transport.receive(<char *>pending.room(PENDING_READ_BYTES), PENDING_READ_BYTES)
            if count == WOULD_BLOCK:
                break
            if count <= 0:             # the end, or the client is lost: an unfinished head is nobody's request
                self.end(workspace)
                return PHASE_ENDED
            add(&workspace.counters.octets_received, count)
            if pending is None:
                head_reset(&workspace.head)
                phase = self._read_head(workspace, &workspace.head, workspace.input, count)
            else:
                pending.size += count
                phase = self._read_head(workspace, &pending.head, pending.data, pending.size)
            if phase != PHASE_HEAD:
                return phase
        if self.pending is not None:
            return PHASE_HEAD
        if self.leave or self.service.answers.dismissing:
            self.end(workspace)        # silently, as http.md has it for idle connections
            return PHASE_ENDED
        return PHASE_IDLE

    cdef int _read_head(self, Workspace workspace, head_t *head, const unsigned char *data, size_t size) except -1:
        """Feed the parser; PHASE_HEAD when more is needed, and then the bytes are kept."""
        cdef int verdict = head_feed(head, data, size, &self.service.limits)
        if verdict == COMPLETE:
            return self._begin(workspace, head, data, size)
        if verdict != INCOMPLETE:
            return self._deny(workspace, head, data, size, verdict)
        if self.pending is None:
            # Its own parser reads the same bytes once more, so that it may go on where they end.
            self.pending = Pending(self.service.limits.fields_max)
            self.pending.put(data, size)
            head_feed(&self.pending.head, self.pending.data, size, &self.service.limits)
        return PHASE_HEAD

    cdef int _begin(self, Workspace workspace, head_t *head, const unsigned char *data, size_t size) except -1:
        """A head is whole: make the exchange, and look for the body."""
        cdef Service service = self.service
        cdef EnvironBuilder builder = self.builder
        cdef Exchange exchange = Exchange.__new__(Exchange)
        cdef size_t begin = head.length
        self.requests += 1
        self.leave = False
        self._note_method(head, data)
        if head.authority.length and data[head.target.start + 4] | 0x20 == c"s" and self.secured is None:
            # RFC 9110 section 7.4: an https resource must not be given out over a connection that is not secured.
            return self._deny(workspace, head, data, size, REFUSE_MISDIRECTED)
        self.body = Body.__new__(Body)
        self.body.memory_max = service.body_memory_bytes
        self.body.spool_dir = service.spool_dir
        self.facilities = facilities_take(builder)
        self.facilities.exchange = self.exchange = exchange
        exchange.transport = self.transport
        exchange.options = service.answers
        exchange.environ = builder.build(self.facilities.base, data, head, self.body, self.remote_addr,
                                         self.remote_port)
        exchange.method, exchange.target, exchange.version = builder.method, builder.target, builder.version
        exchange.fields_sent = builder.fields_sent
        if self.secured is not None:
            exchange.environ.update(self.secured)
        exchange.remote_addr, exchange.remote_port = self.remote_addr, self.remote_port
        exchange.minor, exchange.head_only = head.minor, self.head_only
        self.lasting = head.keep_alive
        exchange.keep_alive = head.keep_alive and service.keep_alive \
            and (service.requests_max == 0 or self.requests < service.requests_max)
        if self.inner_always is not None:
            self.inner = self.inner_always
        elif service.inner is not None:
            self.inner = service.inner.get(data[head.path.start:head.path.start + head.path.length])
        if head.content_length <= 0 and not head.chunked:
            self._keep_rest(data + begin, size - begin)
            return PHASE_READY
        if service.body_bytes_max and head.content_length > service.body_bytes_max:
            return self._refuse(workspace, REFUSE_BODY_TOO_LARGE)
        return self._begin_body(workspace, head, <unsigned char *>data + head.length, size - head.length)

    cdef int _begin_body(self, Workspace workspace, head_t *head, unsigned char *data, size_t size) except -1:
        """A body is to come; data[:size] came with the head."""
        cdef Intake intake = Intake.__new__(Intake, self.service, self.transport, self.exchange, self.body)
        cdef size_t used = 0
        cdef int verdict
        intake.open(head)
        self.intake = intake
        self.phase_octets = 0
        self.phase_since_ns = workspace.now_ns
        self.exchange.body_open = True
        if not self.service.buffering and self.inner is None:
            return self._begin_live(data, size)
        if size:
            verdict = intake.take(data, size, &used)
            if verdict > COMPLETE:
                return self._refuse(workspace, verdict)
            self._keep_rest(data + used, size - used)
            if verdict == COMPLETE:
                return self._complete()
        else:
            self._keep_rest(data, 0)
            intake.send_continue()
        return self._receive_body(workspace)

    cdef int _begin_live(self, unsigned char *data, size_t size) except -1:
        """The application reads the body itself, beginning with what is here."""
        self.intake.body = self.body = None
        self.intake.ahead = data[:size]
        self.exchange.environ["wsgi.input"] = live_input(self.intake)
        self._keep_rest(data, 0)
        return PHASE_READY

    cdef void _note_method(self, head_t *head, const unsigned char *data) noexcept:
        cdef const unsigned char *method = data + head.method.start
        self.head_only = head.method.length == 4 and method[0] == c"H" and method[1] == c"E" \
            and method[2] == c"A" and method[3] == c"D"

    cdef int _keep_rest(self, const unsigned char *data, size_t size) except -1:
        """Keep what stands behind the part of the request that has been used: a pipelined request."""
        self.pending = pending_keep(self.pending, data, size, self.service.limits.fields_max)
        return 0

    # The body

    cdef int _receive_body(self, Workspace workspace) except -1:
        cdef Transport transport = self.transport
        cdef int turn, verdict
        for turn in range(BODY_TURNS):
            if transport.drained:
                return PHASE_BODY
            verdict = self.intake.receive(workspace)
            if verdict == BODY_BLOCKED:
                if transport.lost or transport.peer_closed and not transport.drained:
                    # Cut short: the application is never called for half a request (RFC 9112 section 8).
                    self.end(workspace)
                    return PHASE_ENDED
                return PHASE_BODY
            if verdict > BODY_WHOLE:
                return self._refuse(workspace, verdict)
            if verdict == BODY_WHOLE:
                if self.intake.rest_size:
                    self._keep_rest(workspace.input + self.intake.rest_at, self.intake.rest_size)
                return self._complete()
            if self._too_slow(workspace, self.intake.size):
                return self._refuse(workspace, REFUSE_BODY_RATE)
        self.phase = PHASE_BODY
        return PHASE_GO_ON

    cdef int _complete(self) except -1:
        """The body is whole: the request is."""
        self.intake.finish()
        self.intake = None
        return PHASE_READY

    cdef bint _too_slow(self, Workspace workspace, long long octets) noexcept:
        """Whether the phase has lasted long enough to be measured, and went at less than the minimum rate."""
        cdef long long lasted = workspace.now_ns - self.phase_since_ns
        return lasted > RATE_GRACE_NS and octets - self.phase_octets < self.service.min_rate * (lasted // 1_000_000_000)

    # The answer

    cdef int _settle(self, Workspace workspace) except -1:
        """The answer is made. Wait for the client to take it, then go on to its next request, or end."""
        cdef Transport transport = self.transport
        if transport.lost or self.abort:
            self.end(workspace)
            return PHASE_ENDED
        if transport.queued:
            self.phase = PHASE_WRITE
            return PHASE_WRITE if transport.full else PHASE_GO_ON
        if not self.keep:
            self.lasting |= self.taken is not None     # its last words may be on their way, and ours
            return PHASE_LINGER if is_shared(self.taken) else self._close_politely(workspace)
        if self.pending is None and transport.drained:
            return PHASE_IDLE
        self.phase = PHASE_IDLE        # there is more, or may be: no event will tell of it again
        return PHASE_GO_ON

    cdef int _flush(self, Workspace workspace) except -1:
        try:
            self.transport.flush()
        except OSError as error:
            self._log_failure("cannot read the file of the answer to", error)
            self.abort = True
        if self.transport.queued and not self.transport.full and not self.transport.lost and not self.abort:
            return PHASE_GO_ON         # a fast client of a long answer: others come in between
        if self.transport.queued and self._too_slow(workspace, self.transport.sent):
            self.service.log.info("closed %s: the response is taken at less than --min-rate",
                                  self._name())
            self.abort = True
        return self._settle(workspace)

    # Refusals and the end

    cdef int _close_politely(self, Workspace workspace) except -1:
        """The last answer has left. With bytes unread a close would be a reset, which may overtake the answer."""
        cdef Py_ssize_t count = 1
        if self.pending is None:
            count = self.transport.receive(<char *>workspace.input, INPUT_BYTES)
        if count <= 0 and not (count == WOULD_BLOCK and self.lasting):
            self.end(workspace)        # it is said to be over, by the client itself
            return PHASE_ENDED
        self.pending = None
        self.transport.shut_sending()
        self.phase_octets = max(count, 0)
        return self._linger(workspace)

    cdef int _deny(self, Workspace workspace, head_t *head, const unsigned char *data, size_t size, int code) except -1:
        self._note_method(head, data)
        return self._refuse(workspace, code, words_of(data, size, self.secured))

    cdef int _refuse(self, Workspace workspace, int code, dict environ=None) except -1:
        """Answer once, say that this is the end, and listen no more (RFC 9112 section 9.6)."""
        if environ is None and self.exchange is not None:
            environ = self.exchange.environ
        self.service.refuse(workspace, code, self.head_only, self.remote_addr, self.remote_port, environ)
        self.phase, self.pending, self.keep = PHASE_WRITE, None, False     # what fails now has been told already
        self.transport.send(workspace.output, workspace.output_size)
        self._drop_exchange()
        if self.transport.queued:
            self.phase_octets, self.phase_since_ns = self.transport.sent, workspace.read_clock()
            return PHASE_WRITE
        self.transport.shut_sending()
        self.phase_octets = 0
        return self._linger(workspace)

    cdef int _linger(self, Workspace workspace) except -1:
        """Read and drop, so that the client sees the answer rather than a reset."""
        cdef Py_ssize_t count
        if is_shared(self.taken):
            return PHASE_LINGER        # what comes is for the application; the deadline holds
        while not self.transport.drained:
            count = self.transport.receive(<char *>workspace.input, INPUT_BYTES)
            if count == WOULD_BLOCK:
                break
            self.phase_octets += max(count, 0)
            if count <= 0 or self.phase_octets >= LINGER_BYTES:
                self.end(workspace)
                return PHASE_ENDED
        return PHASE_LINGER
