"""What else the engine does, over TLS: deadlines, clients that leave, live bodies, hints, WebSockets."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Iterable

import pytest
from websockets.sync.client import connect

from potstill.core.options import Entrance
from tests.requests.chat import app as chat
from tests.support.certificates import Authority, Pair, careless, secure_client
from tests.support.engine import (
    GET,
    WAIT_S,
    Application,
    Environ,
    Gate,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)
from tests.tls.conftest import LARGE, keyring


@pytest.fixture
def entrance(pair: Pair) -> Entrance:
    return Entrance(tls=keyring(pair))


def test_a_deadline(entrance: Entrance, caplog: pytest.LogCaptureFixture) -> None:
    """The 504 is sent by the inspector, while the runner's thread is still in the application."""
    caplog.set_level(logging.CRITICAL)
    with Gate() as gate:

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            return hello(environ, start_response)

        with (
            engine_on(app, entrance=entrance, request_timeout_s=0.2, threads=1) as running,
            secure_client(running.address) as client,
        ):
            client.send(GET)
            answer = client.response()
            assert answer.status == 504
            client.expect_end()
            gate.open()


def leaving(gate: Gate, told: list[bool]) -> Application:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        gate.pass_through()
        wait_until(environ["potstill.client_disconnected"], "the client has left")
        told.append(True)
        return hello(environ, start_response)

    return app


@pytest.mark.parametrize("announced", [True, False], ids=["goodbye", "cut"])
def test_a_client_that_leaves(entrance: Entrance, announced: bool) -> None:
    """Its goodbye stands unread before the end of the stream, and is not taken for another request."""
    told: list[bool] = []
    with Gate() as gate, engine_on(leaving(gate, told), entrance=entrance) as running:
        with secure_client(running.address) as client:
            client.send(GET)
            gate.wait_entered(1)
            if announced:
                client.socket.settimeout(0)
                with pytest.raises(OSError, match="read"):
                    client.socket.unwrap()  # type: ignore[attr-defined]
        gate.open()
        running.wait_idle()
    assert told == [True]


def test_a_client_that_has_asked_again(entrance: Entrance) -> None:
    """Another request of more octets than an alert has: it still waits for its answers."""
    told: list[bool] = []
    with Gate() as gate:

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            told.append(environ["potstill.client_disconnected"]())
            return hello(environ, start_response)

        with engine_on(app, entrance=entrance) as running, secure_client(running.address) as client:
            client.send(GET)
            gate.wait_entered(1)
            client.send(GET)
            gate.open()
            assert [client.response().status for _ in range(2)] == [200, 200]
    assert told == [False, False]


def test_a_body_that_is_read_live(entrance: Entrance) -> None:
    """Records of any size, through a reader that asks for little at a time."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = bytearray()
        while block := environ["wsgi.input"].read(1000):
            body += block
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"%d %d" % (len(body), body == LARGE)]

    with (
        engine_on(app, entrance=entrance, request_buffering=False) as running,
        secure_client(running.address) as client,
    ):
        raw = request("/", method="POST", body=LARGE)
        sending = threading.Thread(target=client.send, args=(raw[:-10],), daemon=True)
        sending.start()
        sending.join(WAIT_S)
        client.send(raw[-10:])
        assert client.response().body == b"%d 1" % len(LARGE)
        client.send(request("/", method="POST", body=b"x") + request("/", method="POST", body=b"yz"))
        assert [client.response().body for _ in range(2)] == [b"1 0", b"2 0"]


def test_early_hints(entrance: Entrance) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload")])
        return hello(environ, start_response)

    with engine_on(app, entrance=entrance) as running, secure_client(running.address) as client:
        client.send(GET)
        answer = client.response()
        assert [each.status for each in answer.interim] == [103]
        assert answer.body == b"hello\n"


def test_expect_continue(entrance: Entrance) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()]

    with engine_on(app, entrance=entrance) as running, secure_client(running.address) as client:
        head = request("/", "Expect: 100-continue", "Content-Length: 4")
        client.send(head)
        assert client.socket.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        client.send(b"body")
        assert client.response().body == b"body"


def test_an_https_target(entrance: Entrance) -> None:
    """The absolute form of an https resource is at home here; on a plain connection it is misdirected."""
    raw = b"GET https://potstill.test/ HTTP/1.1\r\nHost: potstill.test\r\n\r\n"
    with engine_on(hello, entrance=entrance) as running, secure_client(running.address) as client:
        client.send(raw)
        assert client.response().status == 200
    with engine_on(hello) as running, running.client() as plain:
        plain.send(raw)
        assert plain.response().status == 421


def test_websockets(entrance: Entrance, authority: Authority) -> None:
    """Flask-Sock, over the handed-over socket: wss.

    This client reads and writes its ssl socket in two threads at once. With TLS 1.3 a session ticket that
    arrives meanwhile makes Python's `ssl` lose what it writes, once in some hundred times: the request
    never leaves.
    """
    context = authority.trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        engine_on(chat, entrance=entrance) as running,
        socket.create_connection(running.address) as plain,  # type: ignore[arg-type]
        connect(
            "wss://localhost/echo",
            sock=plain,
            ssl=context,
            open_timeout=WAIT_S,
            close_timeout=WAIT_S,
        ) as client,
    ):
        for message in ("word", "x" * 300_000, b"\x00\xff" * 1000, ""):
            client.send(message)
            assert client.recv(WAIT_S) == message


def test_a_drain(entrance: Entrance) -> None:
    """Who is idle gets a goodbye, who has not said a word is let go; a handshake that has begun may end."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = careless().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    with engine_on(hello, entrance=entrance) as running:
        with running.client() as silent, running.client() as begun, secure_client(running.address) as idle:
            idle.send(GET)
            assert idle.response().status == 200
            begun.send(outgoing.read())
            incoming.write(begun.socket.recv(65536))
            session.do_handshake()
            running.wait_idle(3)
            running.engine.drain()
            idle.expect_end()
            silent.expect_end()
            running.wait_idle(1)
            session.write(GET)
            begun.send(outgoing.read())
            assert begun.socket.recv(65536)
        assert running.engine.wait_drained(WAIT_S)
