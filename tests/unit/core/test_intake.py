"""--request-buffering off: the application reads the body itself, as it comes.

The same body, buffered, is what test_connection.py and test_body.py look at; here both are compared.
"""

from __future__ import annotations

import io
import itertools
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.engine import (
    GET,
    WAIT_S,
    Environ,
    Running,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)
from tests.support.wire import Client
from tests.unit.core.stage import PLAIN

CHUNKED = request("/", "Transfer-Encoding: chunked", method="PATCH")
Read = Callable[[Any], object]


def announced(size: int, *fields: str) -> bytes:
    """The head of a request with so long a body."""
    return request("/", *fields, f"Content-Length: {size}", method="PATCH")


class Reader:
    """Reads the body by `read` and remembers what came of it; GET is answered hello."""

    def __init__(self, read: Read = lambda body: body.read()) -> None:
        self.read = read
        self.found: list[Any] = []
        self.came = threading.Event()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            return hello(environ, start_response)
        self.came.set()
        try:
            self.found.append(self.read(environ["wsgi.input"]))
        except Exception as error:
            self.found.append(error)
        start_response("200 OK", PLAIN)
        return [b"read\n"]


@contextmanager
def live(application: Any, **changes: Any) -> Iterator[Running]:
    with engine_on(application, **{"request_buffering": False, "threads": 1, **changes}) as running:
        yield running


def assert_goes_on(client: Client) -> None:
    client.send(GET)
    assert client.response().body == b"hello\n"


# As it comes


def test_the_first_bytes_are_read_before_the_last_are_sent() -> None:
    """The application has begun to read when the client has only begun to send."""
    first = threading.Event()

    def read(body: Any) -> object:
        begin = body.read1(5)
        first.set()
        return [begin, body.read()]

    reader = Reader(read)
    with live(reader) as running, running.client() as client:
        client.send(announced(10) + b"hello")
        assert first.wait(WAIT_S)
        assert reader.found == []
        client.send(b"world")
        assert client.response().body == b"read\n"
        assert reader.found == [[b"hello", b"world"]]


def test_continue_is_sent_at_the_first_read() -> None:
    """Not before: an application that does not want the body never asks for it (RFC 9110 section 10.1.1)."""
    go_on = threading.Event()

    def read(body: Any) -> object:
        assert go_on.wait(WAIT_S)
        return body.read()

    reader = Reader(read)
    with live(reader) as running, running.client() as client:
        client.send(announced(5, "Expect: 100-continue"))
        assert reader.came.wait(WAIT_S)
        client.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.socket.recv(1)
        client.socket.settimeout(WAIT_S)
        go_on.set()
        assert client.interim().status == 100
        client.send(b"hello")
        assert client.response().body == b"read\n"
        assert reader.found == [b"hello"]
        assert_goes_on(client)


def test_an_application_that_does_not_read_asks_for_nothing() -> None:
    """The final answer comes at once, and is the last on this connection: the body may or may not follow."""
    with live(Reader(lambda body: None)) as running, running.client() as client:
        client.send(announced(5, "Expect: 100-continue"))
        response = client.response()
        assert (response.interim, response.body, response.connection) == ([], b"read\n", {"close"})
        client.half_close()
        client.expect_end()


def test_what_came_with_the_head_needs_no_continue() -> None:
    """The client has not waited for it."""
    reader = Reader()
    with live(reader) as running, running.client() as client:
        client.send(announced(5, "Expect: 100-continue") + b"hello")
        response = client.response()
        assert reader.found == [b"hello"]
        assert [each.status for each in response.interim] in ([], [100])


# What is wrong with it


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (announced(10) + b"hello", "left in the middle"),
        (CHUNKED + b"5\r\nhel", "left in the middle"),
        (CHUNKED + b"5\r\nhello\r\n", "left in the middle"),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", "left in the middle"),
        (CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n", "cannot be read"),
        (CHUNKED + b"x\r\nhello\r\n0\r\n\r\n", "cannot be read"),
        (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", "cannot be read"),
        (CHUNKED + b"5\nhello\r\n0\r\n\r\n", "cannot be read"),
    ],
)
def test_a_body_that_is_not_whole_is_an_error(raw: bytes, words: str) -> None:
    """Never a short success: OSError of a read, however the application reads; and of every later one."""

    def read(body: Any) -> object:
        try:
            while body.read(2):
                pass
        except OSError as error:
            with pytest.raises(OSError):
                body.read()
            return error
        return None

    reader = Reader(read)
    with live(reader) as running, running.client() as client:
        client.send(raw)
        client.half_close()
        response = client.response()
        assert response.connection == {"close"}
        client.expect_end()
    assert isinstance(reader.found[0], OSError)
    assert words in str(reader.found[0])


