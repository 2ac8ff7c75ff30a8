# cython: language_level=3, boundscheck=False, wraparound=False
"""A request head → the environ of PEP 3333, in one pass over the spans that the parser left.

What all requests of a listener have in common is made once and copied as a whole. Names of well-known fields are
translated by number, not by text; the value that such a field had last is kept and shared when the next request sends
the same, as a client's requests mostly do. Values are native strings that hold octets as latin-1 (PEP 3333).

Left out on purpose: `os.environ` (a process variable HTTP_X would become a request header), Transfer-Encoding
(framing is over before the application is called), Proxy (it would become HTTP_PROXY: httpoxy).
"""

cimport cython
from cpython.dict cimport PyDict_Copy, PyDict_SetItem, PyDict_Size
from cpython.ref cimport PyObject
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from potstill.core.body cimport Body
from potstill.core.fields cimport field_bit
from potstill.core.http1 cimport (
    FIELD_AUTHORIZATION,
    FIELD_CONTENT_LENGTH,
    FIELD_CONTENT_TYPE,
    FIELD_COOKIE,
    FIELD_PROXY,
    FIELD_TRANSFER_ENCODING,
    FORM_ASTERISK,
    HEADER_MAP_KEEP,
    INCOMPLETE,
    field_t,
    head_feed,
    head_free,
    head_init,
    known_fields_count,
    limits_t,
    path_decode,
)

from potstill.core.http1 import KNOWN_FIELDS

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    unsigned char *PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    object PyUnicode_DecodeLatin1(const char *data, Py_ssize_t size, const char *errors)
    PyObject *PyDict_SetDefault(object mapping, object key, object value) except NULL

cdef enum:
    SHARED_VALUE_BYTES_MAX = 256       # longer values are rarely the same twice
    STACK_PATH_BYTES = 1024
    ROOMY_KEYS = 43                    # a dict of 43 keys has a table for 85

cdef str METHOD = "REQUEST_METHOD"
cdef str PATH_INFO = "PATH_INFO"
cdef str QUERY_STRING = "QUERY_STRING"
cdef str REQUEST_URI = "REQUEST_URI"
cdef str PROTOCOL = "SERVER_PROTOCOL"
cdef str REMOTE_ADDR = "REMOTE_ADDR"
cdef str REMOTE_PORT = "REMOTE_PORT"
cdef str INPUT = "wsgi.input"
cdef str CONTENT_TYPE = "CONTENT_TYPE"
cdef str CONTENT_LENGTH = "CONTENT_LENGTH"
cdef str HTTP_HOST = "HTTP_HOST"
cdef str HTTP_1_1 = "HTTP/1.1"
cdef str HTTP_1_0 = "HTTP/1.0"
cdef str GET = "GET"
cdef str POST = "POST"
cdef str EMPTY = ""

# Secrets are not kept for sharing: they should not outlive their request.
cdef set UNSHARED = {FIELD_COOKIE, FIELD_AUTHORIZATION, FIELD_CONTENT_LENGTH}


# What Transfer_Encoding and the like would become where names with "_" are kept: an application could take them for the
# fields that frame and describe the body, which no environ has under these keys.
cdef set LOOK_ALIKES = {"HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"}


cdef object _latin1(const unsigned char *data, Py_ssize_t size):
    if size == 0:
        return EMPTY
    return PyUnicode_DecodeLatin1(<const char *>data, size, NULL)


