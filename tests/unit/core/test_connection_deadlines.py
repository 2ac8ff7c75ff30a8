"""One deadline a connection, by phase: each passes on the engine's own clock, which the test moves.

Before the clock is moved the engine is idle, so the deadline in question has been armed.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.support.engine import (
    GET,
    Environ,
    Gate,
    Running,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)
from tests.support.wire import CutError
from tests.unit.core.stage import Log

POST = request("/", method="POST", body=b"0123456789")
CHUNKED = request("/", "Transfer-Encoding: chunked", method="PATCH") + b"a\r\n0123456789\r\n0\r\n\r\n"
SIZE = 12_000_000
GRACE_S = 10  # a minimum rate is asked for after so long

TIMES = {"keepalive_s": 75.0, "header_timeout_s": 20.0, "body_timeout_s": 30.0, "write_timeout_s": 40.0}


@contextmanager
def engine(application: Any = hello, **changes: Any) -> Iterator[Running]:
    with engine_on(application, **{**TIMES, "response_memory_bytes": 1 << 30, **changes}) as running:
        yield running


def large(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """More than the sockets hold; without a length when the target is /close and the client an old one."""
    start_response("200 OK", [] if environ["PATH_INFO"] == "/close" else [("Content-Length", str(SIZE))])
    yield bytes(SIZE)


def pass_time(running: Running, seconds: float) -> None:
    """Let time pass for a connection that waits, and for the engine to act on it."""
    running.engine.advance_clock(seconds)


def wait_written(running: Running) -> None:
    """Wait until the answer is made and the client's socket full."""
    running.wait(lambda now: now.requests == 1 and now.running == 0 and now.ready == 0)


# Idle


@pytest.mark.parametrize("asked", [0, 1, 3])
def test_an_idle_connection_is_closed_silently(asked: int) -> None:
    """Before its first request as well as between two: no 408 for a client that asked nothing."""
    with engine() as running, running.client() as client:
        for _ in range(asked):
            client.send(GET)
            client.response()
        running.wait_idle(1)
        pass_time(running, 74)
        running.wait_idle(1)
        assert running.now.connections == 1
        pass_time(running, 2)
        client.expect_end()
        running.wait_idle()
        assert running.now.refused == {}


def test_every_request_starts_the_idle_time_anew() -> None:
    with engine() as running, running.client() as client:
        for _ in range(4):
            client.send(GET)
            client.response()
            running.wait_idle(1)
            pass_time(running, 60)


def test_each_connection_has_its_own_time() -> None:
    """The list is in order of expiry: the first in it goes, the second stays."""
    with engine() as running, running.client() as first, running.client() as second:
        running.wait_idle(2)
        pass_time(running, 50)
        second.send(GET)
        second.response()
        running.wait_idle(2)
        pass_time(running, 50)
        first.expect_end()
        second.send(GET)
        second.response()


# The head


@pytest.mark.parametrize("raw", [b"G", b"GET / HTTP/1.1\r\n", GET[:-1]])
def test_an_unfinished_head_is_answered_408(raw: bytes, log: Log) -> None:
    with engine() as running, running.client() as client:
        client.send(raw)
        running.wait_received(len(raw))
        pass_time(running, 19)
        running.wait_idle(1)
        assert running.now.refused == {}
        pass_time(running, 2)
        answer = client.response()
        assert (answer.status, answer.connection) == (408, {"close"})
        client.half_close()
        client.expect_end()
        assert running.now.refused == {"header-timeout": 1}
        log.wait_for(f"refused {client.local_address}: 408 header-timeout")


def test_a_head_that_drips_is_not_given_more_time() -> None:
    """The time counts from its first byte (slowloris)."""
    with engine() as running, running.client() as client:
        for count in range(1, 3):
            client.send(GET[count - 1 : count])
            running.wait_received(count)
            pass_time(running, 8)
        client.send(GET[2:3])
        running.wait_received(3)
        pass_time(running, 8)
        assert client.response().status == 408


def test_the_head_of_a_later_request_has_its_own_time() -> None:
    """Which begins with its first byte, not with the connection."""
    with engine() as running, running.client() as client:
        client.send(GET)
        client.response()
        running.wait_idle(1)
        pass_time(running, 60)
        client.send(GET[:5])
        running.wait_received(len(GET) + 5)
        pass_time(running, 19)
        client.send(GET[5:])
        assert client.response().status == 200


