"""Expect, sent without waiting (RFC 9110 §10.1.1). `test_expect.py` has the clients that wait."""

from __future__ import annotations

from tests.wire.rows import HOST, Row, accept, get, message, post, refuse

HELLO = b"hello"
HELLO_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 5"
CONTINUE = b"Expect: 100-continue"

ROWS: list[Row] = [
    accept("length", post(CONTINUE, LENGTH, body=HELLO), "9110 §10.1.1", body=HELLO, may_continue=True),
    accept(
        "chunked",
        post(CONTINUE, b"Transfer-Encoding: chunked", body=HELLO_CHUNKS),
        "9110 §10.1.1",
        body=HELLO,
        may_continue=True,
    ),
    accept(
        "in-mixed-case",
        post(b"expect: 100-Continue", LENGTH, body=HELLO),
        "9110 §10.1.1",
        body=HELLO,
        may_continue=True,
    ),
    accept("without-a-body", get(CONTINUE), "9110 §10.1.1", HTTP_EXPECT="100-continue"),
    accept("with-length-0", post(CONTINUE, b"Content-Length: 0"), "9110 §10.1.1"),
    accept("of-head", message(b"HEAD / HTTP/1.1", HOST, CONTINUE), "9110 §10.1.1", REQUEST_METHOD="HEAD"),
    # "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation."
    accept(
        "on-1.0",
        message(b"POST / HTTP/1.0", CONTINUE, LENGTH, body=HELLO),
        "9110 §10.1.1",
        body=HELLO,
        keep=False,
    ),
    refuse("another", post(b"Expect: 200-ok", LENGTH, body=HELLO), "9110 §10.1.1", 417),
    refuse("another-with-a-value", get(b"Expect: a=b"), "9110 §10.1.1", 417),
    refuse("another-that-starts-alike", get(b"Expect: 100-continued"), "9110 §10.1.1", 417),
    refuse("continue-and-another", post(b"Expect: 100-continue, a", LENGTH, body=HELLO), "9110 §10.1.1", 417),
    refuse(
        "continue-and-another-line", post(CONTINUE, b"Expect: a", LENGTH, body=HELLO), "9110 §10.1.1", 417
    ),
    refuse("too-large", post(CONTINUE, b"Content-Length: 1073741825"), "9110 §15.5.14", 413),
    refuse("bad-length", post(CONTINUE, b"Content-Length: +5"), "9110 §8.6"),
    refuse("bad-field", post(CONTINUE, LENGTH, b"X A: b"), "9112 §5"),
]
