"""Persistence and pipelining: who closes when, and that answers come in order (RFC 9112 §9)."""

from __future__ import annotations

from tests.wire.rows import HOST, Accepted, Refused, Row, accept, get, message, post, series


def kept(name: str, *fields: bytes, rule: str = "9112 §9.3") -> Row:
    """An HTTP/1.1 request after which the connection stays."""
    return accept(name, get(*fields), rule)


def closed(name: str, *fields: bytes, rule: str = "9112 §9.6") -> Row:
    """An HTTP/1.1 request after which the connection ends."""
    return accept(name, get(*fields), rule, keep=False)


def old(name: str, *fields: bytes, keep: bool, rule: str = "9112 §9.3") -> Row:
    """An HTTP/1.0 request."""
    return accept(name, message(b"GET / HTTP/1.0", *fields), rule, keep=keep, SERVER_PROTOCOL="HTTP/1.0")


PERSISTENCE = [
    kept("default"),
    kept("keep-alive", b"Connection: keep-alive"),
    kept("option-empty", b"Connection:"),
    kept("option-unknown", b"Connection: x-close"),
    kept("option-that-starts-with-close", b"Connection: closed"),
    kept("option-that-ends-in-close", b"Connection: not-close"),
    kept("option-te", b"TE: trailers", b"Connection: TE"),
    # RFC 9112 §C.2.2: no meaning for an origin server.
    kept("proxy-connection-close", b"Proxy-Connection: close", rule="9112 §C.2.2"),
    kept("keep-alive-of-zero-seconds", b"Keep-Alive: timeout=0, max=0", rule="9112 §C.2.2"),
    closed("close", b"Connection: close"),
    closed("close-in-upper-case", b"Connection: CLOSE"),
    closed("close-of-a-field-in-upper-case", b"CONNECTION: close"),
    closed("close-before-another", b"Connection: close, TE"),
    closed("close-after-another", b"Connection: TE, close"),
    closed("close-without-a-space", b"Connection: TE,close,x"),
    closed("close-in-tabs", b"Connection: TE,\tclose\t, x"),
    closed("close-after-an-empty-member", b"Connection: ,close", rule="9110 §5.6.1"),
    closed("close-and-keep-alive", b"Connection: close, keep-alive", rule="9112 §9.3"),
    closed("keep-alive-and-close", b"Connection: keep-alive, close", rule="9112 §9.3"),
    closed("close-in-a-second-line", b"Connection: keep-alive", b"Connection: close"),
    closed("close-in-a-first-line", b"Connection: close", b"Connection: keep-alive"),
    old("default-on-1.0", keep=False),
    old("close-on-1.0", b"Connection: close", keep=False),
    old("option-unknown-on-1.0", b"Connection: TE", keep=False),
    old("keep-alive-on-1.0", b"Connection: keep-alive", keep=True),
    old("keep-alive-on-1.0-in-mixed-case", b"Connection: Keep-Alive", keep=True),
    old("keep-alive-on-1.0-among-others", b"Connection: TE, keep-alive", keep=True),
    old("keep-alive-on-1.0-in-a-second-line", b"Connection: TE", b"Connection: keep-alive", keep=True),
    old("keep-alive-and-close-on-1.0", b"Connection: keep-alive, close", keep=False),
    old("keep-alive-field-on-1.0", b"Keep-Alive: timeout=5", keep=False),
    old("proxy-connection-on-1.0", b"Proxy-Connection: keep-alive", keep=False, rule="9112 §C.2.2"),
    old("keep-alive-on-1.0-beginning-alike", b"Connection: keep-alive-not", keep=False),
]


def numbered(number: int) -> bytes:
    """A GET that says which one it is."""
    return get(target=b"/?%d" % number)


def seen(number: int) -> Accepted:
    """What `numbered` leads to."""
    return Accepted({"QUERY_STRING": str(number)})


