"""--request-buffering off: the application reads from the client. With it on: what is cut never begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.requests.process import MIB, memory_peak, reset_peak
from tests.requests.views import BLOCK_BYTES, blocks, checksum
from tests.support.engine import WAIT_S, Environ, Gate, Running, StartResponse, engine_on, hello, request
from tests.support.server import serve_process
from tests.support.wire import Client

LENGTH = request("/body", "Content-Length: 10", method="PATCH")
CHUNKED = request("/body", "Transfer-Encoding: chunked", method="PATCH")


class Reader:
    """A view that calls a function with its wsgi.input, at a gate, and keeps what that returns or raises."""

    def __init__(self, gate: Gate, read: Callable[[Any], Any]) -> None:
        self.gate = gate
        self.read = read
        self.got: list[Any] = []
        self.environ: Environ = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/body":
            return hello(environ, start_response)
        self.environ = environ
        self.gate.pass_through()
        try:
            self.got.append(self.read(environ["wsgi.input"]))
        except Exception as error:
            self.got.append(error)
            raise
        return hello(environ, start_response)


def read_all(stream: Any) -> bytes:
    return stream.read()  # type: ignore[no-any-return]


@contextmanager
def live(read: Callable[[Any], Any] = read_all, **changes: Any) -> Iterator[tuple[Running, Reader]]:
    """An engine without request buffering, whose view has a gate that is closed."""
    with Gate() as gate:
        reader = Reader(gate, read)
        with engine_on(reader, request_buffering=False, **{"body_timeout_s": 30.0, **changes}) as running:
            try:
                yield running, reader
            finally:
                gate.open()


# Live


@pytest.mark.parametrize(
    ("head", "parts"),
    [(LENGTH, [b"01234", b"56789"]), (CHUNKED, [b"5\r\n01234\r\n", b"5\r\n56789\r\n0\r\n\r\n"])],
    ids=["length", "chunked"],
)
def test_the_view_begins_before_the_body(head: bytes, parts: list[bytes]) -> None:
    """And reads its first half before the second is sent."""
    halves: list[bytes] = []

    def read(stream: Any) -> bytes:
        halves.append(stream.read(5))
        reader.gate.pass_through()
        halves.append(stream.read(5))
        return stream.read()  # type: ignore[no-any-return]

    with live(read) as (running, reader), running.client() as client:
        client.send(head)
        reader.gate.wait_entered(1)
        client.send(parts[0])
        reader.gate.let(1)
        reader.gate.wait_entered(2)
        assert halves == [b"01234"]
        client.send(parts[1])
        reader.gate.let(1)
        assert client.response().status == 200
        assert (halves, reader.got) == ([b"01234", b"56789"], [b""])


def test_100_continue_is_sent_at_the_first_read() -> None:
    """Not when the view begins."""
    with live() as (running, reader), running.client() as client:
        client.send(LENGTH.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        reader.gate.wait_entered(1)
        running.wait_looked()
        client.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.socket.recv(1)
        client.socket.settimeout(WAIT_S)
        reader.gate.open()
        assert client.interim().status == 100
        client.send(b"0123456789")
        assert (client.response().status, reader.got) == (200, [b"0123456789"])


def test_who_does_not_read_does_not_ask_for_the_body() -> None:
    """The answer comes instead; as the client may or may not send the body now, the connection ends."""
    with live(lambda stream: None) as (running, reader), running.client() as client:
        client.send(LENGTH.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        reader.gate.open()
        answer = client.response()
        assert (answer.status, answer.interim) == (200, [])
        assert answer.connection == {"close"}


@pytest.mark.parametrize("head", [LENGTH, CHUNKED], ids=["length", "chunked"])
def test_a_read_has_the_body_timeout(head: bytes) -> None:
    """The view gets an error, not a short body; then its seat is free and the connection ended."""
    with live(threads=1) as (running, reader), running.client() as client:
        client.send(head + (b"0123" if head is LENGTH else b"4\r\n0123\r\n"))
        reader.gate.open()
        running.wait(lambda now: now.in_application == 1 and now.octets_received >= len(head) + 4)
        running.wait_looked()
        assert reader.got == []
        running.engine.advance_clock(31)
        assert client.response().status in (408, 500)
        assert isinstance(reader.got[0], Exception)
        client.half_close()
        client.expect_end()
        assert running.ask() == b"hello\n"


CUT = {
    "length": (LENGTH + b"0123", True),
    "length, nothing": (LENGTH, True),
    "chunk": (CHUNKED + b"5\r\n012", True),
    "between chunks": (CHUNKED + b"4\r\n0123\r\n", True),
    "last chunk": (CHUNKED + b"4\r\n0123\r\n0\r\n", True),
    "trailer": (CHUNKED + b"4\r\n0123\r\n0\r\nX-A: b\r\n", True),
    "bad size": (CHUNKED + b"4\r\n0123\r\nxyz\r\n", False),
    "bad end": (CHUNKED + b"4\r\n0123xx5\r\n", False),
    "negative size": (CHUNKED + b"-4\r\n0123\r\n", False),
    "lone LF": (CHUNKED + b"4\n0123\r\n0\r\n\r\n", False),
}
cut = pytest.mark.parametrize(("raw", "ends"), CUT.values(), ids=CUT)


@cut
@pytest.mark.parametrize(
    "read",
    [
        read_all,
        lambda stream: b"".join(iter(lambda: stream.read(3), b"")),
        list,
        lambda stream: stream.readlines(),
    ],
    ids=["read", "read(n)", "iterate", "readlines"],
)
def test_a_live_body_that_is_cut_or_malformed_is_an_error(
    raw: bytes, ends: bool, read: Callable[[Any], Any]
) -> None:
    """Never a short success, however it is read (gunicorn 26.1, granian, cheroot: asks, 37)."""
    with live(read) as (running, reader), running.client() as client:
        reader.gate.open()
        client.send(raw)
        if ends:
            client.half_close()
        assert client.response().status >= 400
        if not ends:
            client.half_close()
        client.expect_end()
        running.wait_idle()
        assert [isinstance(each, Exception) for each in reader.got] == [True]


@cut
def test_a_buffered_body_that_is_cut_or_malformed_never_starts_a_view(raw: bytes, ends: bool) -> None:
    """The view is not even called."""
    with Gate() as gate, engine_on(reader := Reader(gate, read_all), request_buffering=True) as running:
        gate.open()
        with running.client() as client:
            client.send(raw)
            client.half_close()
            client.remainder()
        running.wait_idle()
        assert (reader.environ, reader.got, running.now.requests) == ({}, [], 0)


@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "live"])
def test_a_length_over_the_limit_is_413_before_a_byte_is_read(buffered: bool) -> None:
    """And without a 100 that would ask for it."""
    with Gate() as gate:
        app = Reader(gate, read_all)
        with engine_on(app, request_buffering=buffered, limit_request_body=9) as running:
            with running.client() as client:
                client.send(LENGTH.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
                answer = client.response()
                assert (answer.status, answer.interim) == (413, [])
            assert app.environ == {}


def test_live_chunks_over_the_limit_are_an_error() -> None:
    """Known only when they have come: the view gets it, the client a 413."""
    with live(limit_request_body=1000) as (running, reader), running.client() as client:
        reader.gate.open()
        client.send(CHUNKED + b"1f4\r\n" + bytes(500) + b"\r\n" + b"1f5\r\n" + bytes(501) + b"\r\n0\r\n\r\n")
        assert client.response().status in (413, 500)
        assert isinstance(reader.got[0], Exception)


def test_a_live_body_that_drips_is_below_the_minimum_rate() -> None:
    """One byte before each timeout does not hold a runner for ever."""
    with live(threads=1, min_rate_bytes_s=100) as (running, reader), running.client() as client:
        reader.gate.open()
        head = request("/body", "Content-Length: 5000", method="PATCH")
        client.send(head)
        for count in range(1, 4):
            client.send(b"x")
            running.wait(lambda now: now.octets_received >= len(head) + count)  # noqa: B023
            running.engine.advance_clock(6)
            running.wait_looked()
        assert client.response().status in (408, 500)
        assert isinstance(reader.got[0], Exception)


def test_what_a_live_view_leaves_unread_does_not_become_a_request() -> None:
    """A little is read and dropped; the connection then goes on with the next request, or it is ended."""
    with live(lambda stream: stream.read(1)) as (running, reader), running.client() as client:
        reader.gate.open()
        smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        client.send(
            request("/body", method="POST", body=b"x" + smuggled) + request("/next", "Connection: close")
        )
        assert client.response().status == 200
        rest = client.remainder()
        assert rest.count(b"HTTP/1.1 ") <= 1


@pytest.mark.slow
def test_a_live_upload_keeps_memory_flat() -> None:
    """64 MiB by way of the command's option; nothing is kept, in memory or on disk."""
    count = 1024
    with serve_process("tests.requests.views:app", "--request-buffering", "off") as server:
        before = reset_peak(server)
        with Client(server.address, WAIT_S) as client:
            client.send(request("/count", f"Content-Length: {count * BLOCK_BYTES}", method="PATCH"))
            for block in blocks(count):
                client.send(block)
            assert client.response().body == f"{count * BLOCK_BYTES} {checksum(count)}".encode()
        assert memory_peak(server) - before < 16 * MIB
