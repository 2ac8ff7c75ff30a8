# cython: language_level=3, boundscheck=False, wraparound=False
"""Status and fields of an answer, as the application gives them to start_response: checked, then rendered.

An answer is refused, never repaired: a line break in a value, a name that is no token, a hop-by-hop field are errors
that name the field, before an octet has left (PEP 3333, RFC 9110 section 5.5). What concerns the framing is noted in
an answer_t; Connection is left to whoever knows how the connection goes on.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from potstill.core.stats cimport Stats
from potstill.core.workspace cimport Workspace

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    const unsigned char *PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef enum:
    STATUS_LINES_MAX = 256             # texts remembered; an application that invents more gets them rendered anew
    LENGTH_DIGITS_MAX = 18

cdef unsigned char[256] TOKEN          # octets of a field name (RFC 9110 section 5.6.2)
cdef unsigned char[256] TEXT           # octets of a field value (RFC 9110 section 5.5)


cdef void _fill_tables():
    cdef int octet
    for octet in range(256):
        TOKEN[octet] = 0
        TEXT[octet] = octet == 9 or (octet >= 32 and octet != 127)
    for octet in b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
        TOKEN[octet] = 1


_fill_tables()


@cython.final
cdef class StatusLine:
    """A status text of the application, checked and rendered once."""


cdef int answer_render(answer_t *answer, Workspace workspace, object status, object headers) except -1:
    """Check status and fields, and write them into the output buffer. A later call starts over."""
    cdef StatusLine line
    answer.declared = -1
    answer.has_date = answer.has_server = answer.close = False
    workspace.output_size = 0
    line = <StatusLine>workspace.status_lines.get(status) if type(status) is str else None
    if line is None:
        line = _status_line(status)
        if len(workspace.status_lines) < STATUS_LINES_MAX:
            workspace.status_lines[status] = line
    answer.code = line.code
    workspace.put(PyBytes_AS_STRING(line.line), PyBytes_GET_SIZE(line.line))
    if not isinstance(headers, list):
        raise TypeError(f"response headers must be a list of tuples, not {type(headers).__name__} (PEP 3333)")
    for field in headers:              # not by index: the application may shorten the list meanwhile
        if not isinstance(field, tuple) or len(field) != 2:
            raise TypeError(f"a response header must be a tuple (name, value), not {field!r}")
        answer_put_field(answer, workspace, (<tuple>field)[0], (<tuple>field)[1])
    return 0


cdef int answer_put_field(answer_t *answer, Workspace workspace, object name, object value) except -1:
    cdef Py_ssize_t name_size, value_size, i
    cdef const unsigned char *octets
    cdef unsigned char fair = 1
    cdef char *into
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"name and value of response header {name!r} must be str, not "
                        f"{type(name).__name__} and {type(value).__name__}")
    name_size = PyUnicode_GET_LENGTH(name)
    value_size = PyUnicode_GET_LENGTH(value)
    if PyUnicode_KIND(name) != 1 or name_size == 0:
        raise ValueError(f"response header {name!r} is not a field name (RFC 9110 section 5.1)")
    octets = PyUnicode_1BYTE_DATA(name)
    for i in range(name_size):
        fair &= TOKEN[octets[i]]
    if not fair:
        raise ValueError(f"response header {name!r} is not a field name (RFC 9110 section 5.1)")
    if PyUnicode_KIND(value) != 1:
        raise ValueError(f"response header {name!r} has a value that is not latin-1: {value!r} (PEP 3333)")
    octets = PyUnicode_1BYTE_DATA(value)
    for i in range(value_size):
        fair &= TEXT[octets[i]]
    if not fair:
        raise ValueError(f"response header {name!r} has a control character in its value: {value!r} "
                         "(RFC 9110 section 5.5)")
    if _special(answer, name, value):
        return 0
    into = workspace.room(name_size + value_size + 4)
    memcpy(into, PyUnicode_1BYTE_DATA(name), name_size)
    into += name_size
    into[0] = c":"
    into[1] = c" "
    memcpy(into + 2, octets, value_size)
    into += value_size + 2
    into[0] = c"\r"
    into[1] = c"\n"
    workspace.output_size += name_size + value_size + 4
    return 0


cdef bint _special(answer_t *answer, object name, object value) except -1:
    """What a field means for the framing. True when it is not to be written as it stands."""
    cdef const unsigned char *octets = PyUnicode_1BYTE_DATA(name)
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(name)
    if size == 4:
        answer.has_date |= _same(octets, b"date", 4)
    elif size == 6:
        answer.has_server |= _same(octets, b"server", 6)
    elif size == 14 and _same(octets, b"content-length", 14):
        if answer.declared >= 0:
            raise ValueError("response header 'Content-Length' was given twice")
        answer.declared = _length(value)
        if answer.code < 200 or answer.code == 204:
            answer.declared = -1
            return True            # RFC 9110 section 8.6: must not be sent with 1xx and 204
    elif size == 10 and _same(octets, b"connection", 10):
        if value.strip().lower() != "close":
            raise ValueError(f"response header 'Connection' may only be 'close', not {value!r} (PEP 3333)")
        answer.close = True
        return True                # written once, when the framing is
    elif _hop_by_hop(octets, size):
        raise ValueError(f"response header {name!r} is hop-by-hop: the server's business (PEP 3333)")
    return False


cdef StatusLine _status_line(object status):
    """RFC 9112 section 4: three digits, a space, a reason without control characters."""
    if not isinstance(status, str):
        raise TypeError(f"status must be str, not {type(status).__name__} (PEP 3333)")
    digits = status[:3]
    if not (len(status) >= 4 and status[3] == " " and digits.isascii() and digits.isdigit() and digits >= "100"):
        raise ValueError(f"status must look like '200 OK', not {status!r} (PEP 3333)")
    if any(not (character == "\t" or " " <= character <= "~" or "\x80" <= character <= "\xff") for character in status):
        raise ValueError(f"status has a character that must not be sent: {status!r} (RFC 9112 section 4)")
    cdef StatusLine line = StatusLine.__new__(StatusLine)
    line.code = int(digits)
    line.line = f"HTTP/1.1 {status}\r\n".encode("latin-1")
    return line


cdef long long _length(object value) except -1:
    digits = value.strip(" \t")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= LENGTH_DIGITS_MAX):
        raise ValueError(f"response header 'Content-Length' is not a length: {value!r} (RFC 9110 section 8.6)")
    return int(digits)


cdef bint _same(const unsigned char *octets, const char *lower, Py_ssize_t size) noexcept:
    """Whether a token equals a lower-case name without "-" being mistaken for another octet."""
    cdef Py_ssize_t i
    for i in range(size):
        if octets[i] != <unsigned char>lower[i] and octets[i] + 32 != <unsigned char>lower[i]:
            return False
    return True


cdef bint _hop_by_hop(const unsigned char *octets, Py_ssize_t size) noexcept:
    """RFC 2616 section 13.5.1, as PEP 3333 cites it; Connection is looked at elsewhere."""
    if size == 2:
        return _same(octets, b"te", 2)
    if size == 7:
        return _same(octets, b"upgrade", 7) or _same(octets, b"trailer", 7)
    if size == 8:
        return _same(octets, b"trailers", 8)
    if size == 10:
        return _same(octets, b"keep-alive", 10)
    if size == 16:
        return _same(octets, b"proxy-connection", 16)
    if size == 17:
        return _same(octets, b"transfer-encoding", 17)
    if size == 18:
        return _same(octets, b"proxy-authenticate", 18)
    if size == 19:
        return _same(octets, b"proxy-authorization", 19)
    return False


def render(status, headers):
    """The Python face, for tests: (the octets, what concerns the framing)."""
    cdef Workspace workspace = Workspace(Stats(1), 0, 1)
    cdef answer_t answer
    answer_render(&answer, workspace, status, headers)
    return workspace.output[:workspace.output_size], {
        "code": answer.code, "declared": answer.declared, "has_date": bool(answer.has_date),
        "has_server": bool(answer.has_server), "close": bool(answer.close)}
