"""What a program writes ahead of its body (RFC 3875 section 6)."""

from __future__ import annotations

import pytest

from potstill.gateway.cgi_head import Head, HeadError, end_of_head, parse_head

PLAIN = ("Content-Type", "text/plain")

HEADS = [
    (b"Content-Type: text/plain", Head("200 OK", [PLAIN])),
    (b"content-type:text/plain\r\nX: y ", Head("200 OK", [("content-type", "text/plain"), ("X", "y")])),
    (b"Status: 404 Not here\nContent-Type: text/plain", Head("404 Not here", [PLAIN])),
    (b"Status: 404\nContent-Type: text/plain", Head("404 Not Found", [PLAIN])),
    (b"Status: 599\nContent-Type: text/plain", Head("599 Unknown", [PLAIN])),
    (b"Status: 204", Head("204 No Content", [])),
    # Section 6.2.2: a redirect inside the server is a path, and nothing else.
    (b"Location: /other?x=1", Head("", [], "/other?x=1")),
    # Section 6.2.3 and 6.2.4: redirects for the client.
    (b"Location: http://a/b", Head("302 Found", [("Location", "http://a/b"), PLAIN])),
    (b"Location: //a/b", Head("302 Found", [("Location", "//a/b"), PLAIN])),
    (b"Location: /a\nContent-Type: text/plain", Head("302 Found", [("Location", "/a"), PLAIN])),
    (b"Status: 301\nLocation: /a", Head("301 Moved Permanently", [("Location", "/a"), PLAIN])),
    # The connection is the server's business.
    (b"Content-Type: text/plain\nConnection: close\nTransfer-Encoding: chunked", Head("200 OK", [PLAIN])),
]


@pytest.mark.parametrize(("octets", "head"), HEADS)
def test_heads(octets: bytes, head: Head) -> None:
    assert parse_head(octets, nph=False) == head


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"X: y",
        b"<html>",
        b"Content-Type: text/plain\nTraceback (most recent call last):",
        b"Content-Type: text/plain\n folded",
        b"Content-Type: text/plain\nX: a\0b",
        b"Content-Type: text/plain\nX: a\rSet-Cookie: b",
        b"Content-Type: a/b\nContent-Type: c/d",
        b"Status: 200\nStatus: 404\nContent-Type: a/b",
        b"Status: OK\nContent-Type: a/b",
        b"Status: 100 Continue",
        b"Status: 1000\nContent-Type: a/b",
        b"Content-Length: +5\nContent-Type: a/b",
        b"Content-Length: \xb2\nContent-Type: a/b",
        b": y\nContent-Type: a/b",
        b"HTTP/1.1 200 OK\nContent-Type: a/b",
    ],
)
def test_what_is_no_head(octets: bytes) -> None:
    with pytest.raises(HeadError):
        parse_head(octets, nph=False)


def test_nph() -> None:
    """Section 5: a whole HTTP response, of which the framing is remade."""
    octets = b"HTTP/1.0 201 Made\r\nConnection: close\r\nX: y\r\nContent-Length: 3"
    assert parse_head(octets, nph=True) == Head("201 Made", [("X", "y"), ("Content-Length", "3")])
    assert parse_head(b"HTTP/1.1 200", nph=True) == Head("200 OK", [])


@pytest.mark.parametrize(
    "octets",
    [
        b"Content-Type: a/b",
        b"HTTP/1.1 OK\nX: y",
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked",
        b"HTTP/1.1 101 S",
    ],
)
def test_what_is_no_nph_response(octets: bytes) -> None:
    with pytest.raises(HeadError):
        parse_head(octets, nph=True)


@pytest.mark.parametrize(
    ("octets", "end"),
    [
        (b"", None),
        (b"A: b\n", None),
        (b"A: b\r\n\r", None),
        (b"A: b\n\nbody", (4, 6)),
        (b"A: b\r\n\r\nbody\n\n", (4, 8)),
        (b"A: b\n\r\nbody", (4, 7)),
        (b"\nbody", (0, 1)),
    ],
)
def test_where_it_ends(octets: bytes, end: tuple[int, int] | None) -> None:
    assert end_of_head(octets) == end