HELLO = b"hello"
BAD = get(b"X A: b")
PLAIN_POST = post(b"Content-Length: 5", body=HELLO)
CHUNKED_POST = post(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\nX-T: a\r\n\r\n")
HEAD = message(b"HEAD /?head HTTP/1.1", HOST)
CLOSING = get(b"Connection: close", target=b"/?last")
OF_POST = Accepted({"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}, body=HELLO)
OF_HEAD = Accepted({"REQUEST_METHOD": "HEAD", "QUERY_STRING": "head"})
OF_CLOSING = Accepted({"QUERY_STRING": "last"}, keep=False)
OLD_KEPT = message(b"GET /?old HTTP/1.0", b"Connection: keep-alive")
OF_OLD_KEPT = Accepted({"SERVER_PROTOCOL": "HTTP/1.0"})
REFUSED = Refused((400,))

# RFC 9112 §9.3.2: a server "MUST send the corresponding responses in the same order that the requests were
# received".
PIPELINES = [
    series("two", numbered(1) + numbered(2), "9112 §9.3.2", seen(1), seen(2)),
    series("twenty", b"".join(map(numbered, range(20))), "9112 §9.3.2", *map(seen, range(20))),
    series("post-between", numbered(1) + PLAIN_POST + numbered(2), "9112 §9.3.2", seen(1), OF_POST, seen(2)),
    series(
        "chunked-between", numbered(1) + CHUNKED_POST + numbered(2), "9112 §9.3.2", seen(1), OF_POST, seen(2)
    ),
    series("posts", PLAIN_POST + CHUNKED_POST + PLAIN_POST, "9112 §9.3.2", OF_POST, OF_POST, OF_POST),
    series("head-between", numbered(1) + HEAD + numbered(2), "9110 §9.3.2", seen(1), OF_HEAD, seen(2)),
    series("1.0-between", numbered(1) + OLD_KEPT + numbered(2), "9112 §9.3", seen(1), OF_OLD_KEPT, seen(2)),
    series("close-behind", numbered(1) + CLOSING, "9112 §9.6", seen(1), OF_CLOSING),
    series("close-between", numbered(1) + CLOSING, "9112 §9.6", seen(1), OF_CLOSING, behind=numbered(2)),
    series("close-first", CLOSING, "9112 §9.6", OF_CLOSING, behind=numbered(2) + numbered(3)),
    series("1.0-first", message(b"GET / HTTP/1.0"), "9112 §9.3", Accepted(keep=False), behind=numbered(2)),
    series("refused-first", BAD + numbered(2) + numbered(3), "rules: refusal", REFUSED),
    series("refused-between", numbered(1) + BAD + numbered(2), "rules: refusal", seen(1), REFUSED),
    series("refused-last", numbered(1) + PLAIN_POST + BAD, "rules: refusal", seen(1), OF_POST, REFUSED),
    series(
        "refused-body",
        numbered(1) + post(b"Transfer-Encoding: chunked", body=b"5\r\nhelloXX0\r\n\r\n") + numbered(2),
        "rules: refusal",
        seen(1),
        REFUSED,
    ),
    series(
        "refused-trailer",
        post(b"Transfer-Encoding: chunked", body=b"0\r\nX T: a\r\n\r\n") + numbered(2),
        "rules: refusal",
        REFUSED,
    ),
    series("refused-twice-is-answered-once", BAD + BAD, "rules: refusal", REFUSED),
    series("empty-line-between", numbered(1) + b"\r\n" + numbered(2), "9112 §2.2", seen(1), seen(2)),
    series("empty-line-after-a-post", PLAIN_POST + b"\r\n" + numbered(2), "9112 §2.2", OF_POST, seen(2)),
    series("empty-line-after-chunks", CHUNKED_POST + b"\r\n" + numbered(2), "9112 §2.2", OF_POST, seen(2)),
    series(
        "two-empty-lines-between",
        numbered(1) + b"\r\n\r\n" + numbered(2),
        "rules: request line",
        seen(1),
        REFUSED,
    ),
    series("lf-between", numbered(1) + b"\n" + numbered(2), "9112 §2.2", seen(1), REFUSED),
    series(
        "two-bytes-too-many-after-a-post",
        PLAIN_POST + b"!!" + numbered(2),
        "9110 §9.1",
        OF_POST,
        Accepted({"REQUEST_METHOD": "!!GET"}),
    ),
    series(
        "body-longer-than-its-length", PLAIN_POST + b"\x00\x00" + numbered(2), "9112 §6.3", OF_POST, REFUSED
    ),
    series(
        "a-head-without-its-empty-line",
        message(b"GET / HTTP/1.1", HOST, b"GET / HTTP/1.1", HOST),
        "9112 §5",
        REFUSED,
    ),
    series(
        "body-shorter-than-its-length",
        post(b"Content-Length: 7", body=HELLO) + b"GET /?2 HTTP/1.1\r\n\r\n",
        "9112 §6.3",
        Accepted(body=b"helloGE"),
        REFUSED,
    ),
]

ROWS: list[Row] = [*PERSISTENCE, *PIPELINES]
