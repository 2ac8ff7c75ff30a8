# cython: language_level=3, boundscheck=False, wraparound=False
"""One line of the access log: the steps of a format, each with a value, escaped for where it stands.

Which steps a format has, and how each is to be escaped, is decided by `potstill.settings.log_formats`. Here it is done:
an octet that has a meaning of its own is written as \\x22, or as JSON has it, so that a line is a line and a field a
field whatever a client sends. A line has a limit, and it is the longest values that are cut to keep it: a pipe takes
LINE_BYTES_MAX in one piece, and so no line is torn by another process's.

Between two requests everything else has been through the processor's cache, and what a line costs is mostly what has
to be fetched anew for it. So a step has all that it needs in half a cache line, the text behind its value too, and
what an octet may be is asked of no table.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_Clear, PyErr_Occurred
from cpython.ref cimport PyObject
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcpy
from libc.time cimport time_t, tm

from potstill.core.fields cimport FIELD_REFERER, FIELD_USER_AGENT, field_bit, folded_equal
from potstill.core.plain cimport copy_plain, is_plain
from potstill.core.poll cimport clock_ns

import json

from potstill.core.environ import KEYS
from potstill.core.pieces import pieces_of

cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object mapping, PyObject *key)
    bint PyDict_Next(object mapping, Py_ssize_t *place, PyObject **key, PyObject **value)
    PyObject *PyTuple_GET_ITEM(object pair, Py_ssize_t at)
    Py_ssize_t PyTuple_GET_SIZE(object pair)
    object PyUnicode_FromObject(object text)
    int PyUnicode_KIND(object text)
    const unsigned char *PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_REALTIME
    int clock_gettime(int clock, timespec *now)
    tm *gmtime_r(const time_t *timer, tm *result)
    tm *localtime_r(const time_t *timer, tm *result)

cdef extern from "<stdio.h>" nogil:
    int snprintf(char *into, size_t size, const char *format, ...)

cdef enum:
    # Values, of four kinds. The names are those of settings/log_formats.py.
    ENVIRON, REFERER, AGENT, METHOD, TARGET, PROTOCOL, REQUEST_ID, ANSWER_FIELD
    STATUS, SENT, SENT_OR_DASH, RECEIVED, SECONDS, MILLISECONDS, MICROSECONDS
    DECIMAL, QUEUE_TIME, APP_TIME, FIRST_BYTE_TIME
    NOTHING, STAMP, ISO, CLOCK, PATH, QUERY, COLOUR, PLAIN

cdef enum:
    LAST_TEXT = ANSWER_FIELD
    LAST_NUMBER = MICROSECONDS
    LAST_TIME = FIRST_BYTE_TIME

cdef enum:
    NUMBER_BYTES_MAX = 20              # of 64 bits, with 10^19 as the last bound
    NOWHERE = 255                      # a key has no place of its own in an environ

cdef const char *MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
cdef const char *HEX = b"0123456789abcdef"

cdef dict KINDS = {
    "": NOTHING, "t": STAMP, "time": ISO, "clock": CLOCK, "target": TARGET, "U": PATH, "q": QUERY, "s": STATUS,
    "B": SENT, "b": SENT_OR_DASH, "T": SECONDS, "M": MILLISECONDS, "D": MICROSECONDS, "L": DECIMAL,
    "queue_time": QUEUE_TIME, "app_time": APP_TIME, "first_byte_time": FIRST_BYTE_TIME, "received": RECEIVED,
    "id": REQUEST_ID, "m": METHOD, "H": PROTOCOL, "environ": ENVIRON, "referer": REFERER, "agent": AGENT,
    "answer": ANSWER_FIELD, "colour": COLOUR, "plain": PLAIN,
}
cdef str ID_KEY = "potstill.request_id"
cdef str ID_FIELD = "HTTP_X_REQUEST_ID"


@cython.final
cdef class LineFormat:
    """A format, ready for use.

    Args:
        steps: of `potstill.settings.log_formats.parse`.
        worker: the number that %(worker)s says.
    """

    def __cinit__(self, steps, int worker):
        cdef step_t *step
        self._second = -1
        self._keys = []
        pieces = pieces_of(steps, worker, LITERAL_BYTES_MAX)
        self._steps = <step_t *>calloc(len(pieces) + 1, sizeof(step_t))
        if self._steps == NULL:
            raise MemoryError
        for atom, key, as_json, wary, fence, literal in pieces:
            step = &self._steps[self._count]
            step.kind = KINDS[atom]
            step.as_json = as_json
            step.lowest = c" " + <bint>wary
            step.fence = ord(fence) if fence.isascii() and fence and not fence.isalnum() else 0
            step.size = len(literal)
            memcpy(step.literal, PyBytes_AS_STRING(literal), step.size)
            step.place = NOWHERE
            if key in KEYS:
                step.place = KEYS.index(key)
                key = KEYS[step.place]             # the very object, by which it is known again
            step.key = <PyObject *>key
            self.wants_fields |= step.kind == ANSWER_FIELD
            self._keys.append(key)
            self._count += 1

    def __dealloc__(self):
        free(self._steps)

    cdef Py_ssize_t render(self, char *into, const outcome_t *outcome, dict environ, list fields, bint aside) noexcept:
        """A line into LINE_BYTES_MAX octets; how long it is, its line feed included. 0: it is too long at any rate, or
        there is no memory for what the application has put among its values, or no text in it.

        Where the application would have to be asked for a text, -1, but for `aside`: then code of its own runs.
        Otherwise none does, except that of keys in the environ that compare themselves.
        """
        cdef page_t page
        cdef char *at
        page.value_max = LINE_BYTES_MAX
        page.aside = aside
        page.failed = False
        page.end = into + LINE_BYTES_MAX - 1
        while page.value_max >= 8 and not page.failed:
            at = self._render(into, &page, outcome, environ, fields)
            if at != NULL:
                at[0] = c"\n"
                return at + 1 - into
            page.value_max //= 8
        return -1 if page.failed and not aside else 0

    cdef char *_render(self, char *at, page_t *page, const outcome_t *outcome, dict environ, list fields) noexcept:
        """As all who put something there: the place behind it. NULL: no room for it, or the page has failed."""
        cdef const step_t *step
        cdef int i
        for i in range(self._count):
            step = &self._steps[i]
            if step.kind <= LAST_TEXT:
                at = _put_value(at, page, step, _text(step, outcome, environ, fields))
            elif step.kind == SENT_OR_DASH and not outcome.sent:
                at = _put_octet(at, page, c"-")
            elif step.kind <= LAST_NUMBER:
                at = _put_number(at, page, _number(step, outcome))
            elif step.kind <= LAST_TIME:
                at = _put_seconds(at, page, _time(step, outcome))
            elif step.kind == STAMP or step.kind == ISO or step.kind == CLOCK:
                at = self._put_time(at, page, step.kind, outcome.ended_ns)
            elif step.kind == PATH or step.kind == QUERY:
                at = _put_part(at, page, step, outcome.target)
            elif step.kind == COLOUR:
                at = _put(at, page, b"\x1b[32m" if outcome.code < 300 else b"\x1b[36m" if outcome.code < 400
                          else b"\x1b[33m" if outcome.code < 500 else b"\x1b[31m", 5)
            elif step.kind == PLAIN:
                at = _put(at, page, b"\x1b[0m", 4)
            if at == NULL:
                return NULL
            if LITERAL_BYTES_MAX <= page.end - at:
                memcpy(at, step.literal, LITERAL_BYTES_MAX)
                at += step.size
            elif step.size <= page.end - at:
                memcpy(at, step.literal, step.size)
                at += step.size
            else:
                return NULL
        return at

    cdef char *_put_time(self, char *at, page_t *page, int kind, long long ended_ns) noexcept:
        """The time now. `ended_ns` is the same by the monotonic clock, and spares asking until the second is over."""
        cdef timespec now
        cdef char[32] text
        if kind == ISO or ended_ns >= self._until_ns:
            clock_gettime(CLOCK_REALTIME, &now)
            self._until_ns = ended_ns + 1_000_000_000 - now.tv_nsec
            if now.tv_sec != self._second:
                self._begin_second(now.tv_sec)
        if kind == STAMP:
            return _put(at, page, self._stamp, 28)
        if kind == CLOCK:
            return _put(at, page, self._clock, 20)
        memcpy(text, self._utc, 19)
        snprintf(text + 19, 8, b".%03dZ", <int>(now.tv_nsec // 1_000_000))
        return _put(at, page, text, 24)

    cdef void _begin_second(self, time_t second) noexcept:
        cdef tm parts
        cdef int offset, hours, minutes
        self._second = second
        localtime_r(&second, &parts)
        offset = _offset_minutes(second, &parts)
        snprintf(self._clock, 32, b"%02d/%.3s/%04d %02d:%02d:%02d", parts.tm_mday, MONTHS + 3 * parts.tm_mon,
                 parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec)
        hours, minutes = abs(offset) // 60, abs(offset) % 60
        snprintf(self._stamp, 40, b"[%.11s:%.8s %c%02d%02d]", self._clock, &self._clock[12],
                 c"-" if offset < 0 else c"+", hours, minutes)
        gmtime_r(&second, &parts)
        snprintf(self._utc, 32, b"%04d-%02d-%02dT%02d:%02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1,
                 parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec)


cdef int _offset_minutes(time_t second, tm *local) noexcept:
    """East of UTC; from the difference, for not every C library tells it."""
    cdef tm utc
    cdef int days
    gmtime_r(&second, &utc)
    days = local.tm_yday - utc.tm_yday
    if local.tm_year != utc.tm_year:
        days = local.tm_year - utc.tm_year
    return (days * 24 + local.tm_hour - utc.tm_hour) * 60 + local.tm_min - utc.tm_min


# Values


cdef inline PyObject *_get(dict environ, PyObject *key) noexcept:
    """Borrowed; NULL for none, also where a key of the application's cannot be compared."""
    cdef PyObject *value = PyDict_GetItemWithError(environ, key)
    if value == NULL and PyErr_Occurred() != NULL:
        PyErr_Clear()
    return value