@pytest.mark.parametrize(
    "read", [lambda body: body.read(), lambda body: list(body), lambda body: body.readline()]
)
def test_reading_all_at_once_is_no_way_around(read: Read) -> None:
    reader = Reader(read)
    with live(reader) as running, running.client() as client:
        client.send(announced(10) + b"hello")
        client.half_close()
        client.response()
    assert isinstance(reader.found[0], OSError)


def test_a_reset_is_an_error() -> None:
    reader = Reader()
    with live(reader) as running:
        with running.client() as client:
            client.send(announced(10))
            assert reader.came.wait(WAIT_S)
            client.reset()
        running.wait_idle()
    assert isinstance(reader.found[0], OSError)


@pytest.mark.parametrize("raw", [b"5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n", b"b\r\nhello world\r\n0\r\n\r\n"])
def test_more_than_is_allowed_is_an_error(raw: bytes) -> None:
    """--limit-request-body, for a body whose length nobody said; counted as every refusal is."""
    reader = Reader()
    with live(reader, limit_request_body=10) as running, running.client() as client:
        client.send(CHUNKED + raw)
        assert client.response().connection == {"close"}
        assert "body-too-large" in running.now.refused
    assert isinstance(reader.found[0], OSError)


def test_a_length_beyond_the_limit_is_answered_at_once() -> None:
    """The application is not called (RFC 9110 section 15.5.14)."""
    reader = Reader()
    with live(reader, limit_request_body=10) as running, running.client() as client:
        client.send(announced(11))
        assert client.response().status == 413
    assert reader.found == []


def pass_until(running: Running, fact: Callable[[], object], seconds: float) -> None:
    """Let time pass, step by step, for a thread that waits in a read."""

    def later() -> bool:
        running.engine.advance_clock(seconds)
        return bool(fact())

    wait_until(later)


def test_a_body_that_stops_is_an_error() -> None:
    """--body-timeout holds for each read."""
    begun = threading.Event()

    def read(body: Any) -> object:
        assert body.read(5) == b"hello"
        begun.set()
        return body.read()

    reader = Reader(read)
    with live(reader, body_timeout_s=30) as running, running.client() as client:
        client.send(announced(10) + b"hello")
        assert begun.wait(WAIT_S)
        pass_until(running, lambda: reader.found, 31)
        assert isinstance(reader.found[0], OSError)
        assert client.response().connection == {"close"}
        assert running.now.refused == {"body-timeout": 1}


def test_a_body_that_drips_is_an_error() -> None:
    """--min-rate, by the average since the request began, once it has lasted ten seconds."""
    begun = threading.Event()

    def read(body: Any) -> object:
        begun.set()
        return body.read()

    reader = Reader(read)
    with live(reader, body_timeout_s=1000, min_rate_bytes_s=100) as running, running.client() as client:
        client.send(announced(10_000) + b"hello")
        assert begun.wait(WAIT_S)
        pass_until(running, lambda: reader.found, 4)
        assert isinstance(reader.found[0], OSError)
        assert running.now.refused == {"body-rate": 1}


# The end of the request


@pytest.mark.parametrize("framed", ["length", "chunked"])
@pytest.mark.parametrize("together", [True, False])
def test_a_body_that_was_read_leaves_the_connection_open(framed: str, together: bool) -> None:
    """The next request, which came right behind it, is the next; not a byte is lost or taken twice."""
    body = random.Random(1).randbytes(70_000)
    raw = announced(len(body)) + body if framed == "length" else CHUNKED + chunks(body, [1000, 1, 40_000])
    reader = Reader()
    with live(reader) as running, running.client() as client:
        for _ in range(3):
            client.send(raw + GET if together else raw)
            assert client.response().body == b"read\n"
            if not together:
                client.send(GET)
            assert client.response().body == b"hello\n"
        assert reader.found == [body] * 3


def test_reading_to_the_last_byte_is_reading_it_all() -> None:
    """No read has to say that there is no more."""
    with live(Reader(lambda body: body.read(5))) as running, running.client() as client:
        client.send(announced(5) + b"hello" + GET)
        response = client.response()
        assert response.body == b"read\n"
        assert "close" not in response.connection
        assert client.response().body == b"hello\n"


@pytest.mark.parametrize("size", [0, 1, 9_999])
def test_a_body_that_was_not_read_to_its_end_closes_the_connection(size: int) -> None:
    """What is left of it must not be taken for a request (smuggling)."""
    evil = GET * 200
    with live(Reader(lambda body: body.read1(size) if size else None)) as running, running.client() as client:
        client.send(announced(len(evil) + 10_000) + bytes(10_000) + evil + GET)
        response = client.response()
        assert (response.body, response.connection) == (b"read\n", {"close"})
        client.half_close()
        client.expect_end()
        running.wait_idle()
        assert running.now.requests == 1


