# cython: language_level=3, embedsignature=True
"""Every way in which a request is refused: its status, its name in logs and counters, and why.

The codes are a C enumeration (refusals.pxd), so that a parser can answer with a number and without the GIL;
this table turns the number into words. `_table` checks at import that codes and rows stand in the same order,
one row for each.
"""
from http import HTTPStatus
from typing import NamedTuple


class Refusal(NamedTuple):
    """Why a request is refused; `text` is one plain sentence fit for the client and for the log."""

    status: int
    rule: str
    text: str


_ROWS = [
    (REFUSE_TLS_ON_PLAIN, 400, "tls-on-plain",
     "This port speaks plain HTTP, but a TLS handshake arrived (RFC 9110 section 4.2.1)."),
    (REFUSE_BARE_LF, 400, "bare-lf", "A line ended with LF alone instead of CRLF (RFC 9112 section 2.2)."),
    (REFUSE_BARE_CR, 400, "bare-cr", "A CR stood without an LF behind it (RFC 9112 section 2.2)."),
    (REFUSE_EMPTY_LINES, 400, "empty-lines",
     "More than one empty line came before the request line (RFC 9112 section 2.2)."),
    (REFUSE_METHOD, 400, "bad-method",
     "The request does not begin with a method, which is a token (RFC 9110 section 9.1)."),
    (REFUSE_METHOD_TOO_LONG, 501, "method-too-long",
     "The method is longer than any that is implemented (RFC 9112 section 3)."),
    (REFUSE_REQUEST_LINE_SPACES, 400, "request-line-spaces",
     "Method, target and version are not separated by exactly one space each (RFC 9112 section 3)."),
    (REFUSE_NO_VERSION, 400, "no-version", "The request line has no HTTP version (RFC 9112 section 3)."),
    (REFUSE_BAD_VERSION, 400, "bad-version",
     "The version is not of the form HTTP/1.1 (RFC 9112 section 2.3)."),
    (REFUSE_VERSION, 505, "version", "Only HTTP/1.0 and HTTP/1.1 are spoken here (RFC 9110 section 15.6.6)."),
    (REFUSE_CONNECT, 501, "connect",
     "CONNECT is for proxies, which this server is not (RFC 9110 section 9.3.6)."),
    (REFUSE_TARGET_BYTES, 400, "target-bytes",
     "The request target holds a control byte or a byte outside ASCII (RFC 9112 section 3.2)."),
    (REFUSE_TARGET_FORM, 400, "target-form",
     "The request target is neither a path nor an http or https URI (RFC 9112 section 3.2)."),
    (REFUSE_ASTERISK, 400, "asterisk", "The target * belongs to OPTIONS alone (RFC 9112 section 3.2.4)."),
    (REFUSE_FRAGMENT, 400, "fragment", "The request target holds a fragment (RFC 9112 section 3.2)."),
    (REFUSE_TARGET_AUTHORITY, 400, "target-authority",
     "The authority in the request target is not host and port (RFC 9110 section 4.2)."),
    (REFUSE_MISDIRECTED, 421, "misdirected",
     "An https URI was asked for over a connection without TLS (RFC 9110 section 7.4)."),
    (REFUSE_PERCENT, 400, "bad-percent",
     "A % in the path is not followed by two hexadecimal digits (RFC 3986 section 2.1)."),
    (REFUSE_PERCENT_NUL, 400, "percent-nul", "The path holds an encoded NUL, %00 (RFC 3986 section 7.3)."),
    (REFUSE_SPACE_BEFORE_FIELDS, 400, "space-before-fields",
     "White space stands between the request line and the first field (RFC 9112 section 2.2)."),
    (REFUSE_OBS_FOLD, 400, "obs-fold", "A field is folded over several lines (RFC 9112 section 5.2)."),
    (REFUSE_NO_COLON, 400, "no-colon", "A field line has no colon (RFC 9112 section 5)."),
    (REFUSE_EMPTY_NAME, 400, "empty-name", "A field has no name (RFC 9110 section 5.1)."),
    (REFUSE_SPACE_BEFORE_COLON, 400, "space-before-colon",
     "White space stands between a field name and its colon (RFC 9112 section 5.1)."),
    (REFUSE_FIELD_NAME, 400, "bad-field-name", "A field name is not a token (RFC 9110 section 5.1)."),
    (REFUSE_UNDERSCORE, 400, "underscore",
     "A field name holds an underscore, which gateways confuse with a dash (RFC 3875 section 4.1.18)."),
    (REFUSE_FIELD_VALUE, 400, "bad-field-value",
     "A field value holds a control byte (RFC 9110 section 5.5)."),
    (REFUSE_NO_HOST, 400, "no-host", "An HTTP/1.1 request has no Host field (RFC 9112 section 3.2)."),
    (REFUSE_TWO_HOSTS, 400, "two-hosts", "The request has more than one Host field (RFC 9112 section 3.2)."),
    (REFUSE_BAD_HOST, 400, "bad-host", "The Host field is not host and port (RFC 9110 section 7.2)."),
    (REFUSE_BAD_LENGTH, 400, "bad-length",
     "Content-Length is not a decimal number of at most 19 digits (RFC 9110 section 8.6)."),
    (REFUSE_TWO_LENGTHS, 400, "two-lengths",
     "The request has more than one Content-Length (RFC 9112 section 6.3)."),
    (REFUSE_LENGTH_AND_CODING, 400, "length-and-coding",
     "The request has both Content-Length and Transfer-Encoding (RFC 9112 section 6.1)."),
    (REFUSE_CODING_ON_1_0, 400, "coding-on-1.0",
     "Transfer-Encoding came with HTTP/1.0 (RFC 9112 section 6.1)."),
    (REFUSE_BAD_CODING, 400, "bad-coding",
     "Transfer-Encoding is malformed, or chunked is not its last coding, once (RFC 9112 section 6.1)."),
    (REFUSE_CODING, 501, "coding", "Of transfer codings only chunked is understood (RFC 9112 section 6.1)."),
    (REFUSE_EXPECTATION, 417, "expectation",
     "Only the expectation 100-continue is understood (RFC 9110 section 10.1.1)."),
    (REFUSE_CHUNK_SIZE, 400, "bad-chunk-size",
     "A chunk size is not a hexadecimal number (RFC 9112 section 7.1)."),
    (REFUSE_CHUNK_SIZE_TOO_LONG, 400, "chunk-size-too-long",
     "A chunk size has more than 15 digits (RFC 9112 section 7.1)."),
    (REFUSE_CHUNK_EXTENSION, 400, "bad-chunk-extension",
     "A chunk extension is malformed (RFC 9112 section 7.1.1)."),
    (REFUSE_CHUNK_EXTENSION_TOO_LONG, 400, "chunk-extension-too-long",
     "The chunk extensions of a body take more than 4096 bytes (RFC 9112 section 7.1.1)."),
    (REFUSE_CHUNK_END, 400, "bad-chunk-end",
     "The data of a chunk is not followed by CRLF (RFC 9112 section 7.1)."),
    (REFUSE_LINE_TOO_LONG, 414, "line-too-long",
     "The request line is longer than the limit (RFC 9112 section 3)."),
    (REFUSE_TOO_MANY_FIELDS, 431, "too-many-fields",
     "The request has more fields than the limit (RFC 6585 section 5)."),
    (REFUSE_FIELD_TOO_LARGE, 431, "field-too-large",
     "A field is larger than the limit (RFC 6585 section 5)."),
    (REFUSE_HEAD_TOO_LARGE, 431, "head-too-large",
     "The request head is larger than the limit (RFC 6585 section 5)."),
    (REFUSE_TRAILERS_TOO_LARGE, 431, "trailers-too-large",
     "The trailer section is larger than the limit (RFC 6585 section 5)."),
    (REFUSE_BODY_TOO_LARGE, 413, "body-too-large",
     "The body is larger than the limit (RFC 9110 section 15.5.14)."),
    (REFUSE_HEADER_TIMEOUT, 408, "header-timeout",
     "The request head did not arrive in time (RFC 9110 section 15.5.9)."),
    (REFUSE_BODY_TIMEOUT, 408, "body-timeout", "The body stopped arriving (RFC 9110 section 15.5.9)."),
    (REFUSE_BODY_RATE, 408, "body-rate",
     "The body arrived more slowly than the minimum rate (RFC 9110 section 15.5.9)."),
    (REFUSE_QUEUE_TIMEOUT, 503, "queue-timeout",
     "The request waited too long for a free thread (RFC 9110 section 15.6.4)."),
    (REFUSE_BACKLOG_FULL, 503, "backlog-full",
     "Too many requests are waiting already (RFC 9110 section 15.6.4)."),
    (REFUSE_NO_MEMORY, 503, "no-memory", "There is no memory for this request (RFC 9110 section 15.6.4)."),
    (REFUSE_SPOOL_FULL, 507, "spool-full", "There is no room on disk for the body (RFC 4918 section 11.5)."),
    (REFUSE_PLAIN_ON_TLS, 400, "plain-on-tls",
     "This port speaks TLS, but a plain HTTP request arrived: use https:// (RFC 9110 section 4.2.2)."),
]


def _table(rows):
    assert [row[0] for row in rows] == list(range(2, REFUSALS_COUNT))
    return [None, None] + [Refusal(*row[1:]) for row in rows]


REFUSALS = _table(_ROWS)


def reason_phrase(int code):
    """The reason of a status code, "Unknown" for one that RFC 9110 does not know."""
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"


def refusal_answer(refusal):
    """(the head of the answer, without Server, Date and its end; the body), as bytes."""
    line = f"{refusal.status} {reason_phrase(refusal.status)}"
    body = f"{line}: {refusal.text}\n".encode()
    head = (f"HTTP/1.1 {line}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n").encode()
    return head, body
