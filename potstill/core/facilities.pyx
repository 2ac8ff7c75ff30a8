# cython: language_level=3, boundscheck=False, wraparound=False
"""What an application may ask of the server beyond PEP 3333: the callables in its environ.

They are bound methods of a Facilities object. To make them for each request would cost a tenth of a small request, so
the object is used again, together with the dict that holds them and that every environ is a copy of. Whether the
application has kept one is told by their reference counts: then the object is left to it, and asking it for anything
later raises.

Owner: the runner that calls the application, between two requests the builder's list. `client_disconnected` and
`on_disconnect` may be called from any thread while the request runs; the rest is for the runner's.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Copy
from cpython.ref cimport PyObject

from potstill.core.answer cimport answer_put_field, answer_t
from potstill.core.departure cimport schedule_ask_inspection
from potstill.core.held cimport hold
from potstill.core.pending cimport Pending
from potstill.core.poll cimport peer_gone
from potstill.core.response cimport FRAMED_CHUNKED
from potstill.core.tls cimport TlsTransport
from potstill.core.workspace cimport Workspace

import os

from potstill.core.handover import HandedSocket, TakenSocket

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *thing)

cdef enum:
    SPARES_MAX = 32

cdef bytes EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\n"

# RFC 9110 section 6.5.1: what frames, routes, authenticates or describes the message has no place behind it.
cdef frozenset NO_TRAILERS = frozenset((
    "age", "authorization", "cache-control", "connection", "content-encoding", "content-length", "content-range",
    "content-type", "date", "expires", "host", "location", "retry-after", "set-cookie", "te", "trailer",
    "transfer-encoding", "upgrade", "vary", "warning", "www-authenticate",
))


@cython.final
cdef class Facilities:
    """The callables of one environ at a time."""

    # The client

    def client_disconnected(self):
        """Whether the client has gone: closed, reset, or shut down without having sent more.

        A client that has sent more and then shut its sending side down still waits for answers.
        """
        cdef Exchange exchange = self.exchange
        if exchange is None or exchange.transport.lost:
            return True
        return exchange.pending is None and bool(peer_gone(exchange.transport.fd))

    def on_disconnect(self, callback, /):
        """Have `callback()` called, in a thread of the server, when the client leaves before its answer is made.

        Raises TypeError for what cannot be called, RuntimeError when the request has ended.
        """
        cdef Exchange exchange = self._current("on_disconnect()")
        if not callable(callback):
            raise TypeError(f"on_disconnect() takes something to call, not {type(callback).__name__}")
        if exchange.callbacks is None:
            exchange.callbacks = []
        exchange.callbacks.append(callback)
        self.runner.hear()
        schedule_ask_inspection(self.runner.schedule)      # it may have left already

    def close_connection(self):
        """Close the connection without an answer; whatever the application still sends goes nowhere."""
        cdef Exchange exchange = self._current("close_connection()")
        exchange._check_caller("close_connection()")
        exchange.keep_alive = False
        exchange.cut = True
        exchange.transport.lose()

    # The thread

    def postpone(self, dropped, /):
        """Let this request wait without a thread, until the callable that is returned is called.

        Return from the application at once, without having called start_response: it is called again with the same
        environ, which must be as it was, when the request has its turn in the backlog. `dropped()` is called instead
        when the request ends before that: its client has reset the connection, or it has waited too long. The callable
        may be called from any thread; it returns False when there is nothing left to resume. How many may wait is the
        application's to say. Raises RuntimeError when the answer has begun.
        """
        cdef Exchange exchange = self._current("postpone()")
        exchange._check_caller("postpone()")
        if exchange.started or exchange.taken is not None or exchange.cut:
            raise RuntimeError("the request cannot be postponed: its answer has begun")
        if exchange.held is not None:
            raise RuntimeError("the request was postponed already")
        if not callable(dropped):
            raise TypeError(f"postpone() takes something to call, not {type(dropped).__name__}")
        exchange.held = hold(self.runner.schedule, self.runner.me.slot, dropped)
        return exchange.held

    def io_bound(self):
        """Leave the runner's seat to others: what follows takes long and mostly waits.

        The thread keeps this request until its end, and the request is free of its deadline from now on. False when
        --handover-limit threads have left already; then nothing changes.
        """
        cdef Exchange exchange = self._current("io_bound()")
        if not self.runner.detached and not self.runner.crew.detach(self.runner):
            return False
        exchange.environ["potstill.deadline"] = None
        exchange.unwatched = True
        return True

    def take_socket(self):
        """For the hand-over: (a blocking socket of the application's own, the bytes that were read already)."""
        cdef Exchange exchange = self._current("gunicorn.socket")
        cdef Pending pending = exchange.pending
        if exchange.taken is not None:
            raise RuntimeError("the connection was taken over already")
        if exchange.held is not None:
            raise RuntimeError("the connection cannot be taken over: its request was postponed")
        if exchange.head_sent or exchange.over:
            raise RuntimeError("the connection cannot be taken over: its answer has begun")
        if exchange.body_open:
            raise RuntimeError("the connection cannot be taken over: its request has a body that was not read")
        if exchange.transport.queued:
            exchange.transport.flush()
        taken = TakenSocket(fileno=os.dup(exchange.transport.fd))
        if type(exchange.transport) is TlsTransport:
            taken = (<TlsTransport>exchange.transport).give_away(taken)
        taken.setblocking(True)
        self.used_up = True
        exchange.taken = taken
        exchange.keep_alive = False
        self.runner.turn_deaf()
        self.io_bound()
        return taken, <bytes>pending.data[:pending.size] if pending is not None else b""

    # More than a head and a body

    def early_hints(self, fields, /):
        """Send 103 with these fields (RFC 8297), before the answer; nothing to clients of HTTP/1.0.

        Raises TypeError or ValueError for a field that must not be sent, as start_response does.
        """
        cdef Exchange exchange = self._current("early_hints()")
        cdef Workspace workspace = exchange.workspace
        exchange._check_caller("early_hints()")
        fields = list(fields)
        cdef Py_ssize_t begin = workspace.output_size      # start_response may have been called
        if exchange.head_sent or exchange.minor < 1 or exchange.over:
            return
        try:
            workspace.put(PyBytes_AS_STRING(EARLY_HINTS), PyBytes_GET_SIZE(EARLY_HINTS))
            _put_fields(workspace, 103, fields)
            workspace.put(b"\r\n", 2)
            exchange.transport.send(workspace.output + begin, workspace.output_size - begin)
        finally:
            workspace.output_size = begin

    def trailers(self):
        """The request's trailer fields (RFC 9110 section 6.5) as (name, value), once its body has been read."""
        cdef Exchange exchange = self._current("trailers()")
        if exchange.trailers is None:
            return []
        fields = []
        for line in exchange.trailers.decode("latin-1").removesuffix("\r\n").split("\r\n"):
            name, _, value = line.partition(":")
            fields.append((name, value.strip(" \t")))
        return fields

    def send_trailers(self, fields, /):
        """Send these fields behind the last chunk (RFC 9112 section 7.1.2).

        False, and nothing is sent, where the client has not asked for trailers (TE: trailers) or the answer is not
        chunked. Raises TypeError or ValueError for a field that must not be sent as a trailer.
        """
        cdef Exchange exchange = self._current("send_trailers()")
        cdef Workspace workspace = exchange.workspace
        exchange._check_caller("send_trailers()")
        fields = list(fields)
        cdef Py_ssize_t begin = workspace.output_size
        try:
            for name, _ in fields:
                if name.lower() in NO_TRAILERS:
                    raise ValueError(f"{name!r} must not be a trailer (RFC 9110 section 6.5.1)")
            _put_fields(workspace, 103, fields)
            rendered = <bytes>workspace.output[begin:workspace.output_size]
        finally:
            workspace.output_size = begin
        if not _wants_trailers(exchange.environ.get("HTTP_TE", "")) or exchange.minor < 1:
            return False
        if exchange.head_sent and exchange.framing != FRAMED_CHUNKED:
            return False
        exchange.last_fields = rendered
        return True

    # Its own

    cdef Exchange _current(self, str what):
        cdef Exchange exchange = self.exchange
        if exchange is None or exchange.workspace is None:
            raise RuntimeError(f"{what} was called after its request had ended")
        return exchange

    cdef bint _kept(self) noexcept:
        cdef int i
        for i in range(METHODS):
            if Py_REFCNT(self._methods[i]) != self._counts[i]:
                return True
        return False


cdef Facilities facilities_take(EnvironBuilder builder):
    """Some that nobody uses, or new ones."""
    cdef Facilities made
    cdef int i = 0
    if builder.spare is not None:
        made = <Facilities>builder.spare
        builder.spare = made.next
        made.next = None
        builder.spares -= 1
        return made
    made = Facilities.__new__(Facilities)
    made.base = <dict>PyDict_Copy(builder.base)
    entries = {
        "potstill.client_disconnected": made.client_disconnected,
        "potstill.on_disconnect": made.on_disconnect,
        "potstill.io_bound": made.io_bound,
        "potstill.trailers": made.trailers,
        "potstill.send_trailers": made.send_trailers,
        "wsgi.early_hints": made.early_hints,
        "gunicorn.socket": HandedSocket(made),
        "potstill.postpone": made.postpone,
        "potstill.close_connection": made.close_connection,
    }
    for key, value in entries.items():
        made.base[key] = value
        made._methods[i] = <PyObject *>value
        i += 1
    made.base["waitress.client_disconnected"] = entries["potstill.client_disconnected"]
    entries = value = None
    for i in range(METHODS):
        made._counts[i] = Py_REFCNT(made._methods[i])
    return made


cdef void facilities_give(EnvironBuilder builder, Facilities facilities) noexcept:
    """Its request has ended, and the environ is gone unless the application has kept it."""
    facilities.exchange = None
    facilities.runner = None
    if facilities.used_up or facilities._kept() or builder.spares >= SPARES_MAX:
        facilities.base.clear()        # it refers back
    else:
        facilities.next = builder.spare
        builder.spare = facilities
        builder.spares += 1


cdef int _put_fields(Workspace workspace, int code, list fields) except -1:
    """Render (name, value) pairs under the rules of start_response for a status."""
    cdef answer_t unused
    unused.code = code                 # an interim answer tells no length
    unused.declared = -1
    unused.has_date = unused.has_server = unused.close = False
    for name, value in fields:
        answer_put_field(&unused, workspace, name, value)
    return 0


cdef bint _wants_trailers(str te):
    """RFC 9110 section 10.1.4."""
    return any(coding.partition(";")[0].strip().lower() == "trailers" for coding in te.split(","))
