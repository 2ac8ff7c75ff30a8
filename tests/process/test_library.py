"""The library face: serve, make_server and WSGIServer, in this process and in programs of their own."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import potstill
from potstill import SERVER_ADDRESS, WSGIServer, make_server, serve
from tests.process.running import running

WAIT_S = 10
HERE = ("127.0.0.1", 0)


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def goodbye(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"goodbye"]


def get(server: WSGIServer) -> bytes:
    client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=WAIT_S)
    client.request("GET", "/", headers={"Connection": "close"})
    body = client.getresponse().read()
    client.close()
    return body


@contextmanager
def serving(server: WSGIServer) -> Iterator[threading.Thread]:
    """`serve_forever` in a thread, which has ended when the block has."""
    thread = threading.Thread(target=server.serve_forever, name="serving")
    thread.start()
    try:
        yield thread
    finally:
        server.shutdown()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_what_is_public() -> None:
    """These names and no others."""
    assert set(potstill.__all__) == {
        "SERVER_ADDRESS",
        "ClientDisconnected",
        "RequestTimeout",
        "WSGIServer",
        "__version__",
        "make_server",
        "run_simple",
        "serve",
    }
    assert set(potstill.__all__) <= set(dir(potstill))
    assert SERVER_ADDRESS == ("", 8888)
    with pytest.raises(AttributeError, match="has no attribute 'run_simply'"):
        potstill.run_simply  # type: ignore[attr-defined]  # noqa: B018


def test_a_server_serves_until_it_is_shut_down() -> None:
    """As in the tutorials, with the names they use."""
    with make_server(HERE, hello) as server:
        assert server.get_app() is server.application is hello
        assert (server.address_family, server.socket_type) == (socket.AF_INET, socket.SOCK_STREAM)
        assert server.request_queue_size == 2048
        assert server.listen_socket.getsockname() == server.server_address
        assert server.server_name == "127.0.0.1"
        assert server.server_port == server.server_address[1] > 0
        with serving(server):
            assert get(server) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        get(server)


def test_it_can_serve_again_and_another_application() -> None:
    """The socket stays open between."""
    with make_server(HERE, hello) as server:
        with serving(server):
            assert get(server) == b"hello"
        server.set_app(goodbye)
        with serving(server):
            assert get(server) == b"goodbye"


def test_shutdown_returns_when_the_last_response_has_left() -> None:
    """A request that has begun is finished."""
    inside, let_out = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        inside.set()
        assert let_out.wait(WAIT_S)
        return hello(environ, start_response)

    with make_server(HERE, slow, threads=2) as server, serving(server):
        answers: list[bytes] = []
        client = threading.Thread(target=lambda: answers.append(get(server)))
        client.start()
        assert inside.wait(WAIT_S)
        over = threading.Event()
        stopper = threading.Thread(target=lambda: (server.shutdown(), over.set()))
        stopper.start()
        assert not over.wait(0.1)
        let_out.set()
        assert over.wait(WAIT_S)
        client.join(WAIT_S)
        stopper.join(WAIT_S)
        assert answers == [b"hello"]


def test_shutdown_from_a_request_only_asks() -> None:
    """It would wait for itself; the request is answered, and serving ends."""
    servers: list[WSGIServer] = []

    def last_wish(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        servers[0].shutdown()
        return hello(environ, start_response)

    with make_server(HERE, last_wish) as server:
        servers.append(server)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert get(server) == b"hello"
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_closing_from_a_request_closes_when_all_is_over() -> None:
    """The listening socket is not taken away below the engine."""
    servers: list[WSGIServer] = []

    def last_wish(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        servers[0].server_close()
        return hello(environ, start_response)

    server = make_server(HERE, last_wish)
    servers.append(server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    assert get(server) == b"hello"
    thread.join(WAIT_S)
    assert server.listen_socket.fileno() == -1


def test_a_shutdown_that_came_first_is_not_lost() -> None:
    """The thread that serves may be slow to start; a later one after the end is forgotten."""
    with make_server(HERE, hello) as server:
        server.shutdown()
        server.serve_forever()
        server.shutdown()
        with serving(server):
            assert get(server) == b"hello"


def test_two_at_once_in_one_process() -> None:
    """Nothing of the engine is global."""
    with make_server(HERE, hello) as one, make_server(HERE, goodbye) as two:
        with serving(one), serving(two):
            assert (get(one), get(two)) == (b"hello", b"goodbye")


@pytest.mark.slow
def test_a_graceful_timeout_bounds_the_shutdown(caplog: pytest.LogCaptureFixture) -> None:
    """The thread is left to itself, and named."""
    inside, let_out = threading.Event(), threading.Event()

    def stuck(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        inside.set()
        let_out.wait(WAIT_S)
        return hello(environ, start_response)

    with make_server(HERE, stuck, graceful_timeout="50ms") as server:
        left: list[threading.Thread] = []
        try:
            with serving(server), socket.create_connection(server.server_address, timeout=WAIT_S) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
                assert inside.wait(WAIT_S)
                left = [thread for thread in threading.enumerate() if thread.name.startswith("potstill-")]
                server.shutdown()
            assert any("did not end: it is in" in message for message in caplog.messages)
        finally:
            let_out.set()
            for thread in left:
                thread.join(WAIT_S)


def test_a_unix_socket(tmp_path: Path) -> None:
    """By the class attribute of the tutorials."""

    class UnixServer(WSGIServer):
        address_family = socket.AF_UNIX

    path = tmp_path / "shop.sock"
    with UnixServer(str(path)) as server:
        server.set_app(hello)
        assert (server.server_address, server.server_port) == (str(path), 0)
        assert server.server_name
        with serving(server), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(WAIT_S)
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    assert not path.exists()


def test_every_ipv4_address_has_the_name_of_the_machine() -> None:
    """`("", port)` is nobody's name."""
    with WSGIServer(("", 0)) as server:
        assert server.server_address[0] == "0.0.0.0"
        assert server.server_name == socket.gethostname()


