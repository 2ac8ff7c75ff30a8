"""103 before the answer, trailers behind it and behind the request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import h11
import pytest

from tests.apps.clients import StrictClient
from tests.support.engine import Environ, Gate, Running, StartResponse, engine_on, hello, request
from tests.unit.core.stage import Log

LINK = ("Link", "</cask.css>; rel=preload; as=style")
CHUNKED = request("/", "Transfer-Encoding: chunked", method="PATCH")


def hinting(*hints: list[tuple[Any, Any]], errors: list[BaseException] | None = None) -> Any:
    """An application that sends these hints, one call each, before its answer; errors are kept."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        for each in hints:
            try:
                environ["wsgi.early_hints"](each)
            except Exception as error:
                if errors is None:
                    raise
                errors.append(error)
        return hello(environ, start_response)

    return app


# 103 Early Hints (RFC 8297)


def test_hints_come_before_the_answer() -> None:
    """Each call is one 103, in order; the answer is what it was, and the connection stays."""
    app = hinting(
        [LINK, ("Link", "</cask.js>; rel=preload; as=script")], [("Link", "</late.css>; rel=preload")]
    )
    with engine_on(app) as running, running.client() as client:
        for _ in range(2):
            client.send(request())
            answer = client.response()
            assert answer.body == b"hello\n"
            assert [(hint.status, hint.reason) for hint in answer.interim] == [(103, "Early Hints")] * 2
            assert answer.interim[0].all("link") == [LINK[1], "</cask.js>; rel=preload; as=script"]
            assert answer.interim[1].all("link") == ["</late.css>; rel=preload"]
            assert answer.all("link") == []


def test_hints_leave_at_once() -> None:
    """The client has them while the view still works."""
    with Gate() as gate:

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ["wsgi.early_hints"]([LINK])
            gate.pass_through()
            return hello(environ, start_response)

        with engine_on(app) as running, running.client() as client:
            client.send(request())
            gate.wait_entered(1)
            assert client.interim().all("link") == [LINK[1]]
            gate.open()
            assert client.response().body == b"hello\n"


def test_an_independent_client_understands_them() -> None:
    """h11 knows what may come when."""
    with engine_on(hinting([LINK])) as running, StrictClient(address(running)) as client:
        client.send_head("GET", "/")
        client.send_body([])
        hint = client.receive_event()
        assert isinstance(hint, h11.InformationalResponse)
        assert hint.status_code == 103
        assert client.receive_answer().body == b"hello\n"


def test_a_client_of_1_0_gets_none() -> None:
    """RFC 9110 §15.2: "A server MUST NOT send a 1xx response to an HTTP/1.0 client"."""
    with engine_on(hinting([LINK])) as running, running.client() as client:
        client.send(request(version="1.0"))
        answer = client.response()
        assert (answer.interim, answer.body) == ([], b"hello\n")


@pytest.mark.parametrize(
    "hints",
    [
        [("Link", "a\r\nX-Forged: 1")],
        [("Li nk", "a")],
        [("Link\r\nX", "a")],
        [("", "a")],
        [("Link", "a\x00")],
        [("Link", "\u20ac")],
        [("Transfer-Encoding", "chunked")],
        [("Keep-Alive", "5")],
        [("Link", 5)],
        [("Link",)],
        "Link: a",
        5,
    ],
    ids=repr,
)
def test_wrong_hints_are_the_applications_error(hints: Any) -> None:
    """Raised where they are given; nothing of them is sent, and the answer is whole."""
    errors: list[BaseException] = []
    with engine_on(hinting(hints, errors=errors)) as running, running.client() as client:
        client.send(request())
        answer = client.response()
        assert (answer.interim, answer.body) == ([], b"hello\n")
        assert len(errors) == 1
        assert isinstance(errors[0], ValueError | TypeError)


def test_no_hint_can_follow_the_answers_head() -> None:
    """Whether it is an error or is left out: it never lands in the middle of the body."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first,"
        try:
            environ["wsgi.early_hints"]([LINK])
        except Exception as error:
            assert error.args  # noqa: PT017
        yield b"second"

    with engine_on(app) as running, running.client() as client:
        client.send(request())
        answer = client.response()
        assert (answer.interim, answer.body) == ([], b"first,second")


# Trailers of the request


def reading(seen: list[Any]) -> Any:
    """Keeps the trailers, and the environ, when the body has been read."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        seen.append((body, environ["potstill.trailers"](), environ))
        return hello(environ, start_response)

    return app


def trailers_of(raw: bytes, **changes: Any) -> tuple[bytes, list[tuple[str, str]], Environ]:
    seen: list[Any] = []
    with engine_on(reading(seen), **changes) as running:
        assert running.ask(raw) == b"hello\n"
    ((body, trailers, environ),) = seen
    assert type(trailers) is list
    return body, [(name.lower(), value) for name, value in trailers], environ


buffering = pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "live"])


