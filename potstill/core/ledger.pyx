# cython: language_level=3, boundscheck=False, wraparound=False
"""The ledger: what has become of requests, by route and class of status, in an anonymous shared mapping.

A row holds six histograms. Rows are written under the GIL of the worker that owns the ledger, so they have one writer
at a time; anyone may read. There is no counter beside the histograms that could disagree with them: how many requests
there were is how many a histogram has counted.

The supervisor keeps a ledger of its own into which those of workers that have ended are folded, so that no total ever
goes back.
"""

cimport cython
from libc.string cimport memcpy

from potstill.core.counting cimport fence_read, fence_written, load, load_acquired, store, store_released
from potstill.core.histogram cimport histogram_add, histogram_fold, histogram_read

import mmap
from dataclasses import dataclass, fields

from potstill.core.spread import Spread

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    const unsigned char *PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef long long REMEMBERED_NS = 60_000_000_000

OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A slow request, by its id: how long it took, and when it ended, by the monotonic clock."""

    request_id: str
    seconds: float
    at_s: float



@dataclass(frozen=True, slots=True)
class Row:
    """What requests of one route that ended with one class of status were like; times in seconds, sizes in bytes."""

    queue: Spread
    application: Spread
    total: Spread
    first_byte: Spread
    received: Spread
    sent: Spread
    exemplar: Exemplar | None = None

    @property
    def count(self):
        return self.total.count

    def __add__(self, other):
        spreads = (getattr(self, each.name) + getattr(other, each.name)
                   for each in fields(self) if each.name != "exemplar")
        known = [each.exemplar for each in (self, other) if each.exemplar is not None]
        return Row(*spreads, max(known, key=lambda each: each.seconds, default=None))


@cython.final
cdef class Ledger:
    """An empty one."""

    def __init__(self):
        cdef unsigned char[::1] view
        self._mapping = mmap.mmap(-1, sizeof(ledger_t))
        view = self._mapping
        self._memory = <ledger_t *>&view[0]
        self._routes = {}
        self.route("")

    cdef int route(self, object name) except -1:
        """The number of a route, by the name that environ gives it; anything but a text is no route."""
        if name is self._last:
            return self._number
        if type(name) is not str:
            name = "" if name is None else str(name)
        number = self._routes.get(name)
        if number is None:
            number = self._new_route(name.encode("utf-8", "replace")[:ROUTE_BYTES - 1])
            if len(self._routes) < 16 * ROUTES_MAX:    # whoever makes up names has them looked for anew
                self._routes[name] = number
        self._last = name
        self._number = number
        return self._number

    cdef int _new_route(self, bytes name) noexcept:
        cdef long long count = self._memory.routes
        cdef int number
        for number in range(count):
            if <bytes>self._memory.names[number] == name:
                return number
        if count == ROUTES_MAX - 1:
            name = OTHER.encode()
        elif count == ROUTES_MAX:
            return ROUTES_MAX - 1
        memcpy(self._memory.names[count], <const char *>name, len(name) + 1)
        store_released(&self._memory.routes, count + 1)
        return count

    cdef bint enter(self, int route, const outcome_t *outcome) noexcept:
        """A request has ended. True when it is to be remembered: it was the slowest of its kind within a minute."""
        cdef int status = outcome.code // 100
        cdef long long total_ns = outcome.queue_ns + outcome.application_ns
        cdef row_t *row
        if status >= CLASSES:
            status = 0
        row = &self._memory.rows[route][status]
        store(&self._memory.used[route][status], 1)
        histogram_add(&row.queue, outcome.queue_ns, outcome.queue_ns // 1000)
        histogram_add(&row.application, outcome.application_ns, outcome.application_ns // 1000)
        histogram_add(&row.total, total_ns, total_ns // 1000)
        histogram_add(&row.first_byte, outcome.first_byte_ns, outcome.first_byte_ns // 1000)
        histogram_add(&row.received, outcome.received, outcome.received)
        histogram_add(&row.sent, outcome.sent, outcome.sent)
        return total_ns > row.exemplar.total_ns or outcome.ended_ns - row.exemplar.at_ns > REMEMBERED_NS

    cdef void remember(self, int route, const outcome_t *outcome, object request_id) noexcept:
        """The request, by its id, is the example of its row from now on."""
        cdef int status = outcome.code // 100
        cdef exemplar_t *exemplar = &self._memory.rows[route][status if status < CLASSES else 0].exemplar
        cdef Py_ssize_t size = 0
        store(&exemplar.total_ns, 0)
        fence_written()
        if type(request_id) is str and PyUnicode_KIND(request_id) == 1:
            size = min(PyUnicode_GET_LENGTH(request_id), NAMED_BYTES - 1)
            memcpy(exemplar.request_id, PyUnicode_1BYTE_DATA(request_id), size)
        exemplar.request_id[size] = 0
        store(&exemplar.at_ns, outcome.ended_ns)
        store_released(&exemplar.total_ns, outcome.queue_ns + outcome.application_ns)

    def fold(self, Ledger other not None):
        """Add what another ledger has."""
        cdef row_t *into
        cdef row_t *row
        cdef int theirs, ours, status
        for theirs in range(load(&other._memory.routes)):
            ours = self._new_route(<bytes>other._memory.names[theirs])
            for status in range(CLASSES):
                if load(&other._memory.used[theirs][status]):
                    into, row = &self._memory.rows[ours][status], &other._memory.rows[theirs][status]
                    store(&self._memory.used[ours][status], 1)
                    histogram_fold(&into.queue, &row.queue)
                    histogram_fold(&into.application, &row.application)
                    histogram_fold(&into.total, &row.total)
                    histogram_fold(&into.first_byte, &row.first_byte)
                    histogram_fold(&into.received, &row.received)
                    histogram_fold(&into.sent, &row.sent)
                    if row.exemplar.total_ns > into.exemplar.total_ns:
                        into.exemplar = row.exemplar

    def rows(self) -> dict:
        """(route, class of status) → Row, of what there has been."""
        cdef row_t *row
        cdef int route, status
        found = {}
        for route in range(load(&self._memory.routes)):
            name = (<bytes>self._memory.names[route]).decode("utf-8", "replace")
            for status in range(CLASSES):
                if load(&self._memory.used[route][status]):
                    row = &self._memory.rows[route][status]
                    found[name, status] = Row(
                        histogram_read(&row.queue, 1e9), histogram_read(&row.application, 1e9),
                        histogram_read(&row.total, 1e9), histogram_read(&row.first_byte, 1e9),
                        histogram_read(&row.received, 1.0), histogram_read(&row.sent, 1.0),
                        _read_exemplar(&row.exemplar))
        return found


cdef object _read_exemplar(const exemplar_t *exemplar):
    cdef exemplar_t copy
    cdef long long total_ns = load_acquired(&exemplar.total_ns)
    memcpy(&copy, exemplar, sizeof(exemplar_t))
    fence_read()
    if not total_ns or load(&exemplar.total_ns) != total_ns or not copy.request_id[0]:
        return None
    copy.request_id[NAMED_BYTES - 1] = 0
    return Exemplar((<bytes>copy.request_id).decode("latin-1"), total_ns / 1e9, copy.at_ns / 1e9)


def enter(Ledger ledger not None, route, int code, *, long long queue_ns=0, long long application_ns=0,
          long long first_byte_ns=0, long long received=0, long long sent=0, long long ended_ns=0, request_id=None):
    """The Python face, for tests: what the engine does at the end of a request."""
    cdef outcome_t outcome
    outcome.code = code
    outcome.queue_ns = queue_ns
    outcome.application_ns = application_ns
    outcome.first_byte_ns = first_byte_ns
    outcome.received = received
    outcome.sent = sent
    outcome.ended_ns = ended_ns
    if ledger.enter(ledger.route(route), &outcome):
        ledger.remember(ledger.route(route), &outcome, request_id)