cdef inline PyObject *_known(dict environ, const step_t *step) noexcept:
    """As `_get`, by a look first at the place where it stands in every environ as it was made."""
    cdef PyObject *key
    cdef PyObject *value
    cdef Py_ssize_t place = step.place
    if place != NOWHERE and PyDict_Next(environ, &place, &key, &value) and key == step.key:
        return value
    return _get(environ, step.key)


cdef inline PyObject *_text(const step_t *step, const outcome_t *outcome, dict environ, list fields) noexcept:
    """Borrowed; NULL for none."""
    if step.kind == ENVIRON:
        return _known(environ, step)
    if step.kind == REFERER:
        return _get(environ, step.key) if outcome.fields_sent & field_bit(FIELD_REFERER) else NULL
    if step.kind == AGENT:
        return _get(environ, step.key) if outcome.fields_sent & field_bit(FIELD_USER_AGENT) else NULL
    if step.kind == METHOD:
        return outcome.method
    if step.kind == TARGET:
        return outcome.target
    if step.kind == PROTOCOL:
        return outcome.version
    if step.kind == REQUEST_ID:
        return _id(environ)
    return _field(fields, <str>step.key)


cdef PyObject *_id(dict environ) noexcept:
    cdef PyObject *value = _get(environ, <PyObject *>ID_KEY)
    return _get(environ, <PyObject *>ID_FIELD) if value == NULL or <object>value is None else value


