"""One client: how its requests arrive, in what order they are answered, and how the connection ends.

The grammar of requests is in tests/wire; deadlines are in test_connection_deadlines.py.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import GET, LAST, Environ, Gate, Running, StartResponse, engine_on, request
from tests.support.wire import Client
from tests.unit.core.stage import Log

LARGE = bytes(8_000_000)
POST = request("/post", method="POST", body=b"name=value")
CHUNKED = (
    request("/chunked", "Transfer-Encoding: chunked", method="GET")
    + b"4\r\nname\r\n6;x=y\r\n=value\r\n0\r\nT: t\r\n\r\n"
)
MIXED = [GET, POST, CHUNKED, request("/?" + "q" * 3000), request("/head", method="HEAD"), POST, GET]
INPUT_BYTES = 65536  # what one read asks for


def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Says which request it was: method, path and body."""
    body = environ["wsgi.input"].read()
    start_response(
        "200 OK", [("X-Request", f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {len(body)}")]
    )
    return [LARGE] if environ["PATH_INFO"] == "/large" else [body]


@contextmanager
def echoing(**changes: Any) -> Iterator[Running]:
    with engine_on(echo, **changes) as running:
        yield running


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with echoing(threads=4) as made:
        yield made


def expect(client: Client, *asked: bytes) -> None:
    """The answers to these requests come, in this order."""
    for raw in asked:
        line, _, _ = raw.partition(b"\r\n")
        method, target, _ = line.decode().split(" ")
        body = b"name=value" if raw in (POST, CHUNKED) else b""
        answer = client.response(head=method == "HEAD")
        said = f"{method} {target.partition('?')[0]} {len(body)}"
        assert (answer.status, answer.get("x-request")) == (200, said)
        if target != "/large":
            assert answer.body == (b"" if method == "HEAD" else body)


# Arriving


@pytest.mark.parametrize("raw", [GET, POST, CHUNKED], ids=["get", "post", "chunked"])
def test_a_request_may_arrive_in_two_pieces(running: Running, raw: bytes) -> None:
    """Split anywhere; the server has seen the first piece alone."""
    with running.client() as client:
        for split in range(1, len(raw)):
            before = running.now.octets_received
            client.send(raw[:split])
            running.wait(lambda now, seen=before + split: now.octets_received == seen)  # type: ignore[misc]
            client.send(raw[split:])
            expect(client, raw)


@pytest.mark.parametrize("seed", range(8))
def test_pipelined_requests_are_answered_in_order(running: Running, seed: int) -> None:
    """However the bytes of all of them fall into pieces (RFC 9112 section 9.3.2)."""
    chance = random.Random(seed)
    asked = chance.choices(MIXED, k=40)
    raw = b"".join(asked)
    splits = sorted(chance.sample(range(1, len(raw)), chance.choice((0, 1, 5, 50))))
    with running.client() as client:
        for start, end in zip([0, *splits], [*splits, len(raw)], strict=True):
            client.send(raw[start:end])
        expect(client, *asked)


def test_the_next_request_behind_a_body_that_came_by_itself(running: Running) -> None:
    """The body is read and not a byte further; what stands behind it is in the socket and makes no other
    event.
    """
    head, body = POST[:-10], POST[-10:]
    with running.client() as client:
        for _ in range(3):
            before = running.now.octets_received
            client.send(head)
            running.wait_received(before + len(head))
            client.send(body + GET)
            expect(client, POST, GET)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_requests_that_end_where_a_read_ends(running: Running, more: int) -> None:
    """One read takes so many bytes; there may be more behind them or not."""
    count = INPUT_BYTES // len(GET)
    fitting = request("/" + "x" * (INPUT_BYTES + more - (count - 20) * len(GET) - len(GET)))
    assert len(fitting) + (count - 20) * len(GET) == INPUT_BYTES + more
    with running.client() as client:
        client.send(fitting + GET * (count - 20))
        expect(client, fitting, *[GET] * (count - 20))
        client.send(GET)
        expect(client, GET)


@pytest.mark.parametrize("while_running", [False, True])
def test_a_request_that_comes_while_an_answer_is_written(while_running: bool) -> None:
    """It is read when the answer has left: the event that told of it came too early to be of use."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/large" and while_running:
                gate.pass_through()
            return echo(environ, start_response)

        with engine_on(application, response_memory_bytes=1 << 30) as running, running.client() as client:
            client.send(GET)
            expect(client, GET)  # the poller knows the connection from now on
            client.send(request("/large"))
            if while_running:
                gate.wait_entered(1)
            else:
                running.wait(lambda now: now.requests == 2 and now.running == 0)
            client.send(GET)
            running.wait_looked()
            gate.open()
            running.wait(lambda now: now.requests == 2)
            expect(client, request("/large"), GET)


def test_unread_answers_hold_the_next_request_back() -> None:
    """One answer at a time is kept for a client that does not read; the others are not even made."""
    with echoing(response_memory_bytes=1 << 30) as running, running.client() as client:
        client.send(request("/large") * 5)
        running.wait(lambda now: now.requests >= 1 and now.running == 0)
        assert running.now.requests == 1
        expect(client, *[request("/large")] * 5)


def test_the_application_sees_whole_requests(running: Running) -> None:
    """Rule 7: it is called when the last byte has come, and not before."""
    with echoing() as running, running.client() as client:
        for raw in (POST, CHUNKED):
            before = running.now
            client.send(raw[:-1])
            running.wait_received(before.octets_received + len(raw) - 1)
            assert running.now.requests == before.requests
            client.send(raw[-1:])
            expect(client, raw)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 1_000_000, 3_000_000])
@pytest.mark.parametrize("memory", [1000, 1 << 20, 1 << 30])
def test_a_body_of_any_size_in_memory_or_spooled(size: int, memory: int, tmp_path: Path) -> None:
    """The application cannot tell the difference."""
    body = random.Random(size).randbytes(size)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts(body, 70_000))
    with echoing(body_memory_bytes=memory, spool_dir=str(tmp_path)) as running, running.client() as client:
        client.send(request("/", method="POST", body=body) + GET)
        assert client.response().body == body
        expect(client, GET)
        client.send(request("/", "Transfer-Encoding: chunked", method="PATCH") + chunks + b"0\r\n\r\n" + GET)
        assert client.response().body == body
        expect(client, GET)
        assert list(tmp_path.iterdir()) == []  # the file has no name


def parts(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def test_no_place_to_spool(tmp_path: Path, log: Log) -> None:
    """The disk's trouble is answered 507 and logged; the server goes on."""
    missing = str(tmp_path / "missing")
    with echoing(body_memory_bytes=1000, spool_dir=missing) as running:
        with running.client() as client:
            client.send(request("/", method="POST", body=bytes(5000)))
            assert client.response().status == 507
            client.expect_end()
        log.wait_for("cannot spool the body of a request from 127.0.0.1:")
        assert running.now.refused == {"spool-full": 1}
        assert running.ask() == b""


# Expect: 100-continue


EXPECTING = request("/post", "Expect: 100-continue", "Content-Length: 10", method="GET")


def test_100_continue(running: Running) -> None:
    """RFC 9110 section 10.1.1: once, before the body is read."""
    with running.client() as client:
        client.send(EXPECTING)
        assert client.interim().status == 100
        client.send(b"name=value")
        answer = client.response()
        assert (answer.body, answer.interim) == (b"name=value", [])


def test_no_100_when_the_body_has_begun_to_come(running: Running) -> None:
    with running.client() as client:
        client.send(EXPECTING + b"name")
        client.send(b"=value")
        assert client.response().interim == []


# Limits


def test_a_body_that_is_announced_too_large() -> None:
    """Refused before a byte of it is read, and without asking for it."""
    with echoing(limit_request_body=9) as running, running.client() as client:
        client.send(EXPECTING)
        answer = client.response()
        assert (answer.status, answer.interim) == (413, [])
        client.half_close()
        client.expect_end()
        assert running.now.refused == {"body-too-large": 1}


@pytest.mark.parametrize("sizes", [(10,), (4, 6), (9, 1)])
def test_chunks_that_become_too_large(sizes: tuple[int, ...]) -> None:
    """As soon as they are; the limit itself is allowed."""
    head = request("/", "Transfer-Encoding: chunked", method="POST").replace(b"Content-Length: 0\r\n", b"")
    with echoing(limit_request_body=9) as running, running.client() as client:
        client.send(head + b"9\r\n123456789\r\n0\r\n\r\n")
        assert client.response().body == b"123456789"
        client.send(head + b"".join(b"%x\r\n%b\r\n" % (size, bytes(size)) for size in sizes))
        assert client.response().status == 413
        client.half_close()
        client.expect_end()


# Refusals


def test_a_refusal_is_the_last_word(running: Running, log: Log) -> None:
    """What stands before it is answered; what stands behind it is not even parsed (RFC 9112 section 9.6)."""
    before = running.now
    with running.client() as client:
        address = client.local_address
        client.send(GET + b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        expect(client, GET)
        answer = client.response()
        assert (answer.status, answer.connection) == (400, {"close"})
        assert answer.get("content-type") == "text/plain; charset=utf-8"
        assert answer.body.startswith(b"400 Bad Request: ")
        client.half_close()
        client.expect_end()
    record = log.wait_for(f"refused {address}: 400 request-line-spaces: ")
    assert record.levelname == "INFO"
    now = running.now
    assert now.requests == before.requests + 1
    assert now.refused["request-line-spaces"] == before.refused.get("request-line-spaces", 0) + 1


def test_a_client_that_is_still_sending_sees_the_refusal() -> None:
    """The connection lingers: a close with bytes unread would be a reset, which may overtake the answer."""
    with echoing(limit_request_body=1000) as running, running.client() as client:
        client.send(request("/", "Content-Length: 50000", method="GET"))
        client.send(bytes(50_000))
        assert client.response().status == 413
        client.half_close()
        client.expect_end()
        running.wait_idle()


def test_lingering_drops_so_much_and_no_more() -> None:
    """64 KiB; then the connection is closed whatever the client is about."""
    with echoing(limit_request_body=1000) as running, running.client() as client:
        client.send(request("/", "Content-Length: 1000000", method="GET"))
        assert client.response().status == 413
        try:
            for _ in range(1000):
                client.socket.sendall(bytes(1000))
        except (BrokenPipeError, ConnectionResetError):
            pass
        running.wait_idle()


# The other end


def test_a_half_closed_client_gets_its_answers(running: Running) -> None:
    """RFC 9112 section 9.6: it has sent its last request, and waits for what is due."""
    with running.client() as client:
        client.send(GET + POST + CHUNKED)
        client.half_close()
        expect(client, GET, POST, CHUNKED)
        client.expect_end()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_half_closed_while_the_application_runs(count: int) -> None:
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            return echo(environ, start_response)

        with engine_on(application) as running, running.client() as client:
            client.send(GET * count)
            gate.wait_entered(1)
            client.half_close()
            gate.open()
            expect(client, *[GET] * count)
            client.expect_end()
            running.wait_idle()


def test_half_closed_while_the_answer_is_written() -> None:
    with echoing(response_memory_bytes=1 << 30) as running, running.client() as client:
        client.send(request("/large"))
        running.wait(lambda now: now.requests == 1 and now.running == 0)
        client.half_close()
        expect(client, request("/large"))
        client.expect_end()


@pytest.mark.parametrize("raw", [GET[:10], POST[:-1], CHUNKED[:-1]], ids=["head", "body", "chunks"])
@pytest.mark.parametrize("way", ["half-close", "close", "reset"])
def test_half_a_request_is_nobodys(raw: bytes, way: str) -> None:
    """RFC 9112 section 8: the application is never called for it, and nothing is said."""
    with echoing() as running, running.client() as client:
        client.send(raw)
        running.wait_received(len(raw))
        if way == "half-close":
            client.half_close()
            client.expect_end()
        elif way == "close":
            client.close()
        else:
            client.reset()
        running.wait_idle()
        assert (running.now.requests, running.now.refused) == (0, {})


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("when", ["fresh", "idle", "writing"])
def test_a_client_that_leaves_is_forgotten(way: str, when: str) -> None:
    with echoing(response_memory_bytes=1 << 30) as running, running.client() as client:
        if when == "fresh":
            running.wait_idle(1)
        else:
            client.send(request("/large" if when == "writing" else "/"))
            running.wait(lambda now: now.requests == 1 and now.running == 0)
        if way == "close":
            client.close()
        else:
            client.reset()
        running.wait_idle()


def test_bytes_behind_the_last_request_do_not_take_its_answer_away() -> None:
    """An old client's CRLF behind its body, unread at the close, would turn an orderly end into a reset."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            start_response("200 OK", [])
            yield b"hello"

        with engine_on(application) as running, running.client() as client:
            client.send(request(version="1.0"))
            gate.wait_entered(1)
            client.send(b"\r\n")
            running.wait_looked()
            gate.open()
            answer = client.response()
            assert (answer.framing, answer.body) == ("close", b"hello")


# Who it is


def test_the_peer(running: Running) -> None:
    """REMOTE_ADDR and REMOTE_PORT are the client's own; a unix socket has neither."""
    seen = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append((environ["REMOTE_ADDR"], environ["REMOTE_PORT"]))
        return echo(environ, start_response)

    with engine_on(application) as over_tcp, over_tcp.client() as client:
        client.send(GET)
        client.response()
        assert seen == [("127.0.0.1", str(client.socket.getsockname()[1]))]


def test_over_a_unix_socket(tmp_path: Path, log: Log) -> None:
    seen = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append([environ[key] for key in ("REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT")])
        return echo(environ, start_response)

    with engine_on(application, path=tmp_path / "socket") as running, running.client() as client:
        client.send(MIXED[1] + request("/large") + LAST)
        expect(client, MIXED[1], request("/large"), LAST)
        client.expect_end()
        with running.client() as other:
            other.send(b"nonsense\r\n\r\n")
            assert other.response().status == 400
        log.wait_for("refused unix: 400")
    assert seen == [["", "", "localhost", "80"]] * 3


def test_over_ipv6() -> None:
    """Where the machine has it. A client that came by IPv4 to such a socket is named by IPv4."""
    from potstill.core.engine import Engine
    from tests.support.engine import options

    seen = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append((environ["REMOTE_ADDR"], environ["REMOTE_PORT"]))
        return echo(environ, start_response)

    try:
        listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener:
        engine = Engine(application, [listener], options())
        engine.start()
        try:
            port = listener.getsockname()[1]
            for host in ("::1", "127.0.0.1"):
                with Client((host, port)) as client:
                    client.send(GET)
                    client.response()
                    assert seen.pop() == (host, str(client.socket.getsockname()[1]))
        finally:
            assert engine.stop() == []


def test_a_refusal_in_the_middle_of_a_body_cuts_nothing_else(running: Running) -> None:
    """A broken chunk ends its own request; another connection does not notice."""
    with running.client() as client, running.client() as other:
        other.send(POST[:-3])
        client.send(CHUNKED.replace(b"6;x=y", b"+6"))
        assert client.response().status == 400
        other.send(POST[-3:])
        expect(other, POST)
