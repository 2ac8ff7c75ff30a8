"""Flask-Sock and python-socketio as they are, by the clients that people use; and five hundred at once."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import socketio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.requests.process import MIB, memory
from tests.support.engine import WAIT_S, request, wait_until
from tests.support.server import Server, serve_process
from tests.support.wire import Client

APP = "tests.requests.chat:app"
THREADS = 2
OPEN = 500
# A thread and what Flask and simple-websocket keep for each connection; the stacks are touched lazily.
MEMORY_EACH_MAX = MIB // 2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Two threads only; whatever holds one shows."""
    with serve_process(APP, "--threads", str(THREADS)) as running:
        yield running
    assert not running.log.lines("Traceback"), running.log.tail()


def url(server: Server, scheme: str = "ws", path: str = "/echo") -> str:
    return f"{scheme}://{server.address[0]}:{server.address[1]}{path}"


def opened(server: Server) -> ClientConnection:
    return connect(url(server), open_timeout=WAIT_S, close_timeout=WAIT_S)


def say_hello(server: Server) -> None:
    """An ordinary request is answered."""
    with Client(server.address, WAIT_S) as client:
        client.send(request())
        assert client.response().body == b"hello\n"


# Flask-Sock and websockets


@pytest.mark.parametrize(
    "message", ["", "word", "ünïcödé ☃", b"", b"\x00\xff", "x" * 1_000_000, bytes(300_000)], ids=len
)
def test_every_message_comes_back(server: Server, message: str | bytes) -> None:
    """Texts and bytes, empty and large."""
    with opened(server) as client:
        client.send(message)
        assert client.recv(WAIT_S) == message
        client.send("and another")
        assert client.recv(WAIT_S) == "and another"


def test_many_messages_without_waiting(server: Server) -> None:
    with opened(server) as client:
        for number in range(200):
            client.send(f"message {number}")
        assert [client.recv(WAIT_S) for _ in range(200)] == [f"message {number}" for number in range(200)]


def test_pings_are_answered(server: Server) -> None:
    with opened(server) as client:
        assert client.ping().wait(WAIT_S)


def test_either_side_says_goodbye(server: Server) -> None:
    """The closing handshake of RFC 6455 §7 is completed, not cut."""
    with opened(server) as client:
        client.send("word")
        client.recv(WAIT_S)
        client.close(1000, "enough")
        assert client.close_code == 1000
        with pytest.raises(ConnectionClosed):
            client.recv(WAIT_S)


def test_who_vanishes_leaves_nothing_behind(server: Server) -> None:
    """Without a farewell, again and again; its threads end."""
    say_hello(server)
    for _ in range(20):
        with opened(server) as client:
            client.send("word")
            client.recv(WAIT_S)
            client.socket.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: threads(server) <= THREADS + 8, "the threads have ended")
    say_hello(server)


def threads(server: Server) -> int:
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))


# Socket.IO


@pytest.mark.parametrize(
    "transports", [["websocket"], ["polling", "websocket"], ["polling"]], ids=" and ".join
)
def test_socket_io(server: Server, transports: list[str]) -> None:
    """Connect, be acknowledged, be called back; by WebSocket, by upgrade from polling, by polling alone."""
    tasted = threading.Event()
    heard: list[object] = []
    with socketio.SimpleClient(handle_sigint=False) as client:
        client.connect(url(server, "http", ""), transports=transports, wait_timeout=WAIT_S)
        for cask in range(5):
            assert client.call("taste", cask, timeout=WAIT_S) == {"tasting": cask}
            heard.append(client.receive(timeout=WAIT_S))
        tasted.set()
    assert heard == [["tasted", {"cask": cask}] for cask in range(5)]


def test_more_socket_io_than_threads(server: Server) -> None:
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socketio.SimpleClient(handle_sigint=False)) for _ in range(THREADS * 4)
        ]
        for client in clients:
            client.connect(url(server, "http", ""), transports=["websocket"], wait_timeout=WAIT_S)
        say_hello(server)
        for cask, client in enumerate(clients):
            assert client.call("taste", cask, timeout=WAIT_S) == {"tasting": cask}


# Five hundred


KEY = base64.b64encode(b"sixteen octets!!").decode()
ACCEPT = base64.b64encode(
    hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
).decode()
HANDSHAKE = request(
    "/echo",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {KEY}",
)
# "word" in one masked text frame with a mask of zeros, and what comes back (RFC 6455 §5.2).
FRAME, ECHO = b"\x81\x84\x00\x00\x00\x00word", b"\x81\x04word"


@contextmanager
def crowd(server: Server, count: int) -> Iterator[list[Client]]:
    """So many open WebSockets, by hand: five hundred clients with a thread each would measure themselves."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.address, WAIT_S)) for _ in range(count)]
        for client in clients:
            client.send(HANDSHAKE)
        for client in clients:
            answer = client.response()
            assert (answer.status, answer.get("sec-websocket-accept")) == (101, ACCEPT)
        yield clients


def speak(client: Client) -> None:
    client.send(FRAME)
    assert client.take(len(ECHO)) == ECHO


def test_five_hundred_open_websockets_do_not_stop_ordinary_requests() -> None:
    """With two threads, under the default --handover-limit of 512; every one of them is alive."""
    with serve_process(APP, "--threads", str(THREADS)) as server:
        say_hello(server)
        before = memory(server)
        with crowd(server, OPEN) as clients:
            assert threads(server) > OPEN
            for index, client in enumerate(clients):
                speak(client)
                if index % 50 == 0:
                    say_hello(server)
            for _ in range(20):
                say_hello(server)
            assert memory(server) - before < OPEN * MEMORY_EACH_MAX
            with opened(server) as another:
                another.send("word")
                assert another.recv(WAIT_S) == "word"
        wait_until(lambda: threads(server) <= THREADS + 8, "their threads have ended")
        say_hello(server)


# Server-sent events


def test_event_streams_that_are_io_bound_do_not_stop_ordinary_requests(server: Server) -> None:
    """Twenty on two threads; all of them go on, and end when their clients leave."""
    before = threads(server)
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.address, WAIT_S)) for _ in range(20)]
        for client in clients:
            client.send(request("/events"))
        for client in clients:
            client.wait_for(b"data: 0\n")
        for _ in range(20):
            say_hello(server)
        for client in clients:
            client.wait_for(b"data: 5\n")
        assert threads(server) >= before + 20 - THREADS
    wait_until(lambda: threads(server) <= before, "their threads have ended")
    say_hello(server)