def test_a_head_that_stands_behind_another_request_has_its_time() -> None:
    """Its first bytes came with the request before."""
    with engine() as running, running.client() as client:
        client.send(GET + GET[:5])
        client.response()
        running.wait_received(len(GET) + 5)
        pass_time(running, 21)
        assert client.response().status == 408


def test_waiting_for_a_seat_does_not_count() -> None:
    """A request that came in time, in two pieces, and then stood in the backlog, is answered whole."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/blocked":
                gate.pass_through()
            return large(environ, start_response)

        with engine(application, threads=1) as running:
            with running.client() as blocked, running.client() as client, running.client() as other:
                blocked.send(request("/blocked"))
                gate.wait_entered(1)
                client.send(GET[:5])
                running.wait(lambda now: now.octets_received == len(request("/blocked")) + 5)
                client.send(GET[5:])
                running.wait(lambda now: now.backlog == 1)
                pass_time(running, 21)
                other.send(GET)  # when this one is in the backlog, the poller has looked at the deadlines
                running.wait(lambda now: now.backlog == 2)
                gate.open()
                for each in (blocked, other, client):
                    assert len(each.response().body) == SIZE
                client.send(GET)
                assert len(client.response().body) == SIZE


# The body


@pytest.mark.parametrize("raw", [POST, CHUNKED], ids=["length", "chunked"])
def test_a_body_that_stops_is_answered_408(raw: bytes) -> None:
    with engine() as running, running.client() as client:
        client.send(raw[:-7])
        running.wait_received(len(raw) - 7)
        pass_time(running, 29)
        running.wait_idle(1)
        pass_time(running, 2)
        assert client.response().status == 408
        client.half_close()
        client.expect_end()
        assert (running.now.refused, running.now.requests) == ({"body-timeout": 1}, 0)


def test_a_body_that_never_starts_is_answered_408() -> None:
    """Also one that was asked for by 100 Continue."""
    with engine() as running, running.client() as client:
        head = request("/", "Expect: 100-continue", "Content-Length: 5", method="GET")
        client.send(head)
        assert client.interim().status == 100
        running.wait_idle(1)
        pass_time(running, 31)
        assert client.response().status == 408


def test_every_byte_of_a_body_gives_it_time() -> None:
    """Until the minimum rate is looked at (here it is not)."""
    with engine(min_rate_bytes_s=0) as running, running.client() as client:
        split = len(POST) - 9
        client.send(POST[:split])
        running.wait_received(split)
        for at in range(split, len(POST)):
            pass_time(running, 25)
            client.send(POST[at : at + 1])
            running.wait_received(at + 1)
        assert client.response().status == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_below_the_minimum_rate_is_answered_408(chunked: bool) -> None:
    """After ten seconds, by the average: 100 bytes a second are asked for."""
    coding = "Transfer-Encoding: chunked" if chunked else "Content-Length: 5000"
    head = request("/", coding, method="PATCH")
    with engine(min_rate_bytes_s=100) as running, running.client() as client:
        client.send(head)
        sent = len(head)
        for _ in range(3):
            running.wait_received(sent)
            pass_time(running, 6)
            part = b"3e8\r\n" + bytes(1000) + b"\r\n" if chunked else bytes(1000)
            client.send(part)
            sent += len(part)
        running.wait_received(sent)
        assert running.now.refused == {}
        pass_time(running, 14)  # 32 s by now, and 3000 bytes and one
        client.send(b"1\r\n1\r\n" if chunked else b"1")
        assert client.response().status == 408
        assert running.now.refused == {"body-rate": 1}


# The answer


def test_a_client_that_takes_nothing_is_cut_off(log: Log) -> None:
    """What it has not taken is gone; it can tell by the length."""
    with engine(large) as running, running.client() as client:
        client.send(GET)
        wait_written(running)
        pass_time(running, 39)
        running.wait_idle(1)
        pass_time(running, 2)
        running.wait_idle()
        with pytest.raises(CutError):
            client.response()
        log.wait_for("no octet of the response taken within --write-timeout")


def test_half_an_answer_without_a_length_is_cut_by_a_reset() -> None:
    """The end of the connection is the end of the body there: an orderly end would make half of it whole."""
    with engine(large) as running, running.client() as client:
        client.send(request("/close", version="1.0"))
        wait_written(running)
        pass_time(running, 41)
        running.wait_idle()
        with pytest.raises(CutError) as cut:
            client.response()
        assert cut.value.reset


def test_a_client_that_takes_some_is_given_time() -> None:
    """Each time it takes something (and the minimum rate is not looked at here)."""
    with engine(large, min_rate_bytes_s=0) as running, running.client() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        client.send(GET)
        wait_written(running)
        taken = 0
        for _ in range(4):
            pass_time(running, 30)
            goal = taken + 2_000_000
            while taken < goal:
                taken += len(client.socket.recv(100_000))
            running.wait_idle(1)
        while taken < SIZE:
            taken += len(client.socket.recv(100_000))


def test_an_answer_taken_below_the_minimum_rate_is_cut(log: Log) -> None:
    """After ten seconds, by the average since the answer was made."""
    with engine(large, min_rate_bytes_s=1_000_000) as running, running.client() as client:
        client.send(GET)
        wait_written(running)
        pass_time(running, 30)
        taken = 0
        with suppress(ConnectionResetError):  # perhaps before the first of it was taken
            while taken < 3_000_000:  # and then it does not keep up again
                taken += len(client.socket.recv(1 << 20))
            running.wait_idle()
            while piece := client.socket.recv(1 << 20):
                taken += len(piece)
        assert taken < SIZE
        log.wait_for("the response is taken at less than --min-rate")


def test_the_time_of_a_slow_view_is_not_its_clients() -> None:
    """The rate counts from when the answer was made."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            return large(environ, start_response)

        with engine(application, min_rate_bytes_s=1_000_000) as running, running.client() as client:
            client.send(GET)
            gate.wait_entered(1)
            pass_time(running, 3600)
            gate.open()
            wait_written(running)
            assert len(client.response().body) == SIZE


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0, 1_000_000])
def test_a_runner_does_not_wait_for_ever(rate: int) -> None:
    """Beyond --response-memory it waits for its client, by the same deadlines; then it is free for others."""
    with engine(
        large, response_memory_bytes=1000, response_spool_bytes=0, threads=1, min_rate_bytes_s=rate
    ) as running:
        with running.client() as client:
            client.send(GET)
            running.wait(lambda now: now.in_application == 1)

            def later() -> bool:
                pass_time(running, 41)
                return running.now.in_application == 0

            wait_until(later, "the runner has given up")
            running.wait_idle()
            with pytest.raises(CutError):
                client.response()
        assert running.ask(request(method="HEAD")) == b""


