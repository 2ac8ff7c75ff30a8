"""Trailer fields: grammar and limits as in the head, never merged into environ.

RFC 9110 §6.5, RFC 9112 §7.1.2.
"""

from __future__ import annotations

from tests.wire.rows import Row, accept, chunked, post, refuse

HELLO = b"hello"


def with_trailers(trailers: bytes) -> bytes:
    """A chunked POST that ends in these bytes after its last chunk."""
    return chunked(b"5\r\nhello\r\n0\r\n" + trailers)


def takes(name: str, trailers: bytes, rule: str, *absent: str) -> Row:
    """Trailers that are taken. They were not in the head, so environ does not have them."""
    return accept(
        name, with_trailers(trailers), rule, body=HELLO, absent=absent, CONTENT_LENGTH="5", HTTP_HOST="a.test"
    )


def breaks(name: str, trailers: bytes, rule: str, *statuses: int) -> Row:
    """Trailers that are refused."""
    return refuse(name, with_trailers(trailers), rule, *statuses)


# RFC 9110 §6.5.1: fields for framing, routing or authentication have no business in a trailer section.
MISPLACED = (
    (b"Content-Length: 5", "HTTP_CONTENT_LENGTH"),
    (b"Transfer-Encoding: chunked", "HTTP_TRANSFER_ENCODING"),
    (b"Authorization: Basic a", "HTTP_AUTHORIZATION"),
    (b"Cookie: a=1", "HTTP_COOKIE"),
    (b"Content-Type: evil/evil", "HTTP_CONTENT_TYPE"),
    (b"Expect: 100-continue", "HTTP_EXPECT"),
    (b"Proxy: http://evil.test/", "HTTP_PROXY"),
    (b"X-Forwarded-For: 192.0.2.1", "HTTP_X_FORWARDED_FOR"),
)

TAKEN = [
    takes("trailer", b"X-T: a\r\n\r\n", "9112 §7.1.2", "HTTP_X_T"),
    takes("trailers", b"X-T: a\r\nX-U: b\r\nX-T: c\r\n\r\n", "9112 §7.1.2", "HTTP_X_T", "HTTP_X_U"),
    takes("trailer-with-an-empty-value", b"X-T:\r\n\r\n", "9112 §7.1.2", "HTTP_X_T"),
    takes("trailer-of-obs-text", b"X-T: \xe9\r\n\r\n", "9110 §5.5", "HTTP_X_T"),
    takes("trailer-with-an-underscore", b"X_T: a\r\n\r\n", "rules: name with _", "HTTP_X_T"),
    takes("trailers-a-hundred", b"X-T: a\r\n" * 100 + b"\r\n", "rules: trailers", "HTTP_X_T"),
    *(
        takes(f"trailer-{field.split(b':')[0].decode().lower()}", field + b"\r\n\r\n", "9110 §6.5.1", absent)
        for field, absent in MISPLACED
    ),
    # A close in the trailers comes too late to be a field of the request (RFC 9110 §6.5.1): the connection is
    # kept.
    takes("trailer-connection", b"Connection: close\r\n\r\n", "9110 §6.5.1", "HTTP_CONNECTION"),
    accept(
        "trailer-announced",
        post(b"Trailer: X-T", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\nX-T: a\r\n\r\n"),
        "9110 §6.6.2",
        body=HELLO,
        absent=["HTTP_X_T"],
    ),
    accept(
        "trailer-does-not-replace-the-field",
        post(b"X-T: head", b"Transfer-Encoding: chunked", body=b"0\r\nX-T: trailer\r\n\r\n"),
        "9110 §6.5.1",
        HTTP_X_T="head",
    ),
    takes("trailer-host", b"Host: evil.test\r\n\r\n", "9110 §6.5.1"),
    takes("trailer-host-twice", b"Host: evil.test\r\nHost: evil.test\r\n\r\n", "9110 §6.5.1"),
]

REFUSED = [
    breaks("trailer-without-a-colon", b"X-T\r\n\r\n", "9112 §5"),
    breaks("trailer-without-a-name", b": a\r\n\r\n", "9112 §5"),
    breaks("trailer-with-a-space-before-the-colon", b"X-T : a\r\n\r\n", "9112 §5.1"),
    breaks("trailer-with-a-space-in-the-name", b"X T: a\r\n\r\n", "9112 §5"),
    breaks("trailer-with-a-space-first", b" X-T: a\r\n\r\n", "9112 §5.2"),
    breaks("trailer-folded", b"X-T: a\r\n b\r\n\r\n", "9112 §5.2"),
    breaks("trailer-with-a-nul", b"X-T: a\x00b\r\n\r\n", "9110 §5.5"),
    breaks("trailer-with-a-nul-in-the-name", b"X\x00T: a\r\n\r\n", "9110 §5.1"),
    breaks("trailer-with-a-control", b"X-T: a\x01b\r\n\r\n", "9110 §5.5"),
    breaks("trailer-with-a-delete", b"X-T: a\x7fb\r\n\r\n", "9110 §5.5"),
    breaks("trailer-with-obs-text-in-the-name", b"X\xe9T: a\r\n\r\n", "9110 §5.1"),
    breaks("trailer-with-an-lf", b"X-T: a\nX-U: b\r\n\r\n", "9112 §2.2"),
    breaks("trailer-with-a-cr", b"X-T: a\rb\r\n\r\n", "9112 §2.2"),
    breaks("trailer-that-ends-in-an-lf", b"X-T: a\r\n\n", "9112 §2.2"),
    breaks("trailer-that-ends-in-cr-and-a-byte", b"X-T: a\r\n\rX\r\n\r\n", "9112 §2.2"),
    # The CRLF after the last chunk is missing, and a request follows: it must never be read as trailers.
    breaks("trailer-that-is-a-request", b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n", "9112 §5"),
    breaks("trailers-a-hundred-and-one", b"X-T: a\r\n" * 101 + b"\r\n", "rules: trailers", 431),
    breaks(
        "trailer-of-seventeen-thousand-bytes", b"X-T: " + b"a" * 17_000 + b"\r\n\r\n", "rules: trailers", 431
    ),
    breaks(
        "trailers-of-seventy-thousand-bytes",
        (b"X-T: " + b"a" * 14_000 + b"\r\n") * 5 + b"\r\n",
        "rules: trailers",
        431,
    ),
]

ROWS: list[Row] = [*TAKEN, *REFUSED]