cdef PyObject *_field(list fields, str wanted) noexcept:
    """What the answer has under a name in lower case. Names and pairs may be of classes of the application's, of which
    no method is called.
    """
    cdef PyObject *name
    if fields is not None:
        for pair in fields:
            if isinstance(pair, tuple) and PyTuple_GET_SIZE(pair) == 2:
                name = PyTuple_GET_ITEM(pair, 0)
                if isinstance(<object>name, str) and PyUnicode_KIND(<object>name) == 1 and folded_equal(
                        PyUnicode_1BYTE_DATA(<object>name), PyUnicode_GET_LENGTH(<object>name),
                        <const char *>PyUnicode_1BYTE_DATA(wanted), PyUnicode_GET_LENGTH(wanted)):
                    return PyTuple_GET_ITEM(pair, 1)
    return NULL


cdef inline unsigned long long _number(const step_t *step, const outcome_t *outcome) noexcept:
    cdef long long total_ns = outcome.queue_ns + outcome.application_ns
    if step.kind == STATUS:
        return outcome.code
    if step.kind == RECEIVED:
        return outcome.received
    if step.kind == SECONDS:
        return total_ns // 1_000_000_000
    if step.kind == MILLISECONDS:
        return total_ns // 1_000_000
    if step.kind == MICROSECONDS:
        return total_ns // 1000
    return outcome.sent


