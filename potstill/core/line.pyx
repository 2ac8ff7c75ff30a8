# cython: language_level=3, boundscheck=False, wraparound=False
"""One line of the access log: the steps of a format, each with a value, escaped for where it stands.

Which steps a format has, and how each is to be escaped, is decided by `potstill.settings.log_formats`. Here it is done:
an octet that has a meaning of its own is written as \\x22, or as JSON has it, so that a line is a line and a field a
field whatever a client sends. A line has a limit, and it is the longest values that are cut to keep it: a pipe takes
LINE_BYTES_MAX in one piece, and so no line is torn by another process's.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport PyObject
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcpy
from libc.time cimport time_t, tm

from potstill.core.poll cimport clock_ns

import json
import os

cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object mapping, PyObject *key) except? NULL
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
    # Steps. The names are those of settings/log_formats.py.
    TEXT, STAMP, ISO, CLOCK, REQUEST, PATH, QUERY, STATUS, SENT, SENT_OR_DASH
    SECONDS, MILLISECONDS, MICROSECONDS, DECIMAL, QUEUE_TIME, APP_TIME, FIRST_BYTE_TIME, RECEIVED, REQUEST_ID
    METHOD, PROTOCOL, ENVIRON, ANSWER_FIELD, COLOUR, PLAIN

cdef enum:
    ESCAPE_BARE = 2
    ESCAPE_JSON = 3
    SHORT = 16

cdef const char *MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
cdef const char *HEX = b"0123456789abcdef"

cdef dict KINDS = {
    "text": TEXT, "t": STAMP, "time": ISO, "clock": CLOCK, "r": REQUEST, "U": PATH, "q": QUERY, "s": STATUS,
    "B": SENT, "b": SENT_OR_DASH, "T": SECONDS, "M": MILLISECONDS, "D": MICROSECONDS, "L": DECIMAL,
    "queue_time": QUEUE_TIME, "app_time": APP_TIME, "first_byte_time": FIRST_BYTE_TIME, "received": RECEIVED,
    "id": REQUEST_ID, "m": METHOD, "H": PROTOCOL, "environ": ENVIRON, "answer": ANSWER_FIELD, "colour": COLOUR,
    "plain": PLAIN,
}
# Atoms that are a key of the environ.
cdef dict AT = {
    "h": "REMOTE_ADDR", "u": "REMOTE_USER", "f": "HTTP_REFERER", "a": "HTTP_USER_AGENT",
    "route": "potstill.route", "scheme": "wsgi.url_scheme", "tls": "SSL_PROTOCOL",
}
cdef str ID_KEY = "potstill.request_id"
cdef str ID_FIELD = "HTTP_X_REQUEST_ID"


cdef bytes _unsafe(int escape, bint words, str fence):
    """256 octets: which do not stand for themselves in a value, and so neither does what follows it in the format.

    `words`: where it is several words, so that none of them becomes two.
    """
    marks = b'"\\'
    if escape == ESCAPE_BARE or (words and escape != ESCAPE_JSON):
        marks += b" "
    if escape != ESCAPE_JSON and not fence.isalnum():
        marks += fence.encode()
    return bytes([not 0x20 <= octet < 0x7f or octet in marks for octet in range(256)])


cdef dict TABLES = {}                  # of _unsafe, each under itself, kept for ever: there are few


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
        self._steps = <step_t *>calloc(len(steps) + 1, sizeof(step_t))
        if self._steps == NULL:
            raise MemoryError
        for atom, text, escape, fence in steps:
            step = &self._steps[self._count]
            key = text
            if atom == "l":
                atom, text = "text", "-"
            elif atom in ("p", "worker"):
                atom, text = "text", str(os.getpid() if atom == "p" else worker)
            elif atom in AT:
                atom, key = "environ", AT[atom]
            if atom == "text":
                key = text.encode() + bytes(SHORT)
                step.text = PyBytes_AS_STRING(key)
                step.size = PyBytes_GET_SIZE(key) - SHORT
            step.kind = KINDS[atom]
            step.as_json = escape == ESCAPE_JSON
            table = _unsafe(escape, step.kind == REQUEST, fence)
            step.unsafe = <const unsigned char *>PyBytes_AS_STRING(TABLES.setdefault(table, table))
            step.key = <PyObject *>key
            self.wants_fields |= step.kind == ANSWER_FIELD
            self._keys.append(key)
            self._count += 1

    def __dealloc__(self):
        free(self._steps)

    cdef Py_ssize_t render(self, char *into, const outcome_t *outcome, dict environ, list fields) except -1:
        """A line into LINE_BYTES_MAX octets; how long it is, its line feed included. 0: it is too long at any rate."""
        cdef page_t page
        cdef Py_ssize_t value_max = LINE_BYTES_MAX
        while value_max > 8:
            page.at, page.end = into, into + LINE_BYTES_MAX - 1
            page.value_max = value_max
            page.full = False
            self._render(&page, outcome, environ, fields)
            if not page.full:
                page.at[0] = c"\n"
                return page.at + 1 - into
            value_max = value_max // 8
        return 0

    cdef int _render(self, page_t *page, const outcome_t *outcome, dict environ, list fields) except -1:
        cdef long long total_ns = outcome.queue_ns + outcome.application_ns
        cdef step_t *step
        cdef PyObject *value
        cdef int i
        for i in range(self._count):
            step = &self._steps[i]
            if step.kind == TEXT:
                if step.size <= SHORT <= page.end - page.at:
                    memcpy(page.at, step.text, SHORT)
                    page.at += step.size
                else:
                    _put(page, step.text, step.size)
            elif step.kind == ENVIRON:
                _put_value(page, step, PyDict_GetItemWithError(environ, step.key))
            elif step.kind == REQUEST:
                _put_request(page, step, outcome)
            elif step.kind == STATUS:
                _put_number(page, outcome.code)
            elif step.kind == SENT:
                _put_number(page, outcome.sent)
            elif step.kind == SENT_OR_DASH:
                _put_sent(page, outcome.sent)
            elif step.kind == STAMP or step.kind == ISO or step.kind == CLOCK:
                self._put_time(page, step.kind, outcome.ended_ns)
            elif step.kind == PATH or step.kind == QUERY:
                _put_part(page, step, outcome.target)
            elif step.kind == METHOD:
                _put_value(page, step, outcome.method)
            elif step.kind == PROTOCOL:
                _put_value(page, step, outcome.version)
            elif step.kind == SECONDS:
                _put_number(page, total_ns // 1_000_000_000)
            elif step.kind == MILLISECONDS:
                _put_number(page, total_ns // 1_000_000)
            elif step.kind == MICROSECONDS:
                _put_number(page, total_ns // 1000)
            elif step.kind == DECIMAL:
                _put_seconds(page, total_ns)
            elif step.kind == QUEUE_TIME:
                _put_seconds(page, outcome.queue_ns)
            elif step.kind == APP_TIME:
                _put_seconds(page, outcome.application_ns)
            elif step.kind == FIRST_BYTE_TIME:
                _put_seconds(page, outcome.first_byte_ns)
            elif step.kind == RECEIVED:
                _put_number(page, outcome.received)
            elif step.kind == REQUEST_ID:
                value = _get(environ, ID_KEY)
                _put_value(page, step, _get(environ, ID_FIELD) if value == NULL or <object>value is None else value)
            elif step.kind == ANSWER_FIELD:
                found = _field(fields, <object>step.key)
                _put_value(page, step, NULL if found is None else <PyObject *>found)
            elif step.kind == COLOUR:
                _put(page, b"\x1b[32m" if outcome.code < 300 else b"\x1b[36m" if outcome.code < 400
                     else b"\x1b[33m" if outcome.code < 500 else b"\x1b[31m", 5)
            elif step.kind == PLAIN:
                _put(page, b"\x1b[0m", 4)
        return 0

    cdef int _put_time(self, page_t *page, int kind, long long ended_ns) except -1:
        """The time now. `ended_ns` is the same by the monotonic clock, and spares asking until the second is over."""
        cdef timespec now
        cdef char[8] fraction
        if kind == ISO or ended_ns >= self._until_ns:
            clock_gettime(CLOCK_REALTIME, &now)
            self._until_ns = ended_ns + 1_000_000_000 - now.tv_nsec
            if now.tv_sec != self._second:
                self._begin_second(now.tv_sec)
        if kind == STAMP:
            return _put(page, self._stamp, 28)
        if kind == CLOCK:
            return _put(page, self._clock, 20)
        _put(page, self._utc, 19)
        snprintf(fraction, 8, b".%03dZ", <int>(now.tv_nsec // 1_000_000))
        return _put(page, fraction, 5)


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


cdef inline PyObject *_get(dict environ, str key) except? NULL:
    """Borrowed; NULL for none."""
    return PyDict_GetItemWithError(environ, <PyObject *>key)


cdef object _field(list fields, str name):
    """What the answer has under a name in lower case."""
    if fields is not None:
        for pair in fields:
            if pair[0].lower() == name:
                return pair[1]
    return None


cdef int _put_request(page_t *page, const step_t *step, const outcome_t *outcome) except -1:
    _put_value(page, step, outcome.method)
    _put(page, b" ", 1)
    _put_value(page, step, outcome.target)
    _put(page, b" ", 1)
    return _put_value(page, step, outcome.version)


cdef int _put_part(page_t *page, const step_t *step, PyObject *target) except -1:
    """The target up to its question mark, or what is behind."""
    cdef const unsigned char *octets
    cdef const unsigned char *mark
    cdef Py_ssize_t size, at
    if not _is_octets(target):
        return _put_value(page, step, NULL)
    octets = PyUnicode_1BYTE_DATA(<object>target)
    size = PyUnicode_GET_LENGTH(<object>target)
    mark = <const unsigned char *>memchr(octets, c"?", size)
    at = size if mark == NULL else mark - octets
    if step.kind == PATH:
        return _put_octets(page, step, octets, at)
    at = min(at + 1, size)
    return _put_octets(page, step, octets + at, size - at)


cdef inline bint _is_octets(PyObject *value) noexcept:
    return value != NULL and type(<object>value) is str and PyUnicode_KIND(<object>value) == 1


cdef int _put_value(page_t *page, const step_t *step, PyObject *value) except -1:
    """A text of the environ or of the application's; "-" for none, which JSON has as nothing."""
    if _is_octets(value):              # borrowed: nothing runs meanwhile that could take it away
        return _put_octets(page, step, PyUnicode_1BYTE_DATA(<object>value), PyUnicode_GET_LENGTH(<object>value))
    if value == NULL or <object>value is None:
        return 0 if step.as_json else _put(page, b"-", 1)
    kept = <object>value               # whatever the application does while it is asked for its text
    return _put_text(page, step, kept)


