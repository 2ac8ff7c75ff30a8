"""More than a head and a body: early hints, and trailers both ways."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.engine import GET, WAIT_S, Environ, StartResponse, hello, request
from tests.support.wire import Client, Response
from tests.unit.core.stage import PLAIN, Log, Stage
from tests.unit.core.test_facilities import ask_with

CHUNKED = request("/", "Transfer-Encoding: chunked", method="PATCH")

# Early hints (RFC 8297)

HINTS = [("Link", "</style.css>; rel=preload"), ("Link", "</script.js>; rel=preload")]


def with_hints(
    on: Stage, hints: object, raw: bytes = GET, *, before: bool = True
) -> tuple[Response, list[Any]]:
    """The answer, and what early_hints() came to, called before start_response or after it."""
    found: list[Any] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not before:
            start_response("200 OK", [*PLAIN, ("Content-Length", "6")])
        try:
            found.append(environ["wsgi.early_hints"](hints))
        except Exception as error:
            found.append(error)
        if before:
            start_response("200 OK", [*PLAIN, ("Content-Length", "6")])
        return [b"hello\n"]

    on.play(application)
    with on.client() as client:
        client.send(raw)
        return client.response(), found


@pytest.mark.parametrize("before", [True, False])
def test_early_hints_come_first(on: Stage, before: bool) -> None:
    """Also after start_response, as long as nothing of the answer has left; it is the same answer then."""
    response, found = with_hints(on, HINTS, before=before)
    assert found == [None]
    assert [(each.status, each.all("link")) for each in response.interim] == [(103, [v for _, v in HINTS])]
    assert (response.status, response.body, response.all("link")) == (200, b"hello\n", [])


def test_early_hints_may_come_several_times(on: Stage) -> None:
    """And each leaves at once: the client has it while the view still works."""
    taken = threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.early_hints"](HINTS[:1])
        assert taken.wait(WAIT_S)
        environ["wsgi.early_hints"](iter(HINTS[1:]))
        return hello(environ, start_response)

    on.play(application)
    with on.client() as client:
        client.send(GET)
        assert client.interim().status == 103
        taken.set()
        response = client.response()
        assert [each.status for each in response.interim] == [103]
        assert response.body == b"hello\n"


def test_no_early_hints_for_an_old_client(on: Stage) -> None:
    """HTTP/1.0 knows no interim answers (RFC 9110 section 15.2)."""
    response, found = with_hints(on, HINTS, request(version="1.0"))
    assert found == [None]
    assert (response.interim, response.body) == ([], b"hello\n")


def test_no_early_hints_behind_the_head(on: Stage) -> None:
    """They would stand in the middle of the body."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        yield b"one "
        environ["wsgi.early_hints"](HINTS)
        yield b"two"

    on.play(application)
    assert on.ask().body == b"one two"


@pytest.mark.parametrize(
    ("hints", "error"),
    [
        ([("Link", "a\r\nX-Evil: 1")], ValueError),
        ([("Link\r\nX: y", "a")], ValueError),
        ([("Li nk", "a")], ValueError),
        ([("", "a")], ValueError),
        ([("Link", "\N{SNOWMAN}")], (ValueError, UnicodeEncodeError)),
        ([("Link", b"a")], TypeError),
        ([(b"Link", "a")], TypeError),
        ([("Transfer-Encoding", "chunked")], ValueError),
        ([("Upgrade", "websocket")], ValueError),
        ([("Link", "good"), ("Link", "bad\n")], ValueError),
        ([("Link",)], (ValueError, TypeError)),
        (None, TypeError),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_bad_hints_are_refused_whole(on: Stage, hints: object, error: Any, before: bool) -> None:
    """By the rules of start_response; nothing of them leaves, and the answer is not touched."""
    response, found = with_hints(on, hints, before=before)
    assert isinstance(found[0], error)
    assert (response.interim, response.status, response.body) == ([], 200, b"hello\n")


@pytest.mark.parametrize("field", [("Content-Length", "5"), ("Connection", "close")])
def test_hints_do_not_frame_the_answer(on: Stage, field: tuple[str, str]) -> None:
    """RFC 9110 section 8.6: no Content-Length in an interim answer; the connection goes on besides."""
    response, found = with_hints(on, [field, HINTS[0]])
    assert found == [None]
    assert [each.fields for each in response.interim] == [[("link", HINTS[0][1])]]
    assert (response.body, response.connection) == (b"hello\n", set())


# The request's trailers


def chunked(*trailers: str) -> bytes:
    return CHUNKED + b"\r\n".join([b"5", b"hello", b"0", *(each.encode() for each in trailers), b"", b""])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (GET, []),
        (request(method="POST", body=b"hello"), []),
        (chunked(), []),
        (chunked("X-Sum: 1"), [("X-Sum", "1")]),
        (
            chunked("X-Sum: 1", "x-empty:", "X-Sum:  two \t"),
            [("X-Sum", "1"), ("x-empty", ""), ("X-Sum", "two")],
        ),
        (chunked("X-Colons: a: b:c"), [("X-Colons", "a: b:c")]),
        (chunked("Content-Length: 9", "X-Sum: 1"), [("X-Sum", "1")]),
    ],
)
def test_the_trailers_of_a_request(on: Stage, raw: bytes, expected: list[tuple[str, str]]) -> None:
    """As they stand, in order; none of those that frame the message (RFC 9110 section 6.5.1)."""

    def view(environ: Environ) -> object:
        environ["wsgi.input"].read()
        return environ["potstill.trailers"]()

    (found,) = ask_with(on, view, raw)
    assert found == expected