cdef inline long long _time(const step_t *step, const outcome_t *outcome) noexcept:
    if step.kind == QUEUE_TIME:
        return outcome.queue_ns
    if step.kind == APP_TIME:
        return outcome.application_ns
    if step.kind == FIRST_BYTE_TIME:
        return outcome.first_byte_ns
    return outcome.queue_ns + outcome.application_ns


cdef char *_put_part(char *at, page_t *page, const step_t *step, PyObject *target) noexcept:
    """The target up to its question mark, or what is behind."""
    cdef const unsigned char *octets
    cdef const unsigned char *mark
    cdef Py_ssize_t size, path_size
    if not _is_octets(target):
        return _put_value(at, page, step, NULL)
    octets = PyUnicode_1BYTE_DATA(<object>target)
    size = PyUnicode_GET_LENGTH(<object>target)
    mark = <const unsigned char *>memchr(octets, c"?", size)
    path_size = size if mark == NULL else mark - octets
    if step.kind == PATH:
        return _put_octets(at, page, step, octets, path_size)
    path_size = min(path_size + 1, size)
    return _put_octets(at, page, step, octets + path_size, size - path_size)


cdef inline bint _is_octets(PyObject *value) noexcept:
    return value != NULL and type(<object>value) is str and PyUnicode_KIND(<object>value) == 1


cdef inline char *_put_value(char *at, page_t *page, const step_t *step, PyObject *value) noexcept:
    """A text of the environ or of the application's; "-" for none, which JSON has as nothing."""
    if _is_octets(value):              # borrowed: nothing runs meanwhile that could take it away
        return _put_octets(at, page, step, PyUnicode_1BYTE_DATA(<object>value), PyUnicode_GET_LENGTH(<object>value))
    if value == NULL or <object>value is None:
        return at if step.as_json else _put_octet(at, page, c"-")
    kept = <object>value               # whatever the application does while it is asked for its text
    return _put_text(at, page, step, kept)


cdef char *_put_text(char *at, page_t *page, const step_t *step, object value) noexcept:
    """What did not come as octets, and so comes from the application."""
    cdef bytes octets
    cdef str text
    page.failed = not page.aside
    if page.failed:
        return NULL
    try:
        text = value if type(value) is str else PyUnicode_FromObject(_as_text(value))
        if step.as_json and PyUnicode_KIND(text) != 1:
            octets = json.dumps(text[:page.value_max]).removeprefix('"').removesuffix('"').encode()
            return _put(at, page, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))
        octets = text.encode("latin-1" if PyUnicode_KIND(text) == 1 else "utf-8", "backslashreplace")
        return _put_octets(at, page, step, <const unsigned char *>PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))
    except BaseException:              # memory, or what came out of the application
        page.failed = True
        return NULL


cdef str _as_text(object value):
    try:
        return str(value)
    except Exception:                  # an object of the application's
        return f"<{type(value).__name__}>"


