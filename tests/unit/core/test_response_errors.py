"""What an application does wrong, and how its answer ends: a 500, or a cut that nobody takes for an end."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.engine import GET, Environ, StartResponse, request
from tests.unit.core.stage import PLAIN, Body, Log, Stage, cut_answer

GET_1_0 = request(version="1.0")
HEAD = request(method="HEAD")


def every_exception() -> list[type[BaseException]]:
    """The builtin ones that can be made of a text."""
    found = []
    for value in vars(builtins).values():
        if isinstance(value, type) and issubclass(value, BaseException):
            try:
                value("of the view")
            except TypeError:
                continue
            found.append(value)
    return found


# Exceptions


@pytest.mark.parametrize("kind", every_exception())
def test_an_exception_of_a_view_is_a_500_of_that_request(
    on: Stage, log: Log, kind: type[BaseException]
) -> None:
    """SystemExit, KeyboardInterrupt, GeneratorExit like any other. It is logged once, with traceback."""

    def view(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise kind("of the view")

    on.play(view)
    response = on.ask(request("/path?query"))
    assert (response.status, response.body) == (500, b"500 Internal Server Error\n")
    assert response.connection == {"close"}
    record = log.wait_for("exception in GET /path?query from 127.0.0.1:")
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert record.exc_info[0] is kind
    assert len(log.records) == 1
    on.ask()


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("raw", [GET, GET_1_0, HEAD])
def test_before_the_first_octet_it_is_still_a_500(on: Stage, log: Log, raw: bytes, started: bool) -> None:
    """Also when start_response had been called: neither what it said is sent nor details of the error."""

    def view(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if started:
            start_response("200 OK", [("X-Secret", "1"), ("Content-Length", "5")])
        yield b"" if started else b"".join([])
        raise ValueError("a secret")

    on.play(view)
    response = on.ask(raw)
    assert response.status == 500
    assert response.get("x-secret") is None
    assert b"secret" not in response.body
    log.wait_for("exception in")


@pytest.mark.parametrize("raw", [GET, GET_1_0])
@pytest.mark.parametrize("length", [None, 10])
@pytest.mark.parametrize(
    "kind", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, StopAsyncIteration]
)
def test_an_exception_in_the_middle_of_a_body_cuts_it(
    on: Stage, log: Log, raw: bytes, length: int | None, kind: type[BaseException]
) -> None:
    """No client may take half of a body for the whole: where the end of the connection would say so, it is a
    reset.
    """
    body = Body(b"hello", kind("in the middle"))
    on.play_body(body, fields=[] if length is None else [("Content-Length", str(length))])
    cut = cut_answer(on, raw)
    assert cut.partial is not None
    if cut.partial.framing == "close":
        assert cut.reset
    log.wait_for("exception in")
    assert body.closed == 1


def test_an_exception_after_the_whole_body_harms_no_answer(on: Stage, log: Log) -> None:
    """The client has all that was promised; the connection ends all the same."""
    on.play_body(Body(b"hello", ValueError("too late")), fields=[("Content-Length", "5")])
    with on.client() as client:
        client.send(GET)
        assert client.response().body == b"hello"
        client.expect_end()
    log.wait_for("exception in")


# What is returned


@pytest.mark.parametrize(
    ("returned", "named"),
    [
        (None, "None"),
        ("text", "str"),
        (b"octets", "bytes"),
        (5, "int"),
        (["text"], "str"),
        ([None], "NoneType"),
        ([b"hello", "text"], "str"),
        ((b"hello", 5), "int"),
        (iter(["text"]), "str"),
        ([bytearray(b"hello")], "bytearray"),
        ([memoryview(b"hello")], "memoryview"),
        ({"key": b"value"}, "str"),
        (object(), "object"),
    ],
)
def test_a_body_of_the_wrong_type(on: Stage, log: Log, returned: Any, named: str) -> None:
    """PEP 3333: an iterable of bytes. It is a 500, and the log names the type that came instead."""
    on.play_body(returned)
    assert on.ask().status == 500
    record = log.wait_for("exception in")
    assert record.exc_info is not None
    assert record.exc_info[0] is TypeError
    assert named in str(record.exc_info[1])


@pytest.mark.parametrize("data", ["text", None, 5, bytearray(b"hello")])
def test_writing_the_wrong_type(on: Stage, log: Log, data: Any) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)(data)
        return []

    on.play(application)
    assert on.ask().status == 500
    log.wait_for("exception in")


@pytest.mark.parametrize("body", [[b"hello"], [], Body(b"hello"), (part for part in [b"hello"])])
def test_a_body_without_start_response(on: Stage, log: Log, body: Any) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return body  # type: ignore[no-any-return]

    on.play(application)
    assert on.ask().status == 500
    record = log.wait_for("exception in")
    assert record.exc_info is not None
    assert "start_response" in str(record.exc_info[1])


# What start_response is given


STATUSES = [
    "",
    "200",
    "200OK",
    "20 OK",
    "2000 OK",
    "099 Low",
    "abc OK",
    "200 OK\r\nX: 1",
    "200 \x00",
    "200 \x7f",
    "200 €",
]


@pytest.mark.parametrize("status", [*STATUSES, " 200 OK", "٢٠٠ OK", b"200 OK", 200, None])
def test_a_status_that_must_not_be_sent(on: Stage, log: Log, status: Any) -> None:
    on.play_body([b"hello"], status)
    assert on.ask().status == 500
    record = log.wait_for("exception in")
    assert record.exc_info is not None
    assert "status" in str(record.exc_info[1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("X Y", "x"),
        ("X:", "x"),
        ("X\r\nY", "x"),
        ("X\n", "x"),
        ("\x00", "x"),
        ("X\xe9", "x"),
        ("X€", "x"),
        ("X", "a\r\nY: b"),
        ("X", "a\rb"),
        ("X", "a\nb"),
        ("X", "a\x00b"),
        ("X", "a\x7f"),
        ("X", "a\x1b"),
        ("X", "€"),
        ("Content-Length", "five"),
        ("Content-Length", "-5"),
        ("Content-Length", "+5"),
        ("Content-Length", "5, 5"),
        ("Content-Length", "٥"),
        ("Content-Length", ""),
        ("Content-Length", "9" * 19),
        ("content-length", "0x5"),
        ("Connection", "keep-alive"),
        ("connection", "Upgrade"),
        ("Connection", "close, x"),
        ("Keep-Alive", "timeout=5"),
        ("Transfer-Encoding", "chunked"),
        ("transfer-ENCODING", "identity"),
        ("TE", "trailers"),
        ("Trailer", "X"),
        ("Trailers", "X"),
        ("Upgrade", "websocket"),
        ("Proxy-Connection", "close"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Authorization", "Basic"),
    ],
)
def test_a_field_that_must_not_be_sent(on: Stage, log: Log, name: str, value: str) -> None:
    """RFC 9110 sections 5.1, 5.5 and 8.6, PEP 3333 "Other HTTP Features". The log names the field."""
    on.play_body([b"hello"], fields=[("X-Fine", "fine"), (name, value)])
    response = on.ask()
    assert response.status == 500
    assert response.get("x-fine") is None
    record = log.wait_for("exception in")
    assert record.exc_info is not None
    assert repr(name) in str(record.exc_info[1]) or repr(name.title()) in str(record.exc_info[1])


@pytest.mark.parametrize(
    "fields",
    [
        None,
        (("X", "tuple"),),
        {"X": "dict"},
        iter([("X", "iterator")]),
        [["X", "list"]],
        [("X",)],
        [("X", "too", "many")],
        [("X", 5)],
        [(b"X", b"bytes")],
        [(None, None)],
        ["XY"],
        [("Content-Length", "5"), ("Content-Length", "5")],
    ],
)
def test_fields_of_the_wrong_shape(on: Stage, log: Log, fields: Any) -> None:
    """PEP 3333: a list of tuples of two native strings."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", fields)
        return [b"hello"]

    on.play(application)
    assert on.ask().status == 500
    log.wait_for("exception in")


