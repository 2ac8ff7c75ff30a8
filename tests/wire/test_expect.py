"""Expect: 100-continue for clients that wait, as most do (RFC 9110 §10.1.1)."""

from __future__ import annotations

import pytest

from tests.support.wire import Client
from tests.wire.judge import check_refusal, facts_of
from tests.wire.rows import HOST, get, message, post

CONTINUE = b"Expect: 100-continue"
BODIES = {
    "length": (b"Content-Length: 5", b"hello"),
    "chunked": (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_body_is_asked_for_and_then_answered(client: Client, name: str) -> None:
    """100 before a byte of the body has been sent, the final response after the last."""
    field, body = BODIES[name]
    client.send(post(CONTINUE, field))
    assert client.interim().status == 100
    client.send(body)
    response = client.response()
    assert response.interim == []
    assert facts_of(response)["body"] == "hello"


def test_the_application_sees_the_expectation(client: Client) -> None:
    """It is a field like any other."""
    client.send(post(CONTINUE, b"Content-Length: 5"))
    client.interim()
    client.send(b"hello")
    assert facts_of(client.response())["environ"]["HTTP_EXPECT"] == "100-continue"


def test_the_interim_response_says_nothing_about_a_body_or_the_connection(client: Client) -> None:
    """RFC 9110 §15.2: it is a status line and at most fields of the moment."""
    client.send(post(CONTINUE, b"Content-Length: 5"))
    interim = client.interim()
    assert interim.reason == "Continue"
    assert interim.all("content-type") == []
    assert interim.all("connection") == []


def test_each_request_of_a_connection_is_asked_for_its_body(client: Client) -> None:
    """Nothing of the first expectation is left for the second request, nor for a third without one."""
    for body in (b"first", b"again"):
        client.send(post(CONTINUE, b"Content-Length: 5"))
        assert client.interim().status == 100
        client.send(body)
        assert facts_of(client.response())["body"] == body.decode()
    client.send(post(b"Content-Length: 5", body=b"third"))
    assert client.response().interim == []


def test_the_body_is_asked_for_once_however_slowly_it_comes(client: Client) -> None:
    """One 100 for one expectation."""
    client.send(post(CONTINUE, b"Content-Length: 5"))
    client.interim()
    client.send_bytewise(b"hello")
    response = client.response()
    assert response.interim == []
    assert facts_of(response)["body"] == "hello"


def test_a_body_that_has_begun_is_not_asked_for(client: Client) -> None:
    """RFC 9110 §10.1.1: a server MAY omit 100 "if it has already received some or all of the content"."""
    client.send(post(CONTINUE, b"Content-Length: 5", body=b"he"))
    client.send(b"llo")
    response = client.response()
    assert response.interim == []
    assert facts_of(response)["body"] == "hello"


def test_a_client_of_1_0_is_not_asked(client: Client) -> None:
    """RFC 9110 §15.2: "A server MUST NOT send a 1xx response to an HTTP/1.0 client"."""
    client.send(message(b"POST / HTTP/1.0", CONTINUE, b"Content-Length: 5"))
    client.send(b"hello")
    response = client.response()
    assert response.interim == []
    assert facts_of(response)["body"] == "hello"
    client.expect_end()


@pytest.mark.parametrize("fields", [(CONTINUE,), (CONTINUE, b"Content-Length: 0")])
def test_a_request_without_a_body_is_answered_at_once(client: Client, fields: tuple[bytes, ...]) -> None:
    """waitress 3.0.2 lost the answer of such a request: a 100 only where a body is announced."""
    client.send(get(*fields) + get(target=b"/second"))
    first, second = client.response(), client.response()
    assert (first.interim, second.interim) == ([], [])
    assert facts_of(second)["environ"]["PATH_INFO"] == "/second"


def test_the_body_of_a_pipelined_request_is_asked_for_in_its_turn(client: Client) -> None:
    """100 belongs to the request whose answer is due next: it comes after the one before."""
    client.send(get() + post(CONTINUE, b"Content-Length: 5"))
    first = client.response()
    assert first.interim == []
    assert client.interim().status == 100
    client.send(b"hello")
    assert facts_of(client.response())["body"] == "hello"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (post(CONTINUE, b"Content-Length: 1073741825"), 413),
        (post(CONTINUE, b"Content-Length: 5", b"Content-Length: 5"), 400),
        (post(CONTINUE, b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
        (post(CONTINUE, b"Transfer-Encoding: gzip, chunked"), 501),
        (message(b"POST / HTTP/1.1", CONTINUE, b"Content-Length: 5"), 400),
        (message(b"POST / HTTP/1.1", HOST, b"Expect: 100-continue, b", b"Content-Length: 5"), 417),
    ],
)
def test_a_body_that_will_be_refused_is_not_asked_for(client: Client, raw: bytes, status: int) -> None:
    """Rules: "100 before the body is read (after the limits were checked)"."""
    client.send(raw)
    response = client.response()
    assert (response.interim, response.status) == ([], status)
    check_refusal(response)
    client.expect_end()
