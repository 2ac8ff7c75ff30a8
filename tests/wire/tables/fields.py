"""Field lines: names, values, folding, repetition, and what environ has of them (RFC 9110 §5, 9112 §5)."""

from __future__ import annotations

from tests.wire.rows import HOST, Row, accept, get, message, refuse

# RFC 9110 §5.6.2: the visible characters that are no part of a token; the colon ends the name and is not
# here.
DELIMITERS = b'"(),/;<=>?@[\\]{}'
# RFC 9110 §5.5: everything but SP, HTAB, VCHAR and obs-text. CR and LF have rows of their own.
CONTROLS = [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F]


def value_row(name: str, sent: bytes, seen: str, rule: str) -> Row:
    """`X-A:` followed by these bytes, and the value that environ has."""
    return accept(name, get(b"X-A:" + sent), rule, HTTP_X_A=seen)


VALUES = [
    value_row("value", b" b", "b", "9112 §5"),
    value_row("value-without-a-space", b"b", "b", "9112 §5"),
    value_row("value-in-tabs-and-spaces", b" \t b \t ", "b", "9112 §5.1"),
    value_row("value-empty", b"", "", "9110 §5.5"),
    value_row("value-of-spaces", b"   ", "", "9112 §5.1"),
    value_row("value-of-tabs", b"\t\t", "", "9112 §5.1"),
    value_row("value-with-spaces-inside", b" a  b\tc", "a  b\tc", "9110 §5.5"),
    value_row("value-with-colons", b" a:b: c", "a:b: c", "9110 §5.5"),
    value_row("value-that-starts-with-a-colon", b": b", ": b", "9110 §5.5"),
    value_row(
        "value-of-every-visible-byte",
        b" " + bytes(range(0x21, 0x7F)),
        bytes(range(0x21, 0x7F)).decode(),
        "9110 §5.5",
    ),
    value_row("value-of-obs-text", b" caf\xe9", "caf\xe9", "9110 §5.5"),
    value_row(
        "value-of-every-obs-text",
        b" " + bytes(range(0x80, 0x100)),
        bytes(range(0x80, 0x100)).decode("latin-1"),
        "9110 §5.5",
    ),
    value_row("value-of-utf8-is-latin-1-text", " é".encode(), "\xc3\xa9", "3333 Unicode Issues"),
    value_row("value-in-no-break-spaces", b" \xa0b\xa0 ", "\xa0b\xa0", "9112 §5.1"),
    value_row("value-in-next-lines", b" \x85b\x85", "\x85b\x85", "9112 §5.1"),
    value_row("value-of-ten-thousand-bytes", b" " + b"b" * 10_000, "b" * 10_000, "rules: limits"),
    *(
        refuse(f"byte-{byte:02x}-in-a-value", get(b"X-A: a" + bytes([byte]) + b"b"), "9110 §5.5")
        for byte in CONTROLS
    ),
    refuse("nul-ends-a-value", get(b"X-A: a\x00"), "9110 §5.5"),
    refuse("vertical-tab-starts-a-value", get(b"X-A:\x0ba"), "9110 §5.5"),
    refuse("form-feed-ends-a-value", get(b"X-A: a\x0c"), "9110 §5.5"),
]

