"""A Tornado application, which is no WSGI, as a part of a WSGI site: HTTP and WebSocket through the proxy.

WebSocket needs a server that lends its client's socket as `gunicorn.socket`: Potstill, gunicorn with threads.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from potstill.middleware import Balance, Proxy
from tests.support.daemons import daemon, free_port
from tests.support.engine import engine_on
from tests.support.server import ROOT

WAIT_S = 20


@pytest.fixture(name="tornado", scope="module")
def running_tornado(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "tests.process.tornado_app", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with daemon(command, port, tmp_path_factory.mktemp("tornado"), environment):
        yield port


@contextmanager
def through_potstill(tornado: int) -> Iterator[http.client.HTTPConnection]:
    with closing(Proxy(f"http://127.0.0.1:{tornado}")) as proxy, engine_on(Balance([proxy])) as running:
        client = http.client.HTTPConnection(*running.address, timeout=WAIT_S)
        try:
            yield client
        finally:
            client.close()


def test_http(tornado: int) -> None:
    """Fields, forms, statuses, conditions, an upload and a stream, all on one connection of the client's."""
    with through_potstill(tornado) as client:

        def ask(method: str, path: str, body: Any = None, **fields: str) -> tuple[int, bytes, Any]:
            headers = {name.replace("_", "-"): value for name, value in fields.items()}
            client.request(method, path, body, headers)
            response = client.getresponse()
            return response.status, response.read(), response.headers

        status, body, headers = ask("GET", "/told/caf%C3%A9", Host="shop.example")
        assert (status, json.loads(body)["path"]) == (200, "café")
        assert (json.loads(body)["host"], json.loads(body)["address"]) == ("shop.example", "127.0.0.1")
        assert headers["Set-Cookie"].startswith("seen=")
        assert ask("GET", "/told/caf%C3%A9", Host="shop.example", If_None_Match=headers["ETag"])[0] == 304
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        assert ask("POST", "/told/", "name=eve", **form)[:2] == (201, b"EVE")
        octets = secrets.token_bytes(5_000_000)
        assert ask("PUT", "/upload", octets)[1].decode() == hashlib.sha256(octets).hexdigest()
        assert ask("PUT", "/upload", iter([octets]))[1].decode() == hashlib.sha256(octets).hexdigest()
        assert ask("GET", "/stream")[1] == b"".join(b"%d\n" % number * 1000 for number in range(20))
        assert ask("GET", "/none")[0] == 404


FRONT = """
from potstill.middleware import Balance, Proxy
app = Balance([Proxy("{url}", upgraded_timeout_s=20)])
"""


@contextmanager
def potstill(directory: Path, url: str) -> Iterator[int]:
    """The same in Potstill, of this process."""
    with closing(Proxy(url, upgraded_timeout_s=20)) as proxy, engine_on(Balance([proxy])) as running:
        yield int(running.address[1])


@contextmanager
def gunicorn(directory: Path, url: str) -> Iterator[int]:
    """gunicorn with the proxy as its application, balanced once more; its port."""
    (directory / "front.py").write_text(FRONT.format(url=url))
    port = free_port()
    options = [
        "--threads",
        "8",
        "--bind",
        f"127.0.0.1:{port}",
        "--no-control-socket",
        "--log-level",
        "warning",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gunicorn", "front:app", *options]
    with daemon(command, port, directory, environment):
        yield port
    assert "Traceback" not in (directory / "daemon.log").read_text()


@pytest.fixture(name="front", params=[potstill, gunicorn], ids=lambda front: front.__name__)
def each_front(request: pytest.FixtureRequest) -> Any:
    """(directory, the upstream's URL) → a running server's port."""
    return request.param


def test_websocket_to_tornado(tornado: int, front: Any, tmp_path: Path) -> None:
    """Text, octets, a message of a megabyte, a ping, and a clean end."""
    with front(tmp_path, f"http://127.0.0.1:{tornado}") as port:
        with connect(f"ws://127.0.0.1:{port}/echo", open_timeout=WAIT_S, max_size=None) as client:
            assert client.response is not None
            assert client.response.headers["Via"] == "1.1 potstill"
            for message in ("hello", "ä" * 1000, b"\0\xff", secrets.token_bytes(1 << 20)):
                client.send(message)
                assert client.recv(WAIT_S) == message
            assert client.ping().wait(WAIT_S)
        assert client.close_code == 1000
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{port}/none", open_timeout=WAIT_S)
        assert refused.value.response.status_code == 404


@contextmanager
def websocket_server(handler: Any) -> Iterator[str]:
    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join(WAIT_S)


def test_a_websocket_server_that_speaks_first_and_ends(front: Any, tmp_path: Path) -> None:
    """What stands behind the 101 in the same segment is not lost, and its end is the client's."""

    def greet(connection: ServerConnection) -> None:
        connection.send("welcome")
        connection.close(4001, "enough")

    with websocket_server(greet) as url, front(tmp_path, url) as port:
        with connect(f"ws://127.0.0.1:{port}/", open_timeout=WAIT_S) as client:
            assert client.recv(WAIT_S) == "welcome"
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(WAIT_S)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "enough")


def test_a_client_that_vanishes_frees_the_server(front: Any, tmp_path: Path) -> None:
    left = threading.Event()

    def wait(connection: ServerConnection) -> None:
        connection.send("welcome")
        with pytest.raises(ConnectionClosed):
            connection.recv(WAIT_S)
        left.set()

    with websocket_server(wait) as url, front(tmp_path, url) as port:
        with connect(f"ws://127.0.0.1:{port}/", open_timeout=WAIT_S) as client:
            assert client.recv(WAIT_S) == "welcome"
            client.socket.shutdown(socket.SHUT_RDWR)
            assert left.wait(WAIT_S)


def test_many_websockets_at_once(tornado: int, front: Any, tmp_path: Path) -> None:
    with front(tmp_path, f"http://127.0.0.1:{tornado}") as port, ExitStack() as end:
        url = f"ws://127.0.0.1:{port}/echo"
        clients = [end.enter_context(connect(url, open_timeout=WAIT_S)) for _ in range(6)]
        for turn in range(20):
            for number, client in enumerate(clients):
                client.send(f"{turn} {number}")
            assert [client.recv(WAIT_S) for client in clients] == [f"{turn} {each}" for each in range(6)]


def test_a_server_that_lends_no_socket_says_so(tornado: int) -> None:
    """501, before anything is sent to the upstream."""
    with closing(Proxy(f"http://127.0.0.1:{tornado}")) as proxy:

        def without(environ: dict[str, Any], start_response: Any) -> Any:
            environ.pop("gunicorn.socket", None)
            return proxy(environ, start_response)

        with engine_on(without) as running, pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{running.address[1]}/echo", open_timeout=WAIT_S)
    assert refused.value.response.status_code == 501
