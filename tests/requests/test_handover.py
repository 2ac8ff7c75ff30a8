"""environ["gunicorn.socket"]: the connection itself, for who speaks another protocol on it than HTTP."""

from __future__ import annotations

import hashlib
import select
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.support.engine import (
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
from tests.unit.core.stage import Log

UPGRADE = request("/raw", "Connection: Upgrade", "Upgrade: casks")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: casks\r\n\r\n"

Talk = Callable[[Any], None]


def handing_over(talk: Talk, end: str = "call") -> Any:
    """/raw takes the socket and talks; then StopIteration says that it was handled, in one of three ways."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/raw":
            return hello(environ, start_response)
        sock = environ["gunicorn.socket"]
        if end == "iterable":
            return Talking(talk, sock)
        sock.sendall(SWITCH)
        talk(sock)
        if end == "call":
            raise StopIteration  # Flask-Sock, python-engineio
        return []

    return app


class Talking:
    """An iterable that talks when it is asked for its first block, and has none."""

    def __init__(self, talk: Talk, sock: Any) -> None:
        self._talk, self._sock = talk, sock

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._sock.sendall(SWITCH)
        self._talk(self._sock)
        raise StopIteration


@contextmanager
def talking(talk: Talk, end: str = "call", **changes: Any) -> Iterator[tuple[Running, Client]]:
    """An engine, and a client that has switched protocols."""
    with engine_on(handing_over(talk, end), **changes) as running, running.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        yield running, client


def echo(sock: Any) -> None:
    while received := sock.recv(1000):
        sock.sendall(received)


# The key


def test_it_has_one_name_only() -> None:
    """`werkzeug.socket` would make simple-websocket speak to another server's ways."""
    seen: list[Environ] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ)
        return hello(environ, start_response)

    with engine_on(app) as running:
        running.ask()
    assert "gunicorn.socket" in seen[0]
    assert not {"werkzeug.socket", "eventlet.input", "uwsgi.version"} & seen[0].keys()


def test_who_does_not_touch_it_is_served_as_ever() -> None:
    """Also who looks at it and answers with HTTP all the same."""
    looked: list[object] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        looked.append(environ.get("gunicorn.socket"))
        return hello(environ, start_response)

    with engine_on(app) as running, running.client() as client:
        for _ in range(3):
            client.send(request())
            assert client.response().body == b"hello\n"
    assert len(looked) == 3


# Talking


@pytest.mark.parametrize("end", ["call", "iterable", "empty"])
def test_both_sides_talk(end: str) -> None:
    """Back and forth; when the client ends, so does the view, and nothing is sent behind it."""
    with talking(echo, end) as (running, client):
        for size in (1, 100, 5000):
            client.send(b"x" * size)
            assert client.take(size) == b"x" * size
        client.half_close()
        client.expect_end()
        running.wait_idle()
        assert running.ask() == b"hello\n"


def test_handled_is_no_failure(log: Log) -> None:
    """StopIteration is how applications say it; nothing is logged, nothing is counted as failed."""
    with talking(lambda sock: None) as (running, client):
        client.expect_end()
        running.wait_idle()
        assert running.now.failures == 0
    assert log.texts() == []


def test_bytes_that_were_read_already_come_first() -> None:
    """What stood behind the head in the same segment is the other protocol's."""
    with engine_on(handing_over(echo)) as running, running.client() as client:
        client.send(UPGRADE + b"early ")
        assert client.response().status == 101
        client.send(b"late")
        assert client.take(10) == b"early late"


def test_many_bytes_that_were_read_already_come_in_their_order() -> None:
    """However few of them are asked for at a time."""
    early = hashlib.shake_256(b"early").digest(9_000)

    def nibble(sock: Any) -> None:
        total = b""
        while len(total) < len(early) + 4:
            total += sock.recv(7)
        sock.sendall(hashlib.sha256(total).hexdigest().encode())

    with engine_on(handing_over(nibble)) as running, running.client() as client:
        client.send(UPGRADE + early)
        assert client.response().status == 101
        client.send(b"late")
        assert client.take(64) == hashlib.sha256(early + b"late").hexdigest().encode()


@pytest.mark.parametrize("how", ["send", "sendall"])
def test_nothing_is_sent_by_halves(how: str) -> None:
    """simple-websocket calls `send` and does not look at what it returns."""
    large = hashlib.shake_256(b"large").digest(8_000_000)
    returned: list[Any] = []
    with talking(lambda sock: returned.append(getattr(sock, how)(large))) as (running, client):
        assert hashlib.sha256(client.take(len(large))).digest() == hashlib.sha256(large).digest()
        client.expect_end()
        running.wait_idle()
        assert returned == [len(large) if how == "send" else None]


@pytest.mark.parametrize(
    "block", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")], ids=["bytes", "bytearray", "memoryview"]
)
def test_any_bytes_can_be_sent(block: Any) -> None:
    with talking(lambda sock: sock.sendall(block)) as (_, client):
        assert client.take(5) == b"bytes"


def test_a_timeout_is_a_sockets_timeout() -> None:
    """And what comes afterwards is received; 0 does not block, None waits."""
    seen: list[object] = []

    def talk(sock: Any) -> None:
        for seconds in (0.01, 0):
            sock.settimeout(seconds)
            try:
                sock.recv(10)
            except (TimeoutError, BlockingIOError) as error:
                seen.append(type(error))
        sock.settimeout(None)
        sock.sendall(b"now")
        seen.append(sock.recv(10))

    with talking(talk) as (running, client):
        assert client.take(3) == b"now"
        client.send(b"word")
        client.expect_end()
        running.wait_idle()
    assert seen == [TimeoutError, BlockingIOError, b"word"]