cdef char *_put_octets(char *at, page_t *page, const step_t *step, const unsigned char *octets,
                       Py_ssize_t size) noexcept:
    size = min(size, page.value_max)
    if size == 0 and not step.as_json:
        return _put_octet(at, page, c"-")
    if size <= page.end - at and copy_plain(at, octets, size, step.lowest, step.fence):
        return at + size               # which is so of nearly all
    return _put_each(at, page, step, octets, size)


cdef char *_put_each(char *at, page_t *page, const step_t *step, const unsigned char *octets, Py_ssize_t size) noexcept:
    cdef unsigned char octet
    cdef Py_ssize_t i
    for i in range(size):
        octet = octets[i]
        if is_plain(octet, step.lowest, step.fence):
            at = _put_octet(at, page, octet)
        else:
            at = _put_escaped(at, page, octet, step.as_json)
        if at == NULL:
            break
    return at


cdef char *_put_escaped(char *at, page_t *page, unsigned char octet, bint as_json) noexcept:
    cdef char[6] text
    if as_json and (octet == c'"' or octet == c"\\"):
        text[0], text[1] = c"\\", octet
        return _put(at, page, text, 2)
    if as_json:
        memcpy(text, b"\\u00", 4)
        text[4], text[5] = HEX[octet >> 4], HEX[octet & 15]
        return _put(at, page, text, 6)
    text[0], text[1], text[2], text[3] = c"\\", c"x", HEX[octet >> 4], HEX[octet & 15]
    return _put(at, page, text, 4)


# The page


cdef inline char *_put(char *at, page_t *page, const char *text, Py_ssize_t size) noexcept:
    if size > page.end - at:
        return NULL
    memcpy(at, text, size)
    return at + size


cdef inline char *_put_octet(char *at, page_t *page, unsigned char octet) noexcept:
    if at == page.end:
        return NULL
    at[0] = octet
    return at + 1


cdef inline char *_put_number(char *at, page_t *page, unsigned long long number) noexcept:
    """Where they are to stand: digits that are made elsewhere, one by one, keep the copy of them all waiting."""
    cdef unsigned long long bound = 10
    cdef Py_ssize_t size = 1, i
    while size < NUMBER_BYTES_MAX and number >= bound:
        bound *= 10
        size += 1
    if size > page.end - at:
        return NULL
    for i in range(size - 1, -1, -1):
        at[i] = c"0" + <char>(number % 10)
        number //= 10
    return at + size


cdef char *_put_seconds(char *at, page_t *page, long long ns) noexcept:
    """With six digits behind the point."""
    cdef char[7] fraction
    cdef long long us = ns // 1000
    cdef int i
    at = _put_number(at, page, us // 1_000_000)
    if at == NULL:
        return NULL
    us %= 1_000_000
    for i in range(6, 0, -1):
        fraction[i] = c"0" + <char>(us % 10)
        us //= 10
    fraction[0] = c"."
    return _put(at, page, fraction, 7)


def rendered(LineFormat form not None, dict environ not None, *, int code=200, long long queue_ns=0,
             long long application_ns=0, long long first_byte_ns=0, long long received=0, long long sent=0,
             list fields=None):
    """The Python face, for tests: the line, b"" where it is too long at any rate."""
    cdef char[LINE_BYTES_MAX] room
    cdef outcome_t outcome
    outcome.code = code
    outcome.queue_ns = queue_ns
    outcome.application_ns = application_ns
    outcome.first_byte_ns = first_byte_ns
    outcome.received = received
    outcome.sent = sent
    outcome.ended_ns = clock_ns()
    outcome.fields_sent = ~0
    method, target = environ.get("REQUEST_METHOD"), environ.get("REQUEST_URI")
    version = environ.get("SERVER_PROTOCOL")
    outcome.method, outcome.target, outcome.version = <PyObject *>method, <PyObject *>target, <PyObject *>version
    return room[:form.render(room, &outcome, environ, fields, True)]