@buffering
def test_trailers_are_told_after_the_body(buffered: bool) -> None:
    """In order, repeated ones each; and they are no part of environ (RFC 9110 §6.5.1: never merged)."""
    raw = CHUNKED + b"5\r\nwater\r\n0\r\nX-Checksum: 5d41\r\nX-Cask: 7\r\nX-Cask:  8 \r\n\r\n"
    body, trailers, environ = trailers_of(raw, request_buffering=buffered)
    assert body == b"water"
    assert trailers == [("x-checksum", "5d41"), ("x-cask", "7"), ("x-cask", "8")]
    assert not [key for key in environ if "CHECKSUM" in key or "CASK" in key]


@buffering
@pytest.mark.parametrize(
    "raw",
    [request(), request("/", method="POST", body=b"water"), CHUNKED + b"5\r\nwater\r\n0\r\n\r\n"],
    ids=["no body", "length", "chunked"],
)
def test_without_trailers_the_list_is_empty(raw: bytes, buffered: bool) -> None:
    _, trailers, _ = trailers_of(raw, request_buffering=buffered)
    assert trailers == []


@pytest.mark.parametrize(
    "field",
    ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: other", "Authorization: Basic eA==", "TE: x"],
)
def test_fields_that_frame_route_or_authenticate_are_dropped(field: str) -> None:
    """RFC 9110 §6.5.1; what stands beside them is told."""
    raw = CHUNKED + b"5\r\nwater\r\n0\r\n" + field.encode() + b"\r\nX-Cask: 7\r\n\r\n"
    assert trailers_of(raw)[1] == [("x-cask", "7")]


# Trailers of the response


def sending(
    *trailers: list[tuple[Any, Any]], fields: Iterable[tuple[str, str]] = (), body: Any = None
) -> Any:
    """A generator that sends these trailers, one call each, before its last block."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", list(fields))
        yield b"water,"
        for each in trailers:
            environ["potstill.send_trailers"](each)
        yield b"malt"

    return app


def address(running: Running) -> tuple[str, int]:
    assert isinstance(running.address, tuple)
    return running.address


def received(app: Any, *fields: tuple[str, str], method: str = "GET") -> tuple[bytes, list[tuple[str, str]]]:
    """Body and trailers, by h11."""
    with engine_on(app) as running, StrictClient(address(running)) as client:
        client.send_head(method, "/", fields)
        client.send_body([])
        body = b""
        assert client.receive_head().status_code == 200
        while isinstance(event := client.receive_event(), h11.Data):
            body += bytes(event.data)
        assert isinstance(event, h11.EndOfMessage)
        return body, [(name.decode(), value.decode()) for name, value in event.headers]


TE = ("TE", "trailers")
CHECKSUM = ("X-Checksum", "5d41")


def lowered(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in pairs]


@pytest.mark.parametrize("value", ["trailers", "deflate;q=0.5, trailers", "Trailers", "trailers, gzip"])
def test_trailers_are_sent_to_who_asks_for_them(value: str) -> None:
    """RFC 9110 §6.5.1: only where TE says that they are welcome."""
    body, trailers = received(sending([CHECKSUM, ("X-Cask", "7")]), ("TE", value))
    assert body == b"water,malt"
    assert lowered(trailers) == [("x-checksum", "5d41"), ("x-cask", "7")]


@pytest.mark.parametrize(
    "fields", [(), (("TE", "deflate"),), (("TE", "xtrailers"),)], ids=["none", "other", "like"]
)
def test_who_does_not_ask_gets_none(fields: tuple[tuple[str, str], ...]) -> None:
    assert received(sending([CHECKSUM]), *fields) == (b"water,malt", [])


def test_the_connection_goes_on_after_trailers() -> None:
    """The next answer begins where the trailers end."""
    with engine_on(sending([CHECKSUM])) as running, running.client() as client:
        client.send(request("/", "TE: trailers") + request())
        client.wait_for(b"X-Checksum: 5d41\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "raw",
    [request("/", "TE: trailers", version="1.0"), request("/", "TE: trailers", method="HEAD")],
    ids=["1.0", "HEAD"],
)
def test_where_there_are_no_chunks_there_are_no_trailers(raw: bytes) -> None:
    with engine_on(sending([CHECKSUM])) as running, running.client() as client:
        client.send(raw)
        assert b"hecksum" not in client.response(head=raw.startswith(b"HEAD")).body


def test_an_answer_with_a_length_is_not_spoilt() -> None:
    app = sending([CHECKSUM], fields=[("Content-Length", "10")])
    with engine_on(app) as running, running.client() as client:
        client.send(request("/", "TE: trailers", "Connection: close"))
        answer = client.response()
        assert answer.body in (b"water,malt", b"water,")
        client.expect_end()


@pytest.mark.parametrize(
    "trailer",
    [
        ("X-A", "a\r\nX-Forged: 1"),
        ("X A", "a"),
        ("", "a"),
        ("X-A", 5),
        ("X-A", "\u20ac"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "a"),
        ("Connection", "close"),
    ],
    ids=repr,
)
def test_wrong_trailers_are_the_applications_error(trailer: Any, log: Log) -> None:
    """Raised where they are given; nothing of them is sent."""
    errors: list[BaseException] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"water"
        try:
            environ["potstill.send_trailers"]([trailer])
        except (ValueError, TypeError) as error:
            errors.append(error)

    assert received(app, TE) == (b"water", [])
    assert len(errors) == 1
