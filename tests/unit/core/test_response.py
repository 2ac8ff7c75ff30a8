"""The answer that becomes of what an application says (PEP 3333): framing, start_response, write().

Errors and how they end are in test_response_errors.py, files in test_response_files.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from potstill.core.file_wrapper import FileWrapper
from potstill.core.refusals import reason_phrase
from tests.support.engine import GET, Environ, Gate, StartResponse, request
from tests.unit.core.stage import PLAIN, Stage, stage

LARGE = bytes(range(256)) * 4000  # a megabyte, beyond what is copied together
GET_1_0 = request(version="1.0")
GET_1_0_KEEP = request("/", "Connection: keep-alive", version="1.0")


class Text(bytes):
    pass


class Sized:
    """An iterable that knows how many pieces it has, and is no list."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)


class Indexed:
    """The old protocol of sequences, which `for` still understands."""

    def __getitem__(self, index: int) -> bytes:
        return (b"old ", b"protocol")[index]


def pieces(*parts: bytes) -> Any:
    """A function that makes a generator of the parts."""
    return lambda: (part for part in parts)


# What is returned, the body that it is, how HTTP/1.1 and HTTP/1.0 get it.
BODIES = {
    "a list of one": ([b"hello"], b"hello", "length", "length"),
    "a list of two": ([b"hel", b"lo"], b"hello", "length", "length"),
    "a list of none": ([], b"", "length", "length"),
    "a list of nothing": ([b"", b""], b"", "length", "length"),
    "a list with nothing in it": ([b"", b"hel", b"", b"lo", b""], b"hello", "length", "length"),
    "a tuple": ((b"hel", b"lo"), b"hello", "length", "length"),
    "a list of one large": ([LARGE], LARGE, "length", "length"),
    "a list of large": ([LARGE, b"-", LARGE], LARGE + b"-" + LARGE, "length", "length"),
    "a list of many": ([b"abc"] * 9000, b"abc" * 9000, "length", "length"),
    "a list of a subclass": ([Text(b"hello")], b"hello", "length", "length"),
    "a list of two of a subclass": ([Text(b"hel"), b"lo"], b"hello", "length", "length"),
    "a sized iterable of one": (Sized(b"hello"), b"hello", "length", "length"),
    "a sized iterable of two": (Sized(b"hel", b"lo"), b"hello", "chunked", "close"),
    "a sized iterable of none": (Sized(), b"", "length", "length"),
    "a set": ({b"hello"}, b"hello", "length", "length"),
    "a generator of one": (pieces(b"hello"), b"hello", "chunked", "close"),
    "a generator of many": (pieces(b"h", b"e", b"", b"llo"), b"hello", "chunked", "close"),
    "a generator of none": (pieces(), b"", "length", "length"),
    "a generator of nothing": (pieces(b"", b""), b"", "length", "length"),
    "a generator of large": (pieces(LARGE, b"-", LARGE), LARGE + b"-" + LARGE, "chunked", "close"),
    "an iterator": (lambda: iter([b"hel", b"lo"]), b"hello", "chunked", "close"),
    "the old protocol": (Indexed(), b"old protocol", "chunked", "close"),
}


@pytest.mark.parametrize("name", BODIES)
def test_what_is_returned_and_how_it_is_framed(on: Stage, name: str) -> None:
    """RFC 9112 section 6: a length where it is known, else chunks, and for HTTP/1.0 the end of the
    connection.
    """
    returned, body, framing, framing_1_0 = BODIES[name]
    on.play_body(returned)
    response = on.ask(GET)
    assert (response.status, response.body, response.framing) == (200, body, framing)
    on.play_body(returned)
    response = on.ask(GET_1_0_KEEP)
    assert (response.body, response.framing) == (body, framing_1_0)
    assert response.connection == ({"close"} if framing_1_0 == "close" else {"keep-alive"})


@pytest.mark.parametrize("name", BODIES)
def test_a_length_that_the_application_gave_is_kept(on: Stage, name: str) -> None:
    returned, body, _, _ = BODIES[name]
    for raw in (GET, GET_1_0):
        on.play_body(returned, fields=[("Content-Length", str(len(body)))])
        response = on.ask(raw)
        assert (response.body, response.framing) == (body, "length")
        assert response.get("content-length") == str(len(body))


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (request(method="HEAD"), "200 OK"),
        (request(method="HEAD"), "404 Not Found"),
        (GET, "204 No Content"),
        (GET, "304 Not Modified"),
    ],
)
def test_no_body_where_none_may_be(on: Stage, name: str, raw: bytes, status: str) -> None:
    """RFC 9112 section 6.3: whatever the application yields. The connection is in order afterwards."""
    on.play_body(BODIES[name][0], status)
    response = on.ask(raw)
    assert (f"{response.status} {response.reason}", response.body, response.framing) == (status, b"", "none")
    assert response.get("transfer-encoding") is None


