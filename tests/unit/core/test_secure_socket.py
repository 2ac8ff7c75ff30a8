"""environ["gunicorn.socket"] over TLS: as a plain socket, by two threads at once, with timeouts."""

from __future__ import annotations

import hashlib
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from potstill.core.options import Entrance
from potstill.net.certificates import Source
from potstill.net.tls import Keyring, Policy
from tests.support.certificates import Authority, careless, secure_client
from tests.support.engine import WAIT_S, Environ, Running, StartResponse, engine_on, request
from tests.support.wire import Client

UPGRADE = request("/raw", "Connection: Upgrade", "Upgrade: casks")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: casks\r\n\r\n"
LARGE = random.Random(2).randbytes(3_000_000)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    pair = Authority(tmp_path_factory.mktemp("tls")).issue("localhost")
    return Keyring([Source(str(pair.certfile), str(pair.keyfile), default=True)], Policy())


class Talk:
    """A view that takes the socket over and lets the test talk by it; what goes wrong there is kept."""

    def __init__(self, say: Callable[[Any], object]) -> None:
        self.said: object = None
        self.error: BaseException | None = None
        self.over = threading.Event()
        self._say = say

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        sock = environ["gunicorn.socket"]
        sock.sendall(SWITCH)
        try:
            self.said = self._say(sock)
        except BaseException as error:
            self.error = error
        finally:
            self.over.set()
        raise StopIteration

    def result(self) -> object:
        assert self.over.wait(WAIT_S)
        if self.error is not None:
            raise self.error
        return self.said


@contextmanager
def taken_over(keys: Keyring, say: Callable[[Any], object]) -> Iterator[tuple[Running, Client, Talk]]:
    talk = Talk(say)
    with (
        engine_on(talk, entrance=Entrance(tls=keys)) as running,
        secure_client(running.address) as client,
    ):
        client.send(UPGRADE)
        switched = b""
        while len(switched) < len(SWITCH):
            switched += client.socket.recv(len(SWITCH) - len(switched))
        assert switched == SWITCH
        yield running, client, talk


def read_exactly(sock: Any, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        data = sock.recv(min(65536, size - len(received)))
        if not data:
            break
        received += data
    return bytes(received)


def test_both_directions_at_once(keys: Keyring) -> None:
    """One thread receives while another sends, megabytes each."""

    def say(sock: Any) -> object:
        sending = threading.Thread(target=sock.sendall, args=(LARGE,), daemon=True)
        sending.start()
        received = read_exactly(sock, len(LARGE))
        sending.join(WAIT_S)
        return hashlib.sha256(received).digest()

    with taken_over(keys, say) as (_, client, talk):
        theirs: list[bytes] = []
        reading = threading.Thread(
            target=lambda: theirs.append(read_exactly(client.socket, len(LARGE))), daemon=True
        )
        # ssl's own socket must not be used by two threads here: the client takes turns.
        client.socket.sendall(LARGE[: len(LARGE) // 2])
        reading.start()
        reading.join(WAIT_S)
        client.socket.sendall(LARGE[len(LARGE) // 2 :])
        assert theirs == [LARGE]
        assert talk.result() == hashlib.sha256(LARGE).digest()


def test_what_came_with_the_request(keys: Keyring) -> None:
    """Octets of the other protocol that arrived with the head are not lost, encrypted or decrypted."""
    talk = Talk(lambda sock: read_exactly(sock, 10))
    with engine_on(talk, entrance=Entrance(tls=keys)) as running, secure_client(running.address) as client:
        client.send(UPGRADE + b"12345")
        client.send(b"67890")
        assert talk.result() == b"1234567890"


def test_portions_and_timeouts(keys: Keyring) -> None:
    def say(sock: Any) -> object:
        found = [sock.recv(2), sock.recv(10)]
        sock.settimeout(0.01)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        assert sock.gettimeout() == 0.0
        sock.settimeout(None)
        into = bytearray(4)
        found += [sock.recv_into(into), bytes(into), sock.send(b"bye")]
        with pytest.raises(ValueError, match="flags"):
            sock.recv(1, socket.MSG_PEEK)
        assert sock.fileno() >= 0
        assert sock.getpeername()[0] == "127.0.0.1"
        return found

    with taken_over(keys, say) as (_, client, talk):
        client.send(b"hello")
        client.socket.settimeout(WAIT_S)
        threading.Timer(0.1, client.send, [b"four"]).start()
        assert client.socket.recv(3) == b"bye"
        assert talk.result() == [b"he", b"llo", 4, b"four", 3]


def test_the_clients_end(keys: Keyring) -> None:
    """Announced or not, it is the end of the stream."""
    for announced in (True, False):
        with taken_over(keys, lambda sock: read_exactly(sock, 100)) as (running, client, talk):
            client.send(b"last")
            if announced:
                assert isinstance(client.socket, ssl.SSLSocket)
                client.socket.unwrap()
            client.close()
            assert talk.result() == b"last"
            running.wait_idle()


def test_the_servers_end(keys: Keyring) -> None:
    """With a goodbye."""
    context = careless()
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    talk = Talk(lambda sock: sock.sendall(b"bye"))
    with engine_on(talk, entrance=Entrance(tls=keys)) as running, Client(running.address) as client:
        client.socket = context.wrap_socket(
            client.socket, server_hostname="localhost", suppress_ragged_eofs=False
        )
        client.send(UPGRADE)
        assert read_exactly(client.socket, len(SWITCH) + 100) == SWITCH + b"bye"
        talk.result()
        running.wait_idle()