def test_no_body_is_an_empty_one() -> None:
    """And the request is an ordinary one."""
    reader = Reader()
    with live(reader) as running, running.client() as client:
        client.send(announced(0) + CHUNKED + b"0\r\n\r\n" + GET)
        assert [client.response().body for _ in range(3)] == [b"read\n", b"read\n", b"hello\n"]
        assert reader.found == [b"", b""]


def test_reading_after_the_request_is_an_error() -> None:
    """The connection belongs to others by then."""
    kept: list[Any] = []
    with live(Reader(kept.append)) as running, running.client() as client:
        client.send(announced(50_000) + b"hello")
        assert client.response().body == b"read\n"
        running.wait(lambda now: now.in_application == 0)
        with pytest.raises((OSError, ValueError)):
            kept[0].read()


def test_trailers_are_there_at_the_end() -> None:
    """Before, there are none."""
    seen: list[object] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ["potstill.trailers"]())
        seen.append(environ["wsgi.input"].read())
        seen.append(environ["potstill.trailers"]())
        return hello(environ, start_response)

    with live(application) as running:
        assert running.ask(CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Too: 2\r\n\r\n") == b"hello\n"
    assert seen == [[], b"hello", [("X-Sum", "1"), ("X-Too", "2")]]


def test_it_is_a_binary_file() -> None:
    """Frameworks and `email` wrap it; PEP 3333 asks for read, readline, readlines and iteration."""
    text = b"one\ntwo\n\nfour"

    def read(body: Any) -> object:
        return [body.readline(), body.readline(2), body.readlines(), body.read(), body.readline(), list(body)]

    reader = Reader(read)
    with live(reader) as running, running.client() as client:
        client.send(announced(len(text)) + text)
        client.response()
    assert reader.found == [[b"one\n", b"tw", [b"o\n", b"\n", b"four"], b"", b"", []]]


# The same as buffered


def chunks(body: bytes, sizes: Iterable[int]) -> bytes:
    """The body in chunks of these sizes, over and over, with an extension now and then."""
    made = bytearray()
    at = 0
    for number, size in enumerate(itertools.cycle(sizes)):
        part = body[at : at + size]
        if not part:
            break
        made += b"%x%s\r\n%s\r\n" % (len(part), b";a=b" if number % 3 == 1 else b"", part)
        at += size
    return bytes(made) + b"0\r\n\r\n"


def by_steps(body: Any, steps: list[int]) -> list[bytes]:
    """What reads of these sizes give, over and over, in ways that take turns, to the end of the body."""
    reads = itertools.cycle([body.read, body.readline, lambda size: bytes(read_into(body, size))])
    pieces: list[bytes] = []
    for step, read in zip(itertools.cycle(steps), reads):
        piece = read(step)
        if not piece:
            return pieces
        pieces.append(piece)
    return pieces


def read_into(body: Any, size: int) -> bytearray:
    buffer = bytearray(size)
    return buffer[: body.readinto(buffer)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_the_application_sees_no_difference(seed: int) -> None:
    """Bodies of many sizes, cut up in many ways, read in many ways: the same pieces as from memory."""
    chance = random.Random(seed)
    sizes = [
        chance.choice([1, 7, 500, 8192, 30_000, 65_536, 150_000]) + chance.randrange(5) for _ in range(6)
    ]
    one, other = Reader(), Reader()
    with live(one) as off, engine_on(other, threads=1) as on:
        for size in sizes:
            body = chance.randbytes(size)
            steps = [chance.choice([1, 10, 1000, 65_537]) + size // 50 for _ in range(4)]
            raw = announced(size) + body
            if chance.random() < 0.6:
                raw = CHUNKED + chunks(
                    body, [chance.choice([1, 3, 600, 9000]) + size // 40 for _ in range(3)]
                )
            cuts = sorted(chance.randrange(len(raw)) for _ in range(chance.randrange(5)))
            model = by_steps(io.BytesIO(body), steps)
            for reader, running in ((one, off), (other, on)):
                reader.read = lambda body, steps=steps: by_steps(body, steps)  # type: ignore[misc]
                with running.client() as client:
                    for begin, end in itertools.pairwise([0, *cuts, len(raw)]):
                        client.send(raw[begin:end])
                    assert client.response().body == b"read\n"
                    assert reader.found.pop() == model
                    assert_goes_on(client)