# Lingering


def test_lingering_ends_by_itself() -> None:
    """A second after the answer, whatever the client does meanwhile."""
    with engine() as running, running.client() as client:
        client.send(b"nonsense\r\n\r\n")
        assert client.response().status == 400
        running.wait_idle(1)
        pass_time(running, 0.6)
        received = running.now.octets_received
        client.send(b"more")
        assert received == 12
        running.wait_idle(1)
        pass_time(running, 0.6)
        running.wait_idle()
        client.expect_end()


# Without a deadline


def test_while_the_application_runs_nothing_expires() -> None:
    """How long a view takes is not the connection's business."""
    with Gate() as gate:

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            return hello(environ, start_response)

        with engine(application) as running, running.client() as client, running.client() as other:
            for count, raw in enumerate((GET, POST), 1):
                client.send(raw[:-1])
                running.wait(lambda now: now.in_application == 0 and now.running == 0 and now.octets_received)
                client.send(raw[-1:])
                gate.wait_entered(count)
                pass_time(running, 100_000)
                running.wait_looked()
                gate.let(1)
                assert client.response().status == 200
            assert other.socket.fileno() >= 0


def test_the_clock_is_the_engines_own() -> None:
    """Two engines in one process do not share it."""
    with engine() as first, engine() as second, first.client() as one, second.client() as two:
        first.wait_idle(1)
        second.wait_idle(1)
        first.engine.advance_clock(80)
        one.expect_end()
        two.send(GET)
        assert two.response().status == 200