@cython.final
cdef class EnvironBuilder:
    """Makes environs for the requests of one listener.

    Args:
        server_name, server_port: what SERVER_NAME and SERVER_PORT say; never empty (PEP 3333).
        url_scheme: "http" or "https".
        extra: further keys that every environ of this listener carries (wsgi.errors, wsgi.multithread …).
    """

    def __init__(self, str server_name, str server_port, str url_scheme, dict extra):
        if not server_name or not server_port:
            raise ValueError("SERVER_NAME and SERVER_PORT must not be empty (PEP 3333)")
        self._server_name = server_name
        base = {}
        for key, value in _constants(server_name, server_port, url_scheme).items():
            base[key] = value
        for key, value in extra.items():
            base[key] = value
        # A copy keeps its original's table: one made for this many keys has room for a request's fields, so that no
        # environ grows, and so rehashes, while it is filled.
        spare = [f"room {i}" for i in range(len(base), ROOMY_KEYS)]
        for key in spare:
            base[key] = None
        for key in spare:
            del base[key]
        self.base = base
        self._methods = {name.encode(): name for name in
                         ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")}
        self._keys = [("HTTP_" + name.upper().replace("-", "_")) for name in KNOWN_FIELDS]
        self._values = [None] * len(KNOWN_FIELDS)
        for not_passed_on in (FIELD_TRANSFER_ENCODING, FIELD_PROXY):
            self._keys[not_passed_on] = None
        self._keys[FIELD_CONTENT_TYPE] = CONTENT_TYPE
        self._keys[FIELD_CONTENT_LENGTH] = CONTENT_LENGTH

    cdef dict build(self, dict base, const unsigned char *data, head_t *head, object body, str remote_addr,
                    str remote_port):
        """The environ of the request whose head stands at `data`, on `base`; everything in it is a copy."""
        cdef dict environ = <dict>PyDict_Copy(base)
        PyDict_SetItem(environ, INPUT, body)
        PyDict_SetItem(environ, REMOTE_ADDR, remote_addr)
        PyDict_SetItem(environ, REMOTE_PORT, remote_port)
        self._put_request(environ, data, head)
        self._put_fields(environ, data, head)
        if head.authority.length:
            # RFC 9112 section 3.2.2: an absolute target's authority replaces what Host says.
            PyDict_SetItem(environ, HTTP_HOST, _latin1(data + head.authority.start, head.authority.length))
        return environ

    cdef int _put_request(self, dict environ, const unsigned char *data, head_t *head) except -1:
        cdef const unsigned char *method = data + head.method.start
        cdef const unsigned char *path = data + head.path.start
        self.method, self.version, self.fields_sent = GET, HTTP_1_1, 0
        if head.method.length != 3 or memcmp(method, b"GET", 3) != 0:
            name = method[:head.method.length]
            known = self._methods.get(name)
            self.method = known if known is not None else name.decode("latin-1")
            PyDict_SetItem(environ, METHOD, self.method)
        self.target = target = _latin1(data + head.target.start, head.target.length)
        PyDict_SetItem(environ, REQUEST_URI, target)
        if head.form == FORM_ASTERISK:
            PyDict_SetItem(environ, PATH_INFO, EMPTY)      # "*" is not a path; REQUEST_URI tells it from the root
        elif head.path_encoded:
            PyDict_SetItem(environ, PATH_INFO, _decoded(path, head.path.length))
        elif head.path.length == head.target.length:
            PyDict_SetItem(environ, PATH_INFO, target)
        elif head.path.length:
            PyDict_SetItem(environ, PATH_INFO, _latin1(path, head.path.length))
        if head.query.length:
            PyDict_SetItem(environ, QUERY_STRING, _latin1(data + head.query.start, head.query.length))
        if head.version.length == 8 and data[head.version.start + 7] != c"1":
            self.version = HTTP_1_0 if data[head.version.start + 7] == c"0" \
                else _latin1(data + head.version.start, head.version.length)
            PyDict_SetItem(environ, PROTOCOL, self.version)
        return 0

    cdef int _put_fields(self, dict environ, const unsigned char *data, head_t *head) except -1:
        cdef field_t *field
        cdef Py_ssize_t size
        cdef unsigned int i
        for i in range(head.field_count):
            field = &head.fields[i]
            if field.known >= 0:
                key = <object>self._keys[field.known]
                if key is None:
                    continue
                value = self._known_value(field.known, data + field.value.start, field.value.length)
                self.fields_sent |= field_bit(field.known)
            else:
                key = _key(data + field.name.start, field.name.length)
                if memchr(data + field.name.start, c"_", field.name.length) != NULL:
                    self.fields_sent = ~0      # its key may be that of any field
                if key in LOOK_ALIKES:
                    continue
                value = _latin1(data + field.value.start, field.value.length)
            size = PyDict_Size(environ)
            before = <object>PyDict_SetDefault(environ, key, value)
            if PyDict_Size(environ) == size:
                PyDict_SetItem(environ, key, _joined(field.known, before, value))
        return 0

    cdef object _known_value(self, int known, const unsigned char *data, Py_ssize_t size):
        """The field's value, shared with the last request that sent the same."""
        last = <object>self._values[known]
        if last is not None and PyUnicode_GET_LENGTH(last) == size \
                and memcmp(PyUnicode_1BYTE_DATA(last), data, size) == 0:
            return last
        value = _latin1(data, size)
        if size <= SHARED_VALUE_BYTES_MAX and known not in UNSHARED:
            self._values[known] = value
        return value


cdef dict _constants(str server_name, str server_port, str url_scheme):
    """Keys of every environ; those that differ from request to request stand here for their place in the table."""
    return {
        METHOD: GET, "SCRIPT_NAME": "", PATH_INFO: "/", QUERY_STRING: "", REQUEST_URI: "/", PROTOCOL: HTTP_1_1,
        "SERVER_NAME": server_name, "SERVER_PORT": server_port, "GATEWAY_INTERFACE": "CGI/1.1",
        REMOTE_ADDR: "", REMOTE_PORT: "", INPUT: None, "wsgi.version": (1, 0), "wsgi.url_scheme": url_scheme,
        "wsgi.run_once": False, "wsgi.input_terminated": True,
        # What facilities.pyx fills in.
        "potstill.deadline": None, "potstill.queue_seconds": 0.0, "potstill.client_disconnected": None,
        "potstill.on_disconnect": None, "potstill.io_bound": None, "potstill.trailers": None,
        "potstill.send_trailers": None, "wsgi.early_hints": None, "gunicorn.socket": None,
        "waitress.client_disconnected": None,
    }


# In this order they stand at the front of every environ, whatever else comes in.
KEYS = tuple(_constants("", "", ""))


cdef object _joined(int known, object before, object value):
    """RFC 9110 section 5.3; cookie pairs by RFC 6265's "; " (RFC 9113 section 8.2.3 says so of several fields)."""
    return before + ("; " if known == FIELD_COOKIE else ", ") + value


cdef object _key(const unsigned char *name, Py_ssize_t size):
    """RFC 3875 section 4.1.18: HTTP_, upper case, "-" as "_"."""
    cdef unsigned char octet
    cdef Py_ssize_t i
    key = PyUnicode_New(size + 5, 127)
    cdef unsigned char *into = PyUnicode_1BYTE_DATA(key)
    memcpy(into, b"HTTP_", 5)
    for i in range(size):
        octet = name[i]
        if c"a" <= octet <= c"z":
            octet -= 32
        elif octet == c"-":
            octet = c"_"
        into[5 + i] = octet
    return key


cdef object _decoded(const unsigned char *path, Py_ssize_t size):
    """Percent-decoded once, octets as latin-1 (PEP 3333)."""
    cdef unsigned char[STACK_PATH_BYTES] room
    cdef unsigned char *into = room
    if size > STACK_PATH_BYTES:
        into = <unsigned char *>malloc(size)
        if into == NULL:
            raise MemoryError
    try:
        return _latin1(into, path_decode(path, size, into))
    finally:
        if into != room:
            free(into)


def build(bytes data not None, EnvironBuilder builder not None, str remote_addr="127.0.0.1", str remote_port="50000"):
    """The Python face: the environ of a whole request head, without a connection.

    Raises ValueError where the head is incomplete or refused.
    """
    cdef head_t head
    cdef limits_t limits
    cdef int verdict
    limits.line_bytes_max = 8190
    limits.fields_max = 100
    limits.field_bytes_max = 16384
    limits.head_bytes_max = 65536
    limits.header_map = HEADER_MAP_KEEP
    if head_init(&head, limits.fields_max) != 0:
        raise MemoryError
    try:
        verdict = head_feed(&head, <const unsigned char *>data, len(data), &limits)
        if verdict > INCOMPLETE + 1 or verdict == INCOMPLETE:
            raise ValueError(f"not a whole and acceptable head: {verdict}")
        return builder.build(builder.base, <const unsigned char *>data, &head, Body(), remote_addr, remote_port)
    finally:
        head_free(&head)
