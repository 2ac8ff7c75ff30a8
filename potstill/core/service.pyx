# cython: language_level=3
"""What all connections of an engine share: the application, and the limits that its clients are held to."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from potstill.core.peer cimport peer_name
from potstill.core.response cimport ResponseOptions
from potstill.core.stats cimport add
from potstill.core.workspace cimport Workspace

from potstill.core.refusals import REFUSALS, refusal_answer

cdef enum:
    LINE_BYTES_SEEN = 2048             # of a request line that was refused: more is not told


@cython.final
cdef class Service:
    """The application, and the limits that its clients are held to."""

    def __init__(self, application, options, ResponseOptions answers not None, log):
        self.application = application
        self.limits.line_bytes_max = options.limit_request_line
        self.limits.fields_max = options.limit_request_fields
        self.limits.field_bytes_max = options.limit_request_field_size
        self.limits.head_bytes_max = options.limit_request_head
        self.limits.header_map = ("drop", "refuse", "keep").index(options.header_map)
        self.body_bytes_max = options.limit_request_body
        self.body_memory_bytes = options.body_memory_bytes
        self.spool_dir = options.spool_dir
        self.keep_alive = options.keepalive_s > 0
        self.requests_max = options.keepalive_requests
        self.buffering = options.request_buffering
        self.body_timeout_ns = <long long>(options.body_timeout_s * 1e9)
        self.min_rate = options.min_rate_bytes_s
        self.request_timeout_ns = <long long>(options.request_timeout_s * 1e9)
        self.slow_ns = <long long>(options.slow_request_s * 1e9)
        self.queue_timeout_ns = <long long>(options.queue_timeout_s * 1e9)
        self.backlog_max = options.backlog_limit
        self.trust_request_start = options.trust_request_start
        self.cancel = options.cancel_on_disconnect
        self.retry_after = b"Retry-After: %d\r\n" % max(1, round(options.queue_timeout_s))
        self.answers = answers
        self.log = log

    cdef int refuse(self, Workspace workspace, int code, bint head_only, str addr, str port, dict environ) except -1:
        """Render the whole answer that refuses a request, the last of its connection (RFC 9112 section 9.6), and tell
        of it. `environ`: as much as is known of the request.
        """
        refusal = REFUSALS[code]
        add(&workspace.counters.refused[code], 1)
        self.log.info("refused %s: %d %s: %s", peer_name(addr, port), refusal.status, refusal.rule, refusal.text)
        head, body = refusal_answer(refusal)
        if refusal.status == 503:
            head += self.retry_after   # RFC 9110 section 10.2.3
        if head_only:
            body = b""
        workspace.output_size = 0
        workspace.put(PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
        workspace.put(PyBytes_AS_STRING(self.answers.server_line), PyBytes_GET_SIZE(self.answers.server_line))
        workspace.put_date()
        workspace.put(b"\r\n", 2)
        workspace.put(PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        self.answers.account.refuse(workspace, refusal.status, PyBytes_GET_SIZE(body), addr, environ)
        return 0


cdef dict words_of(const unsigned char *data, size_t size, dict secured):
    """What an environ would have of a request line that may be none: three words, or as many as there are.

    `secured`: what environs have of TLS, or None.
    """
    octets = (<bytes>data[:min(size, LINE_BYTES_SEEN)]).lstrip(b"\r\n")
    line = octets.partition(b"\n")[0].partition(b"\r")[0].decode("latin-1")
    method, _, rest = line.partition(" ")
    target, _, version = rest.rpartition(" ")
    words = {"wsgi.url_scheme": "http" if secured is None else "https", **(secured or {})}
    words.update(REQUEST_METHOD=method, REQUEST_URI=rest)
    if version.startswith("HTTP/"):
        words.update(REQUEST_URI=target, SERVER_PROTOCOL=version)
    return words