cdef int _put_text(page_t *page, const step_t *step, object value) except -1:
    """What did not come as octets, and so comes from the application."""
    cdef bytes octets
    text = value if type(value) is str else _as_text(value)
    if step.as_json and PyUnicode_KIND(text) != 1:
        octets = json.dumps(text[:page.value_max]).removeprefix('"').removesuffix('"').encode()
        return _put(page, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))
    octets = text.encode("latin-1" if PyUnicode_KIND(text) == 1 else "utf-8", "backslashreplace")
    return _put_octets(page, step, <const unsigned char *>PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))


cdef str _as_text(object value):
    try:
        return str(value)
    except Exception:                  # an object of the application's
        return f"<{type(value).__name__}>"


cdef int _put_octets(page_t *page, const step_t *step, const unsigned char *octets, Py_ssize_t size) except -1:
    cdef const unsigned char *unsafe = step.unsafe
    cdef Py_ssize_t at = 0, begin
    size = min(size, page.value_max)
    if size == 0 and not step.as_json:
        return _put(page, b"-", 1)
    while at < size:
        begin = at
        while at < size and not unsafe[octets[at]]:
            at += 1
        _put(page, <const char *>octets + begin, at - begin)
        if at < size:
            _put_escaped(page, octets[at], step.as_json)
            at += 1
    return 0