# When start_response is called


def test_twice_without_exc_info(on: Stage, log: Log) -> None:
    """PEP 3333: "a fatal error"."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        start_response("200 OK", PLAIN)
        return [b"hello"]

    on.play(application)
    assert on.ask().status == 500
    assert "AssertionError" in str(log.wait_for("exception in").exc_info)


def test_again_with_exc_info_after_the_head_has_left(on: Stage, log: Log) -> None:
    """PEP 3333: the application's own exception is raised, and the answer is cut."""
    seen: list[BaseException] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        yield b"hello"
        try:
            raise KeyError("the error")
        except KeyError:
            try:
                start_response("500 Oh", PLAIN, sys.exc_info())
            except KeyError as error:
                seen.append(error)
                raise

    on.play(application)
    cut_answer(on)
    assert "KeyError" in str(log.wait_for("exception in").exc_info)
    assert [str(error) for error in seen] == ["'the error'"]


def test_after_the_request_has_ended(on: Stage) -> None:
    """Whoever has kept them gets an error; the client gets nothing."""
    kept: list[Any] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kept.append(start_response)
        kept.append(start_response("200 OK", PLAIN))
        return [b"hello"]

    on.play(application)
    with on.client() as client:
        client.send(GET)
        assert client.response().body == b"hello"
        on.running.wait_idle(1)
        late, write = kept
        with pytest.raises(RuntimeError, match="ended"):
            write(b"late")
        with pytest.raises(AssertionError, match="twice"):
            late("200 OK", PLAIN)
        on.expect_alive(client)


def test_a_caught_error_of_start_response_may_be_made_good(on: Stage) -> None:
    """A refused call has not started anything."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            start_response("200 OK", [("Bad name", "")])
        except ValueError:
            start_response("400 Bad Request", PLAIN)
        return [b"made good"]

    on.play(application)
    response = on.ask()
    assert (response.status, response.body) == (400, b"made good")
