# cython: language_level=3, boundscheck=False, wraparound=False
"""What is told of each request: that it is in the application, and what has become of it.

Called by the runner, with the GIL, right before the application is called and right after its answer is made. Nothing
here can fail a request.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.ref cimport PyObject

from potstill.core.counting cimport add, store
from potstill.core.fields cimport FIELD_CONTENT_LENGTH, field_bit

cdef str ROUTE = "potstill.route"
cdef str LENGTH = "CONTENT_LENGTH"
cdef str QUEUED = "potstill.queue_seconds"
cdef str ID = "potstill.request_id"
cdef str ID_FIELD = "HTTP_X_REQUEST_ID"


@cython.final
cdef class Account:
    """Tells of the requests of one worker.

    Args:
        ledger: where they are entered.
        journal: the access log, or None.
    """

    def __cinit__(self, Ledger ledger not None, Journal journal=None):
        self._ledger = ledger
        self._journal = journal
        self.wants_fields = journal is not None and journal.wants_fields

    cdef void end(self, Workspace workspace, outcome_t *outcome, dict environ, list fields) noexcept:
        """The answer is made. What the request's body came to is added to the outcome."""
        cdef PyObject *route
        cdef int number = 0            # of the route without a name
        store(&workspace.flight.since_ns, 0)
        outcome.received = 0
        try:
            if outcome.fields_sent & field_bit(FIELD_CONTENT_LENGTH):
                outcome.received = _number(environ.get(LENGTH))
            route = PyDict_GetItemWithError(environ, ROUTE)    # only now: an application's number may have changed it
            number = self._ledger.route("" if route == NULL else <object>route)
        except BaseException:          # memory, or what an application takes for a key or the name of a route
            pass
        if self._ledger.enter(number, outcome):
            self._remember(number, outcome, environ)
        if self._journal is not None:
            self._journal.record(outcome, environ, fields, &workspace.counters.log_dropped)

    cdef void _remember(self, int number, const outcome_t *outcome, dict environ) noexcept:
        """It was the slowest of its kind."""
        try:
            self._ledger.remember(number, outcome, environ.get(ID) or environ.get(ID_FIELD))
        except BaseException:          # memory, or an application's key
            pass

    cdef void refuse(self, Workspace workspace, int status, long long sent, str addr, dict environ) noexcept:
        """The server itself has answered a request, which the ledger does not know. `environ`: what there is of it,
        or None.
        """
        cdef outcome_t outcome
        if self._journal is None:
            return
        try:
            environ = {"REMOTE_ADDR": addr, **(environ or {})}
            outcome.code, outcome.sent, outcome.received = status, sent, 0
            outcome.queue_ns = outcome.first_byte_ns = <long long>(1e9 * environ.get(QUEUED, 0.0))
            outcome.application_ns, outcome.ended_ns = 0, workspace.now_ns
            method, target = environ.get("REQUEST_METHOD"), environ.get("REQUEST_URI")
            version = environ.get("SERVER_PROTOCOL")
            outcome.method, outcome.target = <PyObject *>method, <PyObject *>target
            outcome.version, outcome.fields_sent = <PyObject *>version, ~0
            self._journal.record(&outcome, environ, None, &workspace.counters.log_dropped)
        except BaseException:          # memory
            add(&workspace.counters.log_dropped, 1)


cdef long long _number(object text) noexcept:
    try:
        return max(0, int(text))
    except Exception:                  # an application that has changed it, or taken it away
        return 0


cdef int put_timing(Workspace workspace, long long queue_ns, long long called_ns) except -1:
    """Server-Timing (W3C), in milliseconds."""
    line = b"Server-Timing: queue;dur=%.3f, app;dur=%.3f\r\n" % (
        queue_ns / 1e6, (workspace.read_clock() - called_ns) / 1e6)
    return workspace.put(PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line))