cdef int _put_escaped(page_t *page, unsigned char octet, bint as_json) noexcept:
    cdef char[6] text
    if as_json and (octet == c'"' or octet == c"\\"):
        text[0], text[1] = c"\\", octet
        return _put(page, text, 2)
    if as_json:
        memcpy(text, b"\\u00", 4)
        text[4], text[5] = HEX[octet >> 4], HEX[octet & 15]
        return _put(page, text, 6)
    text[0], text[1], text[2], text[3] = c"\\", c"x", HEX[octet >> 4], HEX[octet & 15]
    return _put(page, text, 4)


# The page


cdef inline int _put(page_t *page, const char *text, Py_ssize_t size) noexcept:
    if size > page.end - page.at:
        page.full = True
        return 0
    memcpy(page.at, text, size)
    page.at += size
    return 0


cdef int _put_number(page_t *page, unsigned long long number) noexcept:
    cdef char[20] digits
    cdef int at = 20
    while True:
        at -= 1
        digits[at] = c"0" + <char>(number % 10)
        number //= 10
        if number == 0:
            return _put(page, digits + at, 20 - at)


cdef int _put_sent(page_t *page, long long sent) noexcept:
    return _put_number(page, sent) if sent else _put(page, b"-", 1)


cdef int _put_seconds(page_t *page, long long ns) noexcept:
    """With six digits behind the point."""
    cdef char[7] fraction
    cdef long long us = ns // 1000
    cdef int at
    _put_number(page, us // 1_000_000)
    us %= 1_000_000
    for at in range(6, 0, -1):
        fraction[at] = c"0" + <char>(us % 10)
        us //= 10
    fraction[0] = c"."
    return _put(page, fraction, 7)


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
    outcome.method, outcome.target = _get(environ, "REQUEST_METHOD"), _get(environ, "REQUEST_URI")
    outcome.version = _get(environ, "SERVER_PROTOCOL")
    return room[:form.render(room, &outcome, environ, fields)]