def test_its_number_can_be_waited_for() -> None:
    """simple-websocket registers it with a selector when it pings."""

    def talk(sock: Any) -> None:
        assert isinstance(sock.fileno(), int)
        assert select.select([sock], [], [], 0.0)[0] == []
        sock.sendall(b"ready")
        readable, _, _ = select.select([sock.fileno()], [], [], WAIT_S)
        assert readable
        sock.sendall(sock.recv(10))

    with talking(talk) as (_, client):
        assert client.take(5) == b"ready"
        client.send(b"word")
        assert client.take(4) == b"word"


def test_close_ends_the_connection() -> None:
    """The client sees the end at once, while the view still runs; a second time does nothing."""
    done: list[bool] = []

    def talk(sock: Any) -> None:
        sock.sendall(b"bye")
        sock.close()
        sock.close()
        with pytest.raises(OSError, match=r"\w"):
            sock.recv(1)
        with pytest.raises(OSError, match=r"\w"):
            sock.send(b"x")
        done.append(True)

    with talking(talk) as (running, client):
        assert client.take(3) == b"bye"
        client.expect_end()
        running.wait_idle()
        assert done == [True]


def test_a_client_that_leaves_ends_recv_and_breaks_send() -> None:
    seen: list[object] = []

    def talk(sock: Any) -> None:
        try:
            seen.append(sock.recv(10))
        except OSError as error:
            seen.append(error)
        try:
            for _ in range(100):
                sock.sendall(bytes(100_000))
        except OSError as error:
            seen.append(error)

    with talking(talk) as (running, client):
        client.reset()
        running.wait_idle()
        assert running.ask() == b"hello\n"
    assert len(seen) == 2
    assert isinstance(seen[1], OSError)


def test_an_application_that_fails_ends_the_connection(log: Log) -> None:
    """Without an HTTP answer in the middle of another protocol; the traceback is in the log."""

    def fail(sock: Any) -> None:
        sock.sendall(b"half")
        raise LookupError("no such cask")

    with talking(fail) as (running, client):
        assert client.take(4) == b"half"
        with suppress(ConnectionResetError):
            assert client.socket.recv(1000) == b""
        wait_until(
            lambda: any(
                "no such cask" in str(record.exc_info or record.getMessage()) for record in log.records
            )
        )
        assert running.ask() == b"hello\n"


def test_timeouts_of_http_do_not_hold_for_it() -> None:
    """It may be silent for an hour; --request-timeout is not meant for what lives long."""
    with talking(echo, request_timeout_s=30.0, slow_request_s=0.0) as (running, client):
        client.send(b"one")
        assert client.take(3) == b"one"
        running.engine.advance_clock(3600)
        running.wait_looked()
        client.send(b"two")
        assert client.take(3) == b"two"
        client.half_close()
        client.expect_end()


# Seats


def test_more_talk_than_there_are_seats() -> None:
    """Twenty on one thread, and ordinary requests beside them."""
    with engine_on(handing_over(echo), threads=1, handover_limit=32) as running:
        clients = [running.client() for _ in range(20)]
        for index, client in enumerate(clients):
            client.send(UPGRADE)
            assert client.response().status == 101
            client.send(b"%d" % index)
            assert client.take(len(str(index))) == b"%d" % index
            assert running.ask() == b"hello\n"
        for client in clients:
            client.send(b"again")
            assert client.take(5) == b"again"
            client.half_close()
            client.expect_end()
            client.close()
        running.wait_idle()


def test_who_leaves_makes_room_under_the_limit() -> None:
    """Two at a time, ten in all."""
    with engine_on(handing_over(echo), threads=2, handover_limit=2) as running:
        for _ in range(5):
            pair = [running.client(), running.client()]
            for client in pair:
                client.send(UPGRADE)
                assert client.response().status == 101
                client.send(b"word")
                assert client.take(4) == b"word"
            assert running.ask() == b"hello\n"
            for client in pair:
                client.close()
            running.wait_idle()


def test_beyond_the_limit_nothing_breaks() -> None:
    """It talks on its runner's seat, or is answered 503: in either case the others are served."""
    with engine_on(handing_over(echo), threads=2, handover_limit=1) as running:
        with running.client() as first, running.client() as second:
            for client in (first, second):
                client.send(UPGRADE)
                assert client.response().status in (101, 503)
            assert running.ask() == b"hello\n"
            first.send(b"word")
            assert first.take(4) == b"word"
        running.wait_idle()
        assert running.ask() == b"hello\n"


def test_the_engine_stops_while_they_talk() -> None:
    """`stop` ends the connections, so that the views see the end and return."""
    with talking(echo) as (running, client):
        client.send(b"word")
        assert client.take(4) == b"word"
        running.engine.drain()
        assert running.engine.stop(WAIT_S) == []
        with suppress(ConnectionResetError):
            assert client.socket.recv(1) == b""


def test_over_a_unix_socket(tmp_path: Any) -> None:
    with engine_on(handing_over(echo), path=tmp_path / "socket") as running, running.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        client.send(b"word")
        assert client.take(4) == b"word"
        client.socket.shutdown(socket.SHUT_WR)
        client.expect_end()