def test_wrong_settings_are_value_errors() -> None:
    """All at once, and before anything listens."""
    with pytest.raises(ValueError, match=r"threads: 0 is not .*\nkeepalive: 'soon' is not "):
        make_server(HERE, hello, threads=0, keepalive="soon")
    with pytest.raises(ValueError, match="thread: there is no such option; did you mean 'threads'"):
        serve(hello, thread=4)
    for name, value in {"bind": ":1", "backlog": 1, "app": "a:b", "log_level": "info"}.items():
        with pytest.raises(ValueError, match=f"^{name}: with a WSGIServer, "):
            WSGIServer(HERE, **{name: value})
    datagrams = type("Datagrams", (WSGIServer,), {"socket_type": socket.SOCK_DGRAM})
    with pytest.raises(ValueError, match="SOCK_STREAM"):
        datagrams(HERE)


def test_what_cannot_be_served_says_why() -> None:
    """No application, a taken address, twice at once, after the end."""
    with WSGIServer(HERE) as server:
        with pytest.raises(RuntimeError, match="call set_app"):
            server.serve_forever()
        with pytest.raises(OSError, match="bound already by this process"):
            WSGIServer(server.server_address)
        server.set_app(hello)
        with serving(server):
            assert get(server) == b"hello"
            with pytest.raises(RuntimeError, match="serving already"):
                server.serve_forever()
    with pytest.raises(RuntimeError, match="closed"):
        server.serve_forever()


@pytest.mark.slow
def test_the_root_logger_is_left_alone() -> None:
    """Nor does a WSGIServer set up the logger of ours."""
    program = """
import logging, threading
from potstill import make_server
def app(environ, start_response): ...
with make_server(("127.0.0.1", 0), app) as server:
    threading.Timer(0.01, server.shutdown).start()
    server.serve_forever()
assert logging.getLogger().handlers == logging.getLogger("potstill").handlers == []
"""
    with running(["-c", program], Path.cwd()) as process:
        assert process.code() == 0, process.log.tail()
        assert process.log.lines() == []


# Programs of their own: signals belong to a main thread

PROGRAM = """
import os, signal, sys
import potstill
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
def say(word): os.write(2, word.encode() + b"\\n")
"""


def program(code: str, **environment: str) -> Any:
    return running(["-c", PROGRAM + code], Path.cwd(), **environment)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_returns_after_a_signal(number: signal.Signals) -> None:
    """The program goes on with the handlers that were there before; the environment has no say."""
    code = """
potstill.serve(app, "127.0.0.1:0", threads=3)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
say("went on")
"""
    with program(code, PORT="1", POTSTILL_THREADS="1") as server:
        assert server.get() == b"hello"
        server.signal(number)
        assert server.code() == 0, server.log.tail()
        (line,) = server.log.lines(" serving __main__:app on ")
        assert "(3 threads, " in line
        assert server.log.lines(rf"INFO stopped on {number.name}")
        assert server.log.lines()[-1] == "went on"


@pytest.mark.slow
def test_a_handler_of_the_program_stays_in_force() -> None:
    """It decides; calling shutdown from it does not wait for itself."""
    code = """
server = potstill.make_server(("127.0.0.1", 0), app)
def mine(number, frame):
    say("mine")
    server.shutdown()
    say("asked")
signal.signal(signal.SIGTERM, mine)
say(f"program on http://127.0.0.1:{server.server_port} (8 threads, pid 0); Ctrl+C stops it")
server.serve_forever()
assert signal.getsignal(signal.SIGTERM) is mine
say("went on")
"""
    with program(code) as process:
        assert process.get() == b"hello"
        assert process.stop() == 0, process.log.tail()
        assert [line for line in process.log.lines() if line in {"mine", "asked", "went on"}] == [
            "mine",
            "asked",
            "went on",
        ]


@pytest.mark.slow
def test_an_address_that_is_taken_is_an_os_error() -> None:
    """With the words that the command has."""
    code = """
server = potstill.make_server(("127.0.0.1", 0), app)
try:
    potstill.serve(app, f"127.0.0.1:{server.server_port}")
except OSError as error:
    say(str(error))
"""
    with program(code) as process:
        assert process.code() == 0, process.log.tail()
        (line,) = process.log.lines()
    assert re.fullmatch(r"127\.0\.0\.1:\d+ is bound already by this process: is it given twice\?", line)


@pytest.mark.parametrize("option", ["workers", "preload", "user", "umask", "on_exit"])
def test_what_is_about_processes_is_the_commands(option: str) -> None:
    """The process is the program's: an option that would have no effect is an error."""
    with pytest.raises(ValueError, match=f"{option}: only the command `potstill` can do that"):
        serve(lambda environ, start_response: [], **{option: "1"})
    with pytest.raises(ValueError, match=f"{option}: only the command `potstill` can do that"):
        WSGIServer(("127.0.0.1", 0), **{option: "1"})