LINE_ENDS = [
    refuse("cr-in-a-value", get(b"X-A: a\rb"), "9112 §2.2"),
    refuse("cr-starts-a-value", get(b"X-A:\ra"), "9112 §2.2"),
    refuse("cr-ends-a-value", get(b"X-A: a\r"), "9112 §2.2"),
    refuse("cr-and-a-field-in-a-value", get(b"X-A: a\rX-B: b"), "9112 §2.2"),
    refuse("lf-ends-a-field", get(b"X-A: a\nX-B: b"), "9112 §2.2"),
    refuse("lf-before-the-line-end", get(b"X-A: a\n"), "9112 §2.2"),
    refuse("lf-ends-the-head", message(b"GET / HTTP/1.1", HOST)[:-2] + b"\n", "9112 §2.2"),
    refuse("lf-lf-ends-the-head", b"GET / HTTP/1.1\r\nHost: a.test\n\n", "9112 §2.2"),
    refuse("lf-and-crlf-end-the-head", b"GET / HTTP/1.1\r\nHost: a.test\n\r\n", "9112 §2.2"),
    refuse("cr-and-a-byte-for-the-empty-line", b"GET / HTTP/1.1\r\nHost: a.test\r\n\rX\r\n\r\n", "9112 §2.2"),
    refuse("cr-cr-lf-for-the-empty-line", b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\r\n\r\n", "9112 §2.2"),
]

NAMES = [
    accept("name-in-lower-case", get(b"x-lower: 1"), "9110 §5.1", HTTP_X_LOWER="1"),
    accept("name-in-upper-case", get(b"X-UPPER: 1"), "9110 §5.1", HTTP_X_UPPER="1"),
    accept("name-of-one-letter", get(b"a: 1"), "9110 §5.1", HTTP_A="1"),
    accept("name-of-a-digit", get(b"1: 1"), "9110 §5.1", HTTP_1="1"),
    accept("name-with-a-dot", get(b"X.A: 1"), "9110 §5.1", more={"HTTP_X.A": "1"}),
    accept("name-of-every-mark", get(b"!#$%&'*+-.^`|~: 1"), "9110 §5.6.2", more={"HTTP_!#$%&'*+_.^`|~": "1"}),
    refuse("name-empty", get(b": a"), "9112 §5"),
    refuse("name-empty-alone", get(b":"), "9112 §5"),
    refuse("space-before-the-colon", get(b"X-A : b"), "9112 §5.1"),
    refuse("tab-before-the-colon", get(b"X-A\t: b"), "9112 §5.1"),
    refuse("space-in-a-name", get(b"X A: b"), "9112 §5"),
    refuse("no-colon", get(b"X-A"), "9112 §5"),
    refuse("no-colon-but-a-space", get(b"X-A b"), "9112 §5"),
    refuse("space-before-the-first-name", message(b"GET / HTTP/1.1", b" X-A: b", HOST), "9112 §2.2"),
    refuse("tab-before-the-first-name", message(b"GET / HTTP/1.1", b"\tX-A: b", HOST), "9112 §2.2"),
    refuse("space-line-first", message(b"GET / HTTP/1.1", b" ", HOST), "9112 §2.2"),
    *(
        refuse(f"byte-{mark:02x}-in-a-name", get(b"X" + bytes([mark]) + b"A: b"), "9110 §5.1")
        for mark in DELIMITERS
    ),
    *(
        refuse(f"byte-{byte:02x}-in-a-name", get(b"X" + bytes([byte]) + b"A: b"), "9110 §5.1")
        for byte in (0x00, 0x01, 0x0B, 0x0C, 0x1B, 0x7F, 0x80, 0x85, 0xA0, 0xE9, 0xFF)
    ),
    refuse("no-break-space-before-the-colon", get(b"X-A\xa0: b"), "9110 §5.1"),
    refuse("no-break-space-before-a-name", get(b"\xa0X-A: b"), "9110 §5.1"),
    refuse("byte-order-mark-before-a-name", get(b"\xef\xbb\xbfX-A: b"), "9110 §5.1"),
]

# RFC 9112 §5.2: a server that receives an obs-fold "MUST either reject the message by sending a 400" or join
# the lines.
FOLDS = [
    refuse("fold-by-a-space", get(b"X-A: a\r\n b"), "9112 §5.2"),
    refuse("fold-by-a-tab", get(b"X-A: a\r\n\tb"), "9112 §5.2"),
    refuse("fold-of-an-empty-value", get(b"X-A:\r\n b"), "9112 §5.2"),
    refuse("fold-before-the-colon", get(b"X-A\r\n : b"), "9112 §5.2"),
    refuse("fold-of-an-empty-line", get(b"X-A: a\r\n "), "9112 §5.2"),
    refuse("fold-that-looks-like-a-field", get(b"X-A: a\r\n X-B: b"), "9112 §5.2"),
    refuse("fold-of-host", b"GET / HTTP/1.1\r\nHost:\r\n a.test\r\n\r\n", "9112 §5.2"),
]

# RFC 9110 §5.3: "combine multiple field lines … by appending each subsequent field line value … in order".
REPEATED = [
    accept("repeated", get(b"X-A: 1", b"X-A: 2"), "9110 §5.3", HTTP_X_A="1, 2"),
    accept("repeated-thrice", get(b"X-A: 1", b"X-A: 2", b"X-A: 3"), "9110 §5.3", HTTP_X_A="1, 2, 3"),
    accept("repeated-in-other-case", get(b"x-a: 1", b"X-A: 2"), "9110 §5.3", HTTP_X_A="1, 2"),
    accept(
        "repeated-apart", get(b"X-A: 2", b"X-B: x", b"X-A: 1"), "9110 §5.3", HTTP_X_A="2, 1", HTTP_X_B="x"
    ),
    accept("repeated-and-a-list", get(b"X-A: 1,2", b"X-A: 3"), "9110 §5.3", HTTP_X_A="1,2, 3"),
    accept("repeated-and-empty", get(b"X-A:", b"X-A: 2"), "9110 §5.3", HTTP_X_A=", 2"),
    accept("repeated-accept", get(b"Accept: a/b", b"Accept: c/d"), "9110 §5.3", HTTP_ACCEPT="a/b, c/d"),
    accept(
        "cookie-twice", get(b"Cookie: a=1", b"Cookie: b=2"), "rules: repeated field", HTTP_COOKIE="a=1; b=2"
    ),
    accept(
        "cookie-thrice-in-any-case",
        get(b"cookie: a=1", b"COOKIE: b=2", b"Cookie: c=3"),
        "rules: repeated field",
        HTTP_COOKIE="a=1; b=2; c=3",
    ),
    accept(
        "authorization-twice",
        get(b"Authorization: Basic a", b"Authorization: Basic b"),
        "rules: repeated field",
        HTTP_AUTHORIZATION="Basic a, Basic b",
    ),
    accept(
        "content-type-twice",
        get(b"Content-Type: a/b", b"Content-Type: c/d"),
        "rules: repeated field",
        CONTENT_TYPE="a/b, c/d",
        absent=["HTTP_CONTENT_TYPE"],
    ),
    accept("user-agent-twice", get(b"User-Agent: a", b"User-Agent: b"), "9110 §5.3", HTTP_USER_AGENT="a, b"),
]

DROPPED = [
    accept("underscore", get(b"X_A: 1"), "rules: name with _", absent=["HTTP_X_A"]),
    accept("underscore-beside-a-dash", get(b"X-A: 1", b"X_A: 2"), "rules: name with _", HTTP_X_A="1"),
    accept("underscore-before-a-dash", get(b"X_A: 2", b"X-A: 1"), "rules: name with _", HTTP_X_A="1"),
    accept("underscore-and-dash", get(b"X-A_B: 1"), "rules: name with _", absent=["HTTP_X_A_B"]),
    accept("underscore-alone", get(b"_: 1"), "rules: name with _", absent=["HTTP__"]),
    accept(
        "underscore-content-length",
        get(b"Content_Length: 5"),
        "rules: name with _",
        absent=["HTTP_CONTENT_LENGTH"],
    ),
    accept(
        "underscore-content-type",
        get(b"Content_Type: a/b"),
        "rules: name with _",
        absent=["HTTP_CONTENT_TYPE"],
    ),
    accept(
        "underscore-transfer-encoding",
        get(b"Transfer_Encoding: chunked"),
        "rules: name with _",
        absent=["HTTP_TRANSFER_ENCODING"],
    ),
    accept("proxy", get(b"Proxy: http://evil.test/"), "rules: Proxy", absent=["HTTP_PROXY"]),
    accept("proxy-in-lower-case", get(b"proxy: http://evil.test/"), "rules: Proxy", absent=["HTTP_PROXY"]),
    accept("proxy-twice", get(b"Proxy: a", b"PROXY: b"), "rules: Proxy", absent=["HTTP_PROXY"]),
    accept(
        "proxy-authorization-is-another",
        get(b"Proxy-Authorization: Basic a"),
        "9110 §11.7.2",
        HTTP_PROXY_AUTHORIZATION="Basic a",
    ),
]

SINGULAR = [
    accept(
        "content-type",
        get(b"Content-Type: text/plain"),
        "3333 environ",
        CONTENT_TYPE="text/plain",
        absent=["HTTP_CONTENT_TYPE"],
    ),
    accept(
        "content-type-in-lower-case",
        get(b"content-type: a/b"),
        "3333 environ",
        CONTENT_TYPE="a/b",
        absent=["HTTP_CONTENT_TYPE"],
    ),
    accept(
        "content-length",
        get(b"Content-Length: 0"),
        "3333 environ",
        CONTENT_LENGTH="0",
        absent=["HTTP_CONTENT_LENGTH"],
    ),
    accept(
        "te",
        get(b"TE: trailers", b"Connection: TE"),
        "rules: Connection options",
        HTTP_TE="trailers",
        HTTP_CONNECTION="TE",
    ),
    accept(
        "keep-alive", get(b"Keep-Alive: timeout=5"), "rules: Connection options", HTTP_KEEP_ALIVE="timeout=5"
    ),
    accept(
        "proxy-connection",
        get(b"Proxy-Connection: keep-alive"),
        "rules: Connection options",
        HTTP_PROXY_CONNECTION="keep-alive",
    ),
    # RFC 9110 §7.8: "A server MAY ignore a received Upgrade header field".
    accept(
        "upgrade", get(b"Upgrade: websocket", b"Connection: Upgrade"), "9110 §7.8", HTTP_UPGRADE="websocket"
    ),
]

ROWS: list[Row] = [*VALUES, *LINE_ENDS, *NAMES, *FOLDS, *REPEATED, *DROPPED, *SINGULAR]