# The answer's trailers

CODINGS = ["trailers", "gzip, trailers", "Trailers;q=1", "deflate;q=0.5 , TRAILERS"]


def with_trailers(
    on: Stage, fields: object, raw: bytes, body: Any, *, late: bool = False
) -> tuple[bytes, Any]:
    """All that the client gets, and what send_trailers() came to."""
    found: list[Any] = []

    def send(environ: Environ) -> None:
        try:
            found.append(environ["potstill.send_trailers"](fields))
        except Exception as error:
            found.append(error)

    def pieces(environ: Environ) -> Iterable[bytes]:
        yield from body
        if late:
            send(environ)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        if not late:
            send(environ)
        return pieces(environ) if late or not isinstance(body, list) else body

    on.play(application)
    with on.client() as client:
        client.send(raw)
        return everything(client), found[0]


def everything(client: Client) -> bytes:
    """Unparsed: the strict client takes trailers for an error."""
    client.half_close()
    return client.remainder()


def asking(coding: str = "trailers", version: str = "1.1") -> bytes:
    return request("/", f"TE: {coding}", "Connection: close, TE", version=version)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("coding", CODINGS)
def test_trailers_stand_behind_the_last_chunk(on: Stage, coding: str, late: bool) -> None:
    """Said before the body or at its end, to a client that asked for them in whatever words."""
    fields = [("X-Sum", "42"), ("Server-Timing", "db;dur=5")]
    raw, told = with_trailers(on, fields, asking(coding), (b"a", b"b"), late=late)
    assert told is True
    assert raw.endswith(b"\r\n0\r\nX-Sum: 42\r\nServer-Timing: db;dur=5\r\n\r\n")
    assert b"\r\n1\r\na\r\n1\r\nb\r\n" in raw


@pytest.mark.parametrize(
    "raw",
    [
        request("/", "Connection: close"),
        asking("gzip"),
        asking("trailersx"),
        asking(version="1.0"),
    ],
)
def test_no_trailers_for_who_did_not_ask(on: Stage, raw: bytes) -> None:
    """RFC 9110 section 6.5.1: a recipient that does not know what to do with them may lose them anyhow."""
    answer, told = with_trailers(on, [("X-Sum", "42")], raw, (b"a", b"b"))
    assert told is False
    assert b"X-Sum" not in answer


def test_no_trailers_where_the_length_is_known(on: Stage) -> None:
    """There is no last chunk that they could stand behind: False where that is clear already."""
    found: list[bool] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [*PLAIN, ("Content-Length", "2")])
        yield b"a"
        found.append(environ["potstill.send_trailers"]([("X-Sum", "42")]))
        yield b"b"

    on.play(application)
    with on.client() as client:
        client.send(asking())
        answer = everything(client)
    assert found == [False]
    assert answer.endswith(b"\r\n\r\nab")


@pytest.mark.parametrize(
    "name",
    [
        "Content-Length",
        "transfer-encoding",
        "Host",
        "TE",
        "Trailer",
        "Set-Cookie",
        "Content-Type",
        "Authorization",
    ],
)
def test_some_fields_are_no_trailers(on: Stage, name: str) -> None:
    """What frames, routes or describes the message comes before it, or not at all."""
    answer, error = with_trailers(on, [("X-Sum", "42"), (name, "1")], asking(), (b"a", b"b"))
    assert isinstance(error, ValueError)
    assert name in str(error)
    assert answer.endswith(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ([("X", "a\r\nY: b")], ValueError),
        ([("X Y", "a")], ValueError),
        ([("X", 1)], TypeError),
        (None, TypeError),
    ],
)
def test_bad_trailers_are_refused(on: Stage, fields: object, error: type[Exception]) -> None:
    """By the rules of start_response; the answer is whole without them."""
    answer, found = with_trailers(on, fields, asking(), (b"a", b"b"))
    assert isinstance(found, error)
    assert answer.endswith(b"\r\n0\r\n\r\n")


def test_the_log_is_quiet(on: Stage, log: Log) -> None:
    """Mistakes that the application was told of are its own to report."""
    with_hints(on, [("Li nk", "a")])
    with_trailers(on, [("Host", "a")], asking(), (b"a",))
    assert log.texts() == []
