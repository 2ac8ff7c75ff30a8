"""The request line: separators, line ends, method, version (RFC 9112 §2.2, §2.3 and §3)."""

from __future__ import annotations

from tests.wire.rows import HOST, Row, accept, message, refuse

# RFC 9110 §5.6.2: what a token may hold besides letters and digits. The backquote and the bar are among them.
TOKEN_MARKS = b"!#$%&'*+-.^_`|~"


def with_line(line: bytes) -> bytes:
    """A request with this line, otherwise correct."""
    return message(line, HOST)


def from_method(method: bytes) -> bytes:
    """A request with this method, otherwise correct."""
    return with_line(method + b" / HTTP/1.1")


def from_version(version: bytes) -> bytes:
    """A request with this version, otherwise correct."""
    return with_line(b"GET / " + version)


LINE_ENDS = [
    accept(
        "plain",
        with_line(b"GET / HTTP/1.1"),
        "9112 §3",
        REQUEST_METHOD="GET",
        PATH_INFO="/",
        QUERY_STRING="",
        REQUEST_URI="/",
        SERVER_PROTOCOL="HTTP/1.1",
    ),
    accept("an-empty-line-before", b"\r\n" + with_line(b"GET / HTTP/1.1"), "9112 §2.2", PATH_INFO="/"),
    refuse("two-empty-lines-before", b"\r\n\r\n" + with_line(b"GET / HTTP/1.1"), "rules: request line"),
    refuse("an-empty-line-of-lf-before", b"\n" + with_line(b"GET / HTTP/1.1"), "9112 §2.2"),
    refuse("a-cr-before", b"\r" + with_line(b"GET / HTTP/1.1"), "9112 §2.2"),
    refuse("cr-cr-lf-before", b"\r\r\n" + with_line(b"GET / HTTP/1.1"), "9112 §2.2"),
    refuse("only-empty-lines", b"\r\n\r\n\r\n", "rules: request line"),
    refuse("lf-ends-the-line", b"GET / HTTP/1.1\nHost: a.test\r\n\r\n", "9112 §2.2"),
    refuse("cr-ends-the-line", b"GET / HTTP/1.1\rHost: a.test\r\n\r\n", "9112 §2.2"),
    refuse("lf-everywhere", b"GET / HTTP/1.1\nHost: a.test\n\n", "9112 §2.2"),
    refuse("cr-cr-lf-ends-the-line", b"GET / HTTP/1.1\r\r\nHost: a.test\r\n\r\n", "9112 §2.2"),
    refuse("cr-before-the-version", with_line(b"GET /\r HTTP/1.1"), "9112 §2.2"),
    refuse("cr-in-the-method", with_line(b"G\rET / HTTP/1.1"), "9112 §2.2"),
    refuse("lf-in-the-target", with_line(b"GET /a\nb HTTP/1.1"), "9112 §2.2"),
    refuse("lf-cr-ends-the-line", b"GET / HTTP/1.1\n\rHost: a.test\r\n\r\n", "9112 §2.2"),
]

SEPARATORS = [
    refuse("a-space-first", with_line(b" GET / HTTP/1.1"), "9112 §3"),
    refuse("a-tab-first", with_line(b"\tGET / HTTP/1.1"), "9112 §3"),
    refuse("a-nul-first", with_line(b"\x00GET / HTTP/1.1"), "9112 §3"),
    refuse("two-spaces-after-the-method", with_line(b"GET  / HTTP/1.1"), "9112 §3"),
    refuse("two-spaces-before-the-version", with_line(b"GET /  HTTP/1.1"), "9112 §3"),
    refuse("a-space-after-the-version", with_line(b"GET / HTTP/1.1 "), "9112 §3"),
    refuse("a-tab-after-the-version", with_line(b"GET / HTTP/1.1\t"), "9112 §3"),
    refuse("a-tab-after-the-method", with_line(b"GET\t/ HTTP/1.1"), "9112 §3"),
    refuse("a-tab-before-the-version", with_line(b"GET /\tHTTP/1.1"), "9112 §3"),
    refuse("a-vertical-tab-before-the-version", with_line(b"GET /\x0bHTTP/1.1"), "9112 §3"),
    refuse("a-form-feed-before-the-version", with_line(b"GET /\x0cHTTP/1.1"), "9112 §3"),
    refuse("a-no-break-space-before-the-version", with_line(b"GET /\xa0HTTP/1.1"), "9112 §3"),
    refuse("a-next-line-before-the-version", with_line(b"GET /\x85HTTP/1.1"), "9112 §3"),
    refuse("a-space-in-the-target", with_line(b"GET /a b HTTP/1.1"), "9112 §3.2"),
    refuse("four-words", with_line(b"GET / HTTP/1.1 HTTP/1.1"), "9112 §3"),
    refuse("one-word", with_line(b"GET"), "9112 §3"),
    refuse("a-method-and-a-space", with_line(b"GET "), "9112 §3"),
    refuse("no-target", with_line(b"GET HTTP/1.1"), "9112 §3"),
    refuse("an-empty-target", with_line(b"GET  HTTP/1.1"), "9112 §3"),
    refuse("no-method", with_line(b"/ HTTP/1.1"), "9112 §3"),
    refuse("a-status-line", with_line(b"HTTP/1.1 200 OK"), "9112 §3"),
    refuse("a-field-line-first", message(HOST, b"GET / HTTP/1.1"), "9112 §3"),
    refuse("a-tls-hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", "9112 §3"),
    refuse("an-ssh-banner", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "9112 §3"),
    refuse("an-smtp-greeting", b"EHLO mail.test\r\n\r\n", "9112 §3"),
]

