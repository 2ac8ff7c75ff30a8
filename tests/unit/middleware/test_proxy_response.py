"""The upstream's answer as an application's (RFC 9110 section 7.6.1, PEP 3333)."""

from __future__ import annotations

import h11
import pytest

from potstill.middleware.proxy.response import response_head, switch_head
from potstill.middleware.upstream import UpstreamError

Fields = list[tuple[str, str]]


def response(status: int, headers: Fields, reason: bytes = b"Fine") -> h11.Response:
    return h11.Response(status_code=status, headers=headers, reason=reason, http_version=b"1.1")


def test_end_to_end_fields_pass_in_their_order_and_case() -> None:
    status, headers = response_head(
        response(200, [("X-B", "1"), ("set-cookie", "a"), ("Set-Cookie", "b"), ("Content-Length", "0")]), "us"
    )
    assert status == "200 Fine"
    assert headers == [
        ("X-B", "1"),
        ("set-cookie", "a"),
        ("Set-Cookie", "b"),
        ("Content-Length", "0"),
        ("Via", "1.1 us"),
    ]


def test_hop_by_hop_fields_stay() -> None:
    """Among them those that Connection names, and `Status`, which PEP 3333 calls a mistake."""
    fields: Fields = [
        ("Connection", "keep-alive, X-Own"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authenticate", "Basic"),
        ("TE", "trailers"),
        ("Trailer", "X-Late"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2"),
        ("X-Own", "1"),
        ("Status", "200 OK"),
        ("X-Other", "2"),
    ]
    assert response_head(response(200, fields), "us")[1] == [("X-Other", "2"), ("Via", "1.1 us")]


def test_via_is_joined() -> None:
    fields: Fields = [("Via", "1.0 a"), ("via", "1.1 b")]
    assert response_head(response(200, fields), "us")[1] == [("Via", "1.0 a, 1.1 b, 1.1 us")]


@pytest.mark.parametrize(
    ("status", "kept"),
    [(204, {"Via"}), (304, {"Content-Length", "Via"}), (200, {"Content-Length", "Content-Type", "Via"})],
)
def test_what_describes_no_content(status: int, kept: set[str]) -> None:
    """RFC 9110 sections 8.6 and 15.4.5."""
    fields: Fields = [("Content-Type", "a/b"), ("Content-Length", "5")]
    assert dict(response_head(response(status, fields), "us")[1]).keys() == kept


@pytest.mark.parametrize(
    ("reason", "line"),
    [(b"", "404 Not Found"), (b"Gone fishing", "404 Gone fishing"), (b"caf\xe9", "404 caf\xe9")],
)
def test_reasons(reason: bytes, line: str) -> None:
    assert response_head(response(404, [], reason), "us")[0] == line


def test_an_unregistered_status_passes() -> None:
    assert response_head(response(599, [], b""), "us")[0] == "599 Unknown"


@pytest.mark.parametrize(
    "fields",
    [
        [("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
        [("X", "a\x01b")],
        [("X", "a\x7fb")],
    ],
)
def test_doubtful_answers_are_no_answers(fields: Fields) -> None:
    with pytest.raises(UpstreamError) as error:
        response_head(response(200, fields), "us")
    assert error.value.status == 502


def test_the_head_of_a_switch() -> None:
    """It is written by us, so its framing fields are ours."""
    switch = h11.InformationalResponse(
        status_code=101,
        headers=[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "x=")],
        http_version=b"1.1",
    )
    assert switch_head(switch, "us") == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x=\r\n"
        b"Connection: Upgrade\r\nVia: 1.1 us\r\n\r\n"
    )