@pytest.mark.parametrize(
    ("raw", "status", "kept"),
    [
        (request(method="HEAD"), "200 OK", "5"),
        (GET, "304 Not Modified", "5"),
        (GET, "204 No Content", None),
    ],
)
def test_the_length_of_a_body_that_is_not_sent(on: Stage, raw: bytes, status: str, kept: str | None) -> None:
    """RFC 9110 section 8.6: HEAD and 304 say what GET would have; with 204 it must not be said."""
    on.play_body([b"hello"], status, [("Content-Length", "5")])
    assert on.ask(raw).get("content-length") == kept


def test_pieces_leave_as_they_come(on: Stage) -> None:
    """PEP 3333, "Buffering and Streaming": the server must not delay a piece until the next one comes."""
    with Gate() as gate, on.client() as client:

        def slowly() -> Iterator[bytes]:
            yield b"first"
            gate.pass_through()
            yield b"second"

        on.play_body(slowly)
        client.send(GET)
        received = b""
        while b"first" not in received:
            received += client.socket.recv(1000)
        gate.open()
        while not received.endswith(b"0\r\n\r\n"):
            received += client.socket.recv(1000)
        assert received.endswith(b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n")


def test_the_head_waits_for_the_first_octet(on: Stage) -> None:
    """PEP 3333, "The start_response() Callable": an error before it can still become another answer."""

    def change_of_mind(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        yield b""
        try:
            raise ValueError("a change of mind")
        except ValueError:
            import sys

            start_response("503 Service Unavailable", [("X-Mind", "changed")], sys.exc_info())
        yield b"later"

    on.play(change_of_mind)
    response = on.ask()
    assert (response.status, response.get("x-mind"), response.body) == (503, "changed", b"later")
    assert response.get("content-type") is None


def test_start_response_inside_of_a_generator(on: Stage) -> None:
    """PEP 3333: it may be called late, when the first piece is asked for."""

    def late(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("201 Created", PLAIN)
        yield b"hello"

    on.play(late)
    response = on.ask()
    assert (response.status, response.body) == (201, b"hello")


# write()


@pytest.mark.parametrize(
    ("written", "returned", "chunks"),
    [
        ([b"hello"], [], [b"hello"]),
        ([b"he", b"", b"llo"], [], [b"he", b"llo"]),
        ([b"he"], [b"llo"], [b"he", b"llo"]),
        ([b"he"], [b"l", b"lo"], [b"he", b"llo"]),
        ([LARGE], [LARGE], [LARGE, LARGE]),
    ],
)
def test_write(on: Stage, written: list[bytes], returned: list[bytes], chunks: list[bytes]) -> None:
    """PEP 3333, "The write() Callable": each piece is sent before write() returns, and before what is
    returned.
    """

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", PLAIN)
        for data in written:
            write(data)
        return returned

    on.play(application)
    response = on.ask(GET)
    assert response.body == b"".join(chunks)
    assert response.chunks == chunks
    on.play(application)
    assert on.ask(GET_1_0).body == b"".join(chunks)
    on.play(application)
    assert on.ask(request(method="HEAD")).body == b""


def test_written_octets_leave_at_once(on: Stage) -> None:
    with Gate() as gate, on.client() as client:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [("Content-Length", "10")])(b"hello")
            gate.pass_through()
            return [b"world"]

        on.play(application)
        client.send(GET)
        received = b""
        while not received.endswith(b"\r\n\r\nhello"):
            received += client.socket.recv(1000)
        gate.open()
        assert client.socket.recv(1000) == b"world"


def test_only_the_thread_that_called_the_application_may_write(on: Stage) -> None:
    """The output buffer is the runner's; a helper thread must not reach into the next request."""
    refused: list[RuntimeError] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Length", "5")])

        def elsewhere() -> None:
            try:
                write(b"wrong")
            except RuntimeError as error:
                refused.append(error)

        writer = threading.Thread(target=elsewhere)
        writer.start()
        writer.join()
        write(b"hello")
        return []

    on.play(application)
    assert on.ask().body == b"hello"
    assert "another thread" in str(refused[0])


# Fields


def test_date_and_server_are_added(on: Stage) -> None:
    """RFC 9110 sections 6.6.1 and 10.2.4; without a version, which helps those who look for old ones."""
    on.play_body([b"hello"])
    response = on.ask()
    assert response.get("server") == "potstill"
    assert (response.get("date") or "").endswith(" GMT")


@pytest.mark.parametrize("name", ["Date", "DATE", "date", "Server", "sErVeR"])
def test_the_applications_own_are_kept(on: Stage, name: str) -> None:
    on.play_body([b"hello"], fields=[(name, "mine")])
    assert on.ask().all(name) == ["mine"]


@pytest.mark.parametrize(("header", "expected"), [("", None), ("some thing/1", "some thing/1")])
def test_the_server_field_is_an_option(header: str, expected: str | None) -> None:
    with stage(server_header=header) as on:
        assert on.ask().get("server") == expected


def test_fields_are_sent_as_they_are_and_in_order(on: Stage) -> None:
    """Names keep their case, values their octets (latin-1, PEP 3333), repeated fields their lines."""
    fields = [
        ("X-b", "1"),
        ("x-A", "caf\xe9 \x80\xff"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("X-Empty", ""),
    ]
    on.play_body([b"hello"], fields=[*fields, ("X-Tab", "a\tb")])
    with on.client() as client:
        client.send(GET)
        received = b""
        while not received.endswith(b"hello"):
            received += client.socket.recv(1000)
    lines = received.split(b"\r\n")
    expected = [f"{name}: {value}".encode("latin-1") for name, value in [*fields, ("X-Tab", "a\tb")]]
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert lines[1 : len(expected) + 1] == expected


def test_many_and_large_fields(on: Stage) -> None:
    """What the application sends has no limit but memory."""
    fields = [(f"X-{number}", "v" * 500) for number in range(500)]
    on.play_body([b"hello"], fields=fields)
    response = on.ask()
    assert [response.get(name) for name, _ in fields] == [value for _, value in fields]


@pytest.mark.parametrize(
    "status",
    [
        "200 OK",
        "200 ",
        "299 Something of our own: caf\xe9",
        "404 Not\tFound",
        "999 The end",
        "418 " + "x" * 900,
    ],
)
def test_a_status(on: Stage, status: str) -> None:
    """RFC 9112 section 4: three digits, a space, a reason that may be empty."""
    on.play_body([b"hello"], status)
    response = on.ask()
    assert f"{response.status} {response.reason}" == status


def test_more_statuses_than_are_remembered(on: Stage) -> None:
    """Each engine thread remembers some hundred of them; an application that invents more is served all the
    same.
    """
    for number in range(300):
        on.play_body([b""], f"200 Number {number}")
        assert on.ask().reason == f"Number {number}"


# The connection


@pytest.mark.parametrize("value", ["close", "Close", " close "])
def test_the_application_may_close(on: Stage, value: str) -> None:
    """The one thing that it may say in a Connection field; it is sent once."""
    on.play_body([b"hello"], fields=[("Connection", value)])
    response = on.ask()
    assert response.all("connection") == ["close"]


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (GET, True),
        (request("/", "Connection: close"), False),
        (request("/", "Connection: keep-alive"), True),
        (GET_1_0, False),
        (GET_1_0_KEEP, True),
    ],
)
def test_whether_the_connection_goes_on(on: Stage, raw: bytes, kept: bool) -> None:
    """RFC 9112 section 9.3. What is not the default of the client's version is said."""
    on.play_body([b"hello"])
    response = on.ask(raw)
    default = b"HTTP/1.1" in raw
    assert response.connection == (set() if kept and default else {"keep-alive"} if kept else {"close"})


def test_keep_alive_off() -> None:
    with stage(keepalive_s=0.0) as on:
        assert on.ask().connection == {"close"}


def test_so_many_requests_a_connection() -> None:
    """The last one of them says so."""
    with stage(keepalive_requests=3) as on, on.client() as client:
        client.send(GET * 3)
        assert [client.response().connection for _ in range(3)] == [set(), set(), {"close"}]
        client.expect_end()


# Small things of the module


def test_a_file_wrapper_by_itself() -> None:
    """An iterable over what is left of a file, in blocks; close() is passed on where there is one."""
    import io

    file = io.BytesIO(b"0123456789")
    file.seek(1)
    wrapper = FileWrapper(file, 4)
    assert (wrapper.filelike, wrapper.blksize) == (file, 4)
    assert list(wrapper) == [b"1234", b"5678", b"9"]
    wrapper.close()
    assert file.closed

    class Bare:
        def read(self, size: int, /) -> bytes:
            return b""

    assert list(FileWrapper(Bare())) == []
    FileWrapper(Bare()).close()


@pytest.mark.parametrize(("code", "phrase"), [(200, "OK"), (414, "URI Too Long"), (599, "Unknown")])
def test_reasons(code: int, phrase: str) -> None:
    # The standard library's table changed a few of them to the words of RFC 9110 in Python 3.13.
    assert reason_phrase(code) in (phrase, "Request-URI Too Long")