METHODS = [
    accept("lower-case", from_method(b"get"), "9110 §9.1", REQUEST_METHOD="get"),
    accept("mixed-case", from_method(b"Post"), "9110 §9.1", REQUEST_METHOD="Post"),
    accept("one-letter", from_method(b"g"), "9110 §9.1", REQUEST_METHOD="g"),
    accept("with-a-dash", from_method(b"M-SEARCH"), "9110 §9.1", REQUEST_METHOD="M-SEARCH"),
    accept("digits", from_method(b"42"), "9110 §9.1", REQUEST_METHOD="42"),
    accept("every-mark", from_method(TOKEN_MARKS), "9110 §5.6.2", REQUEST_METHOD=TOKEN_MARKS.decode()),
    accept("thirty-two-bytes", from_method(b"A" * 32), "rules: method", REQUEST_METHOD="A" * 32),
    # RFC 9112 §3: "A server that receives a method longer than any that it implements SHOULD respond with a
    # 501".
    refuse("thirty-three-bytes", from_method(b"A" * 33), "9112 §3", 501),
    accept("connect-in-lower-case-is-no-connect", from_method(b"connect"), "9110 §9.1", PATH_INFO="/"),
    refuse("connect", message(b"CONNECT a.test:443 HTTP/1.1", b"Host: a.test:443"), "rules: method", 501),
    refuse("nul-in-the-method", from_method(b"G\x00T"), "9110 §5.6.2"),
    refuse("escape-in-the-method", from_method(b"G\x1bT"), "9110 §5.6.2"),
    refuse("delete-in-the-method", from_method(b"G\x7fT"), "9110 §5.6.2"),
    refuse("utf8-in-the-method", from_method("GÉT".encode()), "9110 §5.6.2"),
    refuse("no-break-space-after-the-method", from_method(b"GET\xa0"), "9110 §5.6.2"),
    *(
        refuse(f"byte-{mark:02x}-in-the-method", from_method(b"GE" + bytes([mark]) + b"T"), "9110 §5.6.2")
        for mark in b'"(),/:;<=>?@[\\]{}'
    ),
]

VERSIONS = [
    accept("http-1.0", from_version(b"HTTP/1.0"), "9112 §2.3", keep=False, SERVER_PROTOCOL="HTTP/1.0"),
    # RFC 9112 §2.3: a minor version above ours means the same syntax: it is read as HTTP/1.1.
    accept("http-1.2", from_version(b"HTTP/1.2"), "9112 §2.3"),
    accept("http-1.9", from_version(b"HTTP/1.9"), "9112 §2.3"),
    refuse("http-1.2-needs-a-host", b"GET / HTTP/1.2\r\n\r\n", "9112 §2.3"),
    *(
        refuse(f"http-{version.decode()}", from_version(b"HTTP/" + version), "9110 §15.6.6", 505)
        for version in (b"0.9", b"2.0", b"2.1", b"3.0", b"9.9", b"0.0")
    ),
    refuse("http-2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "9110 §15.6.6", 400, 505),
    refuse("version-in-lower-case", from_version(b"http/1.1"), "9112 §2.3"),
    refuse("version-in-mixed-case", from_version(b"Http/1.1"), "9112 §2.3"),
    refuse("no-version", b"GET /\r\n\r\n", "rules: version"),
    refuse("no-version-but-fields", b"GET /\r\nHost: a.test\r\n\r\n", "rules: version"),
    refuse("an-empty-version", b"GET / \r\nHost: a.test\r\n\r\n", "9112 §2.3"),
    # Ungrammatical: RFC 9112 §3 says 400 for an invalid request line, the rules say 505 for "others".
    *(
        refuse(name, from_version(version), "9112 §2.3", 400, 505)
        for name, version in (
            ("version-without-a-minor", b"HTTP/1"),
            ("version-with-an-empty-minor", b"HTTP/1."),
            ("version-with-an-empty-major", b"HTTP/.1"),
            ("version-with-two-digits", b"HTTP/1.10"),
            ("version-with-a-zero-before", b"HTTP/01.1"),
            ("version-without-a-dot", b"HTTP/11"),
            ("version-with-a-comma", b"HTTP/1,1"),
            ("version-with-a-sign", b"HTTP/+1.1"),
            ("version-with-letters", b"HTTP/A.B"),
            ("version-with-a-letter-behind", b"HTTP/1.1x"),
            ("version-with-a-nul-behind", b"HTTP/1.1\x00"),
            ("version-in-utf8-digits", "HTTP/1.١".encode()),
            ("version-with-a-backslash", b"HTTP\\1.1"),
            ("version-of-https", b"HTTPS/1.1"),
            ("version-of-icy", b"ICY/1.0"),
            ("version-of-rtsp", b"RTSP/1.0"),
            ("version-missing-a-letter", b"HTP/1.1"),
        )
    ),
]

ROWS: list[Row] = [*LINE_ENDS, *SEPARATORS, *METHODS, *VERSIONS]
