"""Each option by its name on the command line and as a keyword: the shortest way from it to what it does.

What it does in detail is in the other files, on an injected clock; here the times are short and real.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest

from potstill import make_server
from tests.apps.phones import Switchboard
from tests.requests.views import BLOCK_BYTES, asked, hold
from tests.support.engine import WAIT_S, Environ, StartResponse, hello, request, wait_until
from tests.support.server import Server, serve_process
from tests.support.wire import Address, Client

pytestmark = pytest.mark.slow

APP = "tests.requests.views:app"


def status(address: Address, raw: bytes) -> int:
    with asked(address, raw, WAIT_S) as client:
        return client.response().status


def with_blocked(act: Callable[[Server, bytes], None], *options: str) -> None:
    """A server with one thread, whose view holds the line; `act` is given another such request."""
    with Switchboard() as board, serve_process(APP, "--threads", "1", *options) as server:
        with asked(server.address, hold(board, "first"), WAIT_S) as first:
            call = board.answer()
            act(server, hold(board, "second"))
            call.let_go()
            assert first.response().status == 200


def test_request_timeout_and_interrupt_grace() -> None:
    """A view in a system call: 504 with its stack in the log; then its seat is somebody else's."""
    options = ("--threads", "1", "--request-timeout", "150ms", "--interrupt-grace", "100ms")
    with Switchboard() as board, serve_process(APP, *options) as server:
        assert status(server.address, hold(board, "cask=7")) == 504
        server.log.wait_for(r"GET /hold\?phone=\d+&cask=7\b.*request id")
        server.log.wait_for(r"in wait_on_the_phone$")
        assert status(server.address, request()) == 200
        board.answer().let_go()


def test_slow_request() -> None:
    def reported(server: Server, _: bytes) -> None:
        server.log.wait_for(r"GET /hold\?.*first")
        server.log.wait_for(r"in wait_on_the_phone$")

    with_blocked(reported, "--slow-request", "100ms")


def test_queue_timeout() -> None:
    with_blocked(lambda server, raw: check(status(server.address, raw), 503), "--queue-timeout", "100ms")


def test_backlog_limit() -> None:
    def full(server: Server, raw: bytes) -> None:
        with asked(server.address, request()) as waiting:
            # Which of the two is in the queue first is nobody's promise: one of them is turned away.
            with asked(server.address, request()) as other:
                answers = {"turned away": 0}
                for client in (waiting, other):
                    client.socket.settimeout(0.5)
                    with suppress(TimeoutError):
                        answers["turned away"] += client.socket.recv(12) == b"HTTP/1.1 503"
                assert answers == {"turned away": 1}

    with_blocked(full, "--backlog-limit", "1")


def test_health_path_and_ready_path() -> None:
    def healthy(server: Server, _: bytes) -> None:
        for path in ("/-/live", "/-/ready"):
            with asked(server.address, request(path)) as client:
                answer = client.response()
                assert (answer.status, answer.get("content-type")) == (200, "application/json")

    with_blocked(healthy, "--health-path", "/-/live", "--ready-path", "/-/ready")


def test_request_buffering_off() -> None:
    """The view is called before the body is there."""
    with Switchboard() as board, serve_process(APP, "--request-buffering", "off") as server:
        raw = hold(board).replace(b"GET", b"POST", 1)[:-2] + b"Content-Length: 5\r\n\r\n"
        with asked(server.address, raw, WAIT_S) as client:
            board.answer().let_go()
            assert client.response().status == 200


def test_response_spool() -> None:
    """With next to none, the only runner waits for its client."""
    options = ("--threads", "1", "--response-memory", "64KiB", "--response-spool", "64KiB")
    with serve_process(APP, *options) as server, Client(server.address, WAIT_S) as client:
        client.send(request("/large?blocks=1000"))
        client.wait_for(b"200 OK")
        with asked(server.address, request()) as other:
            other.socket.settimeout(0.3)
            with pytest.raises(TimeoutError):
                other.socket.recv(1)
            other.socket.settimeout(WAIT_S)
            assert len(client.response().body) == 1000 * BLOCK_BYTES
            assert other.response().status == 200


def check(found: object, expected: object) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("request-buffering", "maybe"),
        ("response-spool", "1MB"),
        ("request-timeout", "-1s"),
        ("interrupt-grace", "soon"),
        ("slow-request", "often"),
        ("cancel-on-disconnect", "perhaps"),
        ("queue-timeout", "-1"),
        ("backlog-limit", "-1"),
        ("trust-request-start", "2"),
        ("health-path", "no-slash"),
        ("ready-path", "/a b"),
        ("handover-limit", "many"),
    ],
)
def test_a_wrong_value_is_named(option: str, value: str) -> None:
    """By the keyword, with what is allowed; nothing listens."""
    name = option.replace("-", "_")
    with pytest.raises(ValueError, match=f"^{name}: "):
        make_server(("127.0.0.1", 0), hello, **{name: value})


def test_keywords_of_a_library_server() -> None:
    """The same names with underscores, and plain Python values."""
    seen: list[Environ] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ)
        return hello(environ, start_response)

    keywords = {
        "request_buffering": True,
        "response_spool": 1 << 20,
        "request_timeout": 30,
        "interrupt_grace": 5.0,
        "slow_request": "10s",
        "cancel_on_disconnect": False,
        "queue_timeout": 20,
        "backlog_limit": 100,
        "trust_request_start": True,
        "health_path": "/live",
        "ready_path": "/ready",
        "handover_limit": 10,
    }
    with make_server(("127.0.0.1", 0), app, **keywords) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = ("127.0.0.1", server.server_port)
            assert [status(address, request(path)) for path in ("/live", "/ready", "/")] == [200] * 3
            wait_until(lambda: len(seen) == 1)
            assert type(seen[0]["potstill.deadline"]) is float
        finally:
            server.shutdown()
            thread.join(WAIT_S)
