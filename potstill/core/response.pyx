# cython: language_level=3, boundscheck=False, wraparound=False
"""One exchange's answer: start_response, write(), the iterable, and how they are framed (PEP 3333, RFC 9112 section
6).

An Exchange is the start_response that the application is given. Its life: start_response checks status and fields and
renders them into the runner's output buffer; the first octets of the body, or the end, complete the head with what
frames the body and send both together; the end sends the last chunk, or finds that the octets and the Content-Length
disagree.

One place counts octets (`body_sent`). Whatever goes wrong before the head has left becomes a 500; whatever goes wrong
later sets `cut`, and the connection then ends in a way that no client takes for a complete answer. An answer is
refused, never repaired: a field with a line break in it is an error that names the field.

Owner: the runner that calls the application. From any other thread, and after the request, `write` and start_response
raise.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport PyObject

from potstill.core.account cimport put_timing
from potstill.core.answer cimport answer_render
from potstill.core.flight cimport FLIGHT_RUNNING, FLIGHT_WRITING, flight_begin
from potstill.core.ledger cimport outcome_t
from potstill.core.peer cimport peer_name
from potstill.core.poll cimport clock_ns, wait_writable
from potstill.core.raising cimport withdraw
from potstill.core.stats cimport add, store, take
from potstill.core.transport cimport Transport
from potstill.core.workspace cimport Workspace

import io
import logging
import os
import stat
import sys

from potstill.core.forks import leave_child

cdef extern from "pythread.h" nogil:
    unsigned long PyThread_get_thread_ident()

cdef enum:
    JOINED_BYTES_MAX = 32768           # a body up to so long is copied behind its head, and both leave in one call

cdef long long TOGETHER_NS = 1_000_000            # small blocks that come so soon after another may share a packet
cdef long long RATE_GRACE_NS = 10_000_000_000     # a minimum rate is asked for after so long

@cython.final
cdef class ResponseOptions:
    """What is the same for every answer of an engine."""

    def __cinit__(self, options, Account account not None, log):
        header = options.server_header
        self.server_line = f"Server: {header}\r\n".encode("latin-1") if header else b""
        self.memory_max = options.response_memory_bytes
        self.spool_max = options.response_spool_bytes
        self.spool_dir = options.spool_dir
        self.write_timeout_ns = <long long>(options.write_timeout_s * 1e9)
        self.min_rate = options.min_rate_bytes_s
        self.server_timing = options.server_timing
        self.account = account
        self.log = log


@cython.final
@cython.freelist(32)
@cython.no_gc                          # a cycle through environ is broken when the response has ended
cdef class Exchange:
    """The start_response of one request, and the response that becomes of it."""

    # The application's half

    def __call__(self, status, headers, exc_info=None):
        """start_response (PEP 3333): returns write().

        Raises AssertionError when called twice without exc_info, TypeError or ValueError for a status or a field that
        must not be sent, and exc_info's own exception once the head has left.
        """
        if exc_info is not None:
            try:
                if self.head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None        # PEP 3333: no cycle through the traceback
        elif self.started:
            raise AssertionError("start_response was called twice without exc_info (PEP 3333)")
        self._check_caller("start_response")
        self.started = False
        answer_render(&self.answer, self.workspace, status, headers)
        self.started = True
        if self.options.account.wants_fields:
            self.fields = list(headers)
        return self.write

    def write(self, data, /):
        """Send body octets at once (PEP 3333, "The write() Callable")."""
        self._check_caller("write()")
        if not self.started:
            raise AssertionError("write() was called before start_response")
        self._send_body(data, -1)

    cdef int _check_caller(self, str what) except -1:
        """The output buffer is the runner's: nobody else may write to it, then or later."""
        if self.workspace is None:
            raise RuntimeError(f"{what} was called after its request had ended")
        if self.over:
            raise self.interruption(f"{what} was called after its request had been ended")
        if self.thread != PyThread_get_thread_ident():
            raise RuntimeError(f"{what} was called from another thread than the one that called the application")
        return 0

    # The runner's half

    cdef void respond(self, object application, Workspace workspace) noexcept:
        """Call the application and send its answer. Nothing that it does comes out of here."""
        self.workspace = workspace
        self.thread = PyThread_get_thread_ident()
        workspace.output_size = 0
        flight_begin(workspace.flight, FLIGHT_RUNNING, self.called_ns, self.queue_ns, self.method, self.target,
                     self.remote_addr, self.remote_port)
        try:
            try:
                self._call(application)
            except BaseException:      # SystemExit and KeyboardInterrupt of a view end its request, not the server
                self._fail()
        except BaseException:
            self.cut = True            # the report itself failed; there is nobody left to tell
        self.transport.more = False    # what failed on the way may have left it
        if self.options.in_child:
            leave_child(None)
        self.workspace = None
        if self.interruption is not None:
            withdraw()                 # it must not arrive in the next request
        if waits(self):
            store(&workspace.flight.since_ns, 0)
        else:
            self._account(workspace)

    cdef void _account(self, Workspace workspace) noexcept:
        """Tell what has become of the request."""
        cdef outcome_t outcome
        outcome.code = self.answer.code if self.head_sent else 101 if self.taken is not None else 0
        outcome.queue_ns = self.queue_ns
        outcome.ended_ns = workspace.read_clock()
        outcome.application_ns = max(outcome.ended_ns - self.called_ns, 0)
        outcome.first_byte_ns = self.queue_ns + min(max((self.first_ns or outcome.ended_ns) - self.called_ns, 0),
                                                    outcome.application_ns)
        outcome.sent = self.body_sent
        outcome.method, outcome.target = <PyObject *>self.method, <PyObject *>self.target
        outcome.version, outcome.fields_sent = <PyObject *>self.version, self.fields_sent
        self.options.account.end(workspace, &outcome, self.environ, self.fields)

    cdef int _call(self, object application) except -1:
        try:
            result = application(self.environ, self)
        except StopIteration:
            if self.taken is None or self.options.in_child:
                raise
            return 0                   # how the users of gunicorn.socket say that all is done
        if self.options.in_child:
            leave_child(None)
        try:
            if self.taken is None and not self.over and (self.held is None or self.started):
                self._send_result(result)
                self._finish()
        except BaseException:
            self._fail()
        finally:
            if type(result) is not list:
                self._close_result(result)
        return 0

    cdef int _send_result(self, object result) except -1:
        if type(result) is list or type(result) is tuple:
            return self._send_sequence(result)
        if type(result) is FileWrapper and self._send_file(<FileWrapper>result):
            return 0
        if result is None:
            raise TypeError("the application returned None; return an iterable of bytes (PEP 3333)")
        if isinstance(result, (bytes, str)):
            raise TypeError(f"the application returned {type(result).__name__}; return a list of bytes, [body]")
        if hasattr(type(result), "__len__") and len(result) == 1:
            # PEP 3333: an iterable of one element tells how long the body is.
            for chunk in result:
                return self._send_body(chunk, PyBytes_GET_SIZE(chunk) if isinstance(chunk, bytes) else -1)
        return self._send_iterable(result, -1)

    cdef int _send_sequence(self, object result) except -1:
        """A list or tuple: all of it is there, so its length is known before its first octet leaves."""
        cdef long long total = 0
        if len(result) == 1:
            chunk = result[0]
            return self._send_body(chunk, PyBytes_GET_SIZE(chunk) if isinstance(chunk, bytes) else -1)
        for chunk in result:
            if not isinstance(chunk, bytes):
                raise TypeError(_not_bytes(chunk))
            total += PyBytes_GET_SIZE(chunk)
        if total <= JOINED_BYTES_MAX:
            return self._send_body(b"".join(result), total)
        return self._send_iterable(result, total)

    cdef int _send_iterable(self, object result, long long total) except -1:
        """Block by block (PEP 3333, "Buffering and Streaming").

        Each is handed to the kernel before the next is asked for. One that comes soon after another may wait there for
        the next, so that small blocks share packets; the watch pushes it when the next does not come soon.
        """
        cdef Transport transport = self.transport
        cdef bint corked = False
        cdef long long now
        for chunk in result:
            now = clock_ns()
            corked = now - self.pushed_ns < TOGETHER_NS and not self.unwatched
            if not corked:
                self.pushed_ns = now
            transport.more = corked
            self._send_body(chunk, total)
            if corked:
                transport.more = False # write() goes out at once
                store(&self.workspace.counters.corked_fd, transport.fd + 1)
            if self.transport.lost or self.overrun or self.over:
                break
            if self.head_sent and self.framing == FRAMED_NONE:
                break                  # HEAD, 204, 304: what would follow goes nowhere
        if corked and take(&self.workspace.counters.corked_fd) and self.framing == FRAMED_LENGTH:
            transport.push()           # nothing follows that would: no last chunk, no close
        return 0

    cdef bint _send_file(self, FileWrapper wrapper) except -1:
        """True when the file was sent as a file; False when it has to be read."""
        cdef long long offset, size
        filelike = wrapper.filelike
        # Nothing but plain binary files: a GzipFile has a descriptor too, of other octets than it would read.
        raw = filelike.raw if type(filelike) in (io.BufferedReader, io.BufferedRandom) else filelike
        if type(raw) is not io.FileIO or not self.started:
            return False
        facts = os.fstat(raw.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size == 0:
            return False               # /proc and the like say 0 of files that are not empty
        offset = filelike.tell()
        size = max(facts.st_size - offset, 0)
        if self.answer.declared >= 0:
            size = min(size, self.answer.declared - self.body_sent)
        if size <= JOINED_BYTES_MAX:
            self._send_body(os.pread(raw.fileno(), size, offset), size)
            return True
        if not self.head_sent:
            self._begin(size)
        if self.framing == FRAMED_NONE:
            self._flush_output()
            return True
        if self.framing == FRAMED_CHUNKED:
            return False               # write() came first, and has begun a chunked body
        self.transport.send_file(self.workspace.output, self.workspace.output_size, raw.fileno(), offset, size)
        self.workspace.output_size = 0
        self.body_sent += size
        return True

    # The body

    cdef int _send_body(self, object chunk, long long total) except -1:
        """Frame and send one piece; `total` is the whole body's size where that is known before the head leaves."""
        cdef Workspace workspace = self.workspace
        cdef const char *data
        cdef Py_ssize_t size
        cdef bint chunked
        if self.options.in_child:
            leave_child(None)
        if self.over:
            return 0
        if not isinstance(chunk, bytes):
            raise TypeError(_not_bytes(chunk))
        if not self.started:
            raise AssertionError("the application sent a body before it called start_response")
        data = PyBytes_AS_STRING(chunk)
        size = PyBytes_GET_SIZE(chunk)
        if size == 0:
            return 0                   # PEP 3333: the head waits for the first octet that is not nothing
        if not self.head_sent:
            self._begin(total)
        if self.framing == FRAMED_NONE:
            return self._flush_output()
        if self.framing == FRAMED_LENGTH and size > self.answer.declared - self.body_sent:
            self.overrun = True
            size = self.answer.declared - self.body_sent
        chunked = self.framing == FRAMED_CHUNKED
        if chunked:
            workspace.put_number(size, 16)
            workspace.put(b"\r\n", 2)
        self.body_sent += size
        if self.first_ns:
            store(&workspace.flight.sent, self.body_sent)
        if workspace.output_size + size <= JOINED_BYTES_MAX:
            workspace.put(data, size)
            if chunked:
                workspace.put(b"\r\n", 2)
            self._flush_output()
        else:
            self.transport.send_pieces(workspace.output, workspace.output_size, chunk, data, size,
                                       b"\r\n", 2 if chunked else 0)
            workspace.output_size = 0
        if self.transport.held > self.options.memory_max:
            self._make_room()
        return 0

    cdef int _make_room(self) except -1:
        """More waits for the client than may be kept in memory: it goes to disk, as far as that may."""
        cdef Transport transport = self.transport
        transport.flush()              # it may have taken some meanwhile, or have left
        if transport.held > self.options.memory_max and transport.spooled >= self.options.spool_max:
            self._wait_for_client()
        if transport.held <= self.options.memory_max or self.options.spool_max == 0 or transport.lost:
            return 0
        try:
            transport.spill(self.options.spool_dir, max(self.options.spool_max // 4, <long long>1 << 20))
        except OSError as error:
            self._give_client_up(logging.ERROR, f"cannot spool its response: {error}")
        return 0

    cdef int _flush_output(self) except -1:
        if self.workspace.output_size:
            self.transport.send(self.workspace.output, self.workspace.output_size)
            self.workspace.output_size = 0
        return 0

    cdef int _wait_for_client(self) except -1:
        """The client is behind by more than may be kept for it: wait, under the write timeout and the minimum rate."""
        cdef long long enough = self.options.spool_max // 2
        cdef Transport transport = self.transport
        cdef long long begun = self.workspace.read_clock()
        cdef long long sent_before = transport.sent, sent = transport.sent
        cdef long long progress = begun, now
        cdef int fd = transport.fd
        while transport.held > self.options.memory_max // 2 and transport.spooled >= enough \
                and not transport.lost and not self.over:
            with nogil:
                wait_writable(fd, 1000)
            transport.flush()
            now = self.workspace.read_clock()
            if transport.sent != sent:
                sent = transport.sent
                progress = now
            if now - progress > self.options.write_timeout_ns:
                self._give_client_up(logging.INFO, "no octet of the response was taken within --write-timeout")
            if now - begun > RATE_GRACE_NS and (sent - sent_before) < self.options.min_rate * (now - begun) // 10**9:
                self._give_client_up(logging.INFO, "the response is taken at less than --min-rate")
        return 0

    cdef void _give_client_up(self, int level, str why) noexcept:
        """Nothing more goes out, and the application is asked for no more."""
        self.cut = True
        self.transport.lose()
        try:
            self.options.log.log(level, "closed %s: %s", peer_name(self.remote_addr, self.remote_port), why)
        except BaseException:
            pass                       # as in _report

    # The head

    cdef int _begin(self, long long total) except -1:
        """Complete the head: who answers, when, how the body is framed, and whether the connection goes on."""
        cdef Workspace workspace = self.workspace
        cdef bytes server_line = self.options.server_line
        if total < 0 or total > JOINED_BYTES_MAX:
            self.first_ns = workspace.read_clock()
            store(&workspace.flight.phase, FLIGHT_WRITING)
        if self.options.server_timing:
            put_timing(workspace, self.queue_ns, self.called_ns)
        if not self.answer.has_server:
            workspace.put(PyBytes_AS_STRING(server_line), PyBytes_GET_SIZE(server_line))
        if not self.answer.has_date:
            workspace.put_date()
        if self.head_only or self.answer.code < 200 or self.answer.code == 204 or self.answer.code == 304:
            self.framing = FRAMED_NONE
        elif self.answer.declared >= 0:
            self.framing = FRAMED_LENGTH
        elif total >= 0:
            self.framing = FRAMED_LENGTH
            self.answer.declared = total
            workspace.put(b"Content-Length: ", 16)
            workspace.put_number(total, 10)
            workspace.put(b"\r\n", 2)
        elif self.minor >= 1:
            self.framing = FRAMED_CHUNKED
            workspace.put(b"Transfer-Encoding: chunked\r\n", 28)
        else:
            self.framing = FRAMED_CLOSE
            self.keep_alive = False
        if self.options.draining or self.answer.close or self.answer.code < 200 or self.body_open:
            self.keep_alive = False
        if not self.keep_alive:
            workspace.put(b"Connection: close\r\n", 19)
        elif self.minor == 0:
            workspace.put(b"Connection: keep-alive\r\n", 24)
        workspace.put(b"\r\n", 2)
        self.head_sent = True
        return 0

    # The end

    cdef int _finish(self) except -1:
        if self.options.in_child:
            leave_child(None)
        if self.over:
            return 0
        if not self.started:
            raise AssertionError("the application returned without calling start_response")
        if not self.head_sent:
            self._begin(0)
        if self.framing == FRAMED_CHUNKED:
            self.workspace.put(b"0\r\n", 3)
            if self.last_fields is not None:
                self.workspace.put(PyBytes_AS_STRING(self.last_fields), PyBytes_GET_SIZE(self.last_fields))
            self.workspace.put(b"\r\n", 2)
        self._flush_output()
        self.complete = True
        if self.framing != FRAMED_LENGTH or self.transport.lost:
            return 0
        if self.overrun:
            self.keep_alive = False
            self._report(f"more octets than the Content-Length of {self.answer.declared} in the answer to", None)
        elif self.body_sent < self.answer.declared:
            self.cut = True
            self._report(f"{self.body_sent} octets instead of the Content-Length of {self.answer.declared} "
                         "in the answer to", None)
        return 0

    cdef void _close_result(self, object result) noexcept:
        """Whatever happened, close() runs, and to its end (PEP 3333)."""
        self.closing = True
        if self.interruption is not None:
            withdraw()
        try:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._report("exception in close() of the answer to", error)

    cdef void _fail(self) noexcept:
        """An exception has come out of the application: a 500 where nothing has left yet, else a cut connection."""
        if self.options.in_child:
            leave_child(sys.exception())
        if self.interruption is not None and isinstance(sys.exception(), self.interruption):
            return                     # all was said and done when it was raised
        self._report("exception in", sys.exception())
        add(&self.workspace.counters.failures, 1)
        if self.over or self.taken is not None:
            return
        if self.head_sent:
            if self.framing != FRAMED_LENGTH or self.body_sent < self.answer.declared:
                self.cut = True
            self.keep_alive = False
            return
        try:
            answer_render(&self.answer, self.workspace, "500 Internal Server Error",
                          [("Content-Type", "text/plain; charset=utf-8")])
            self.started = True
            self.keep_alive = False
            self._send_body(b"500 Internal Server Error\n", 26)
            if self.framing == FRAMED_NONE:
                self._flush_output()
        except BaseException:
            self.cut = True

    cdef int answer_late(self, Workspace workspace, bytes body) except -1:
        """504 from another thread, while the runner is inside the application and nothing has left yet."""
        cdef Workspace own = self.workspace
        cdef bint started = self.started
        self.keep_alive = False
        answer_render(&self.answer, workspace, "504 Gateway Timeout", [("Content-Type", "text/plain; charset=utf-8")])
        self.workspace = workspace
        try:
            self.started = True
            self._send_body(body, PyBytes_GET_SIZE(body))
            self._flush_output()
        finally:
            self.workspace = own
            self.started = started
            self.over = True
        return 0

    cdef void _report(self, str what, object error) noexcept:
        """One line of the error log that names the request."""
        try:
            self.options.log.error(
                "%s %s %s from %s", what, self.environ.get("REQUEST_METHOD"), self.environ.get("REQUEST_URI"),
                peer_name(self.remote_addr, self.remote_port), exc_info=error)
        except BaseException:
            pass                       # a log that fails must not take the answer with it


cdef str _not_bytes(object chunk):
    return f"the body must be made of bytes, not {type(chunk).__name__} (PEP 3333)"
