"""What the inspector may do to a request, what it must leave alone, and that nothing keeps it from others."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.requests.stuck import Stuck
from tests.support.engine import (
    WAIT_S,
    Environ,
    Gate,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)
from tests.support.wire import CutError
from tests.unit.core.stage import Log

TIMEOUT_S, GRACE_S = 30.0, 5.0
TIMES: dict[str, Any] = {"request_timeout_s": TIMEOUT_S, "interrupt_grace_s": GRACE_S, "slow_request_s": 0.0}
HANG = request("/in-python")


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    with Stuck() as stuck:
        yield stuck


# What is complete stays whole


class Closing:
    """An answer whose close() takes its time."""

    def __init__(self, stuck: Stuck, how: str) -> None:
        self.stuck, self.how = stuck, how

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/":
            return hello(environ, start_response)
        start_response("200 OK", [])
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield b"whole"
        yield b" cask"

    def close(self) -> None:
        self.stuck.hang(getattr(self.stuck, self.how))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("how", ["hang_in_python", "hang_in_c"])
def test_a_complete_answer_is_not_cut_while_close_runs(
    log: Log, stuck: Stuck, version: str, how: str
) -> None:
    """The deadline passes in close(): the client has all of it, nothing is interrupted, one line is told."""
    with stuck.engine(Closing(stuck, how), threads=2, **TIMES) as running, running.client() as client:
        client.send(request("/slow", "Connection: close", version=version))
        stuck.wait_entered(1)
        for _ in range(3):
            running.engine.advance_clock(TIMEOUT_S + GRACE_S + 1)
            log.wait_for("deadline passed in close()")
            running.wait_looked()
        stuck.let_go()
        assert client.response().body == b"whole cask"
        client.expect_end()
        stuck.wait_left(1)
    assert stuck.raised == []
    assert len([text for text in log.texts() if "/slow" in text]) == 1


# What is cut looks cut


def begins(stuck: Stuck) -> Any:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"half of it"
        stuck.hang(stuck.hang_in_c)
        yield b"the rest"

    return app


def test_the_end_of_the_connection_does_not_pass_for_the_end_of_a_body(stuck: Stuck) -> None:
    """RFC 9112 section 8: without length and chunks an orderly end ends the body. A cut is a reset."""
    with stuck.engine(begins(stuck), threads=2, **TIMES) as running:
        with socket.create_connection(running.address, WAIT_S) as client:  # type: ignore[arg-type]
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            received = b""
            while b"half of it" not in received:
                received += client.recv(65536)
            stuck.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            with pytest.raises(ConnectionResetError):
                client.recv(65536)


def test_on_a_unix_socket_the_connection_ends(stuck: Stuck, tmp_path: Path) -> None:
    """There is no reset to be had there."""
    with stuck.engine(begins(stuck), path=tmp_path / "s", threads=2, **TIMES) as running:
        with running.client() as client:
            client.send(request(version="1.0"))
            client.wait_for(b"half of it")
            stuck.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            assert client.response().body == b"half of it"
            client.expect_end()


# Nothing keeps it from the next request


def test_a_stalled_log_stops_no_deadline(stuck: Stuck) -> None:
    """A handler that blocks, as on a full pipe: all requests get their 504 all the same."""
    go_on = threading.Event()

    class Stalled(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            go_on.wait(WAIT_S)

    logger = logging.getLogger("potstill")
    logger.addHandler(handler := Stalled())
    try:
        with stuck.engine(threads=4, **TIMES) as running:
            clients = [running.client() for _ in range(3)]
            for count, client in enumerate(clients, 1):
                client.send(HANG)
                stuck.wait_entered(count)
            running.engine.advance_clock(TIMEOUT_S + 1)
            assert [client.response().status for client in clients] == [504] * 3
            stuck.wait_left(3)
            go_on.set()
            for client in clients:
                client.close()
    finally:
        go_on.set()
        logger.removeHandler(handler)


def test_a_callback_that_blocks_stops_no_deadline(stuck: Stuck) -> None:
    with Gate() as gate:

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ["potstill.on_disconnect"](gate.pass_through)
            return stuck.app(environ, start_response)

        with stuck.engine(app, threads=3, **TIMES) as running, running.client() as other:
            leaver = running.client()
            leaver.send(request("/in-c"))
            stuck.wait_entered(1)
            leaver.close()
            gate.wait_entered(1)
            other.send(HANG)
            stuck.wait_entered(2)
            running.engine.advance_clock(TIMEOUT_S + 1)
            assert other.response().status == 504
            stuck.let_go()
            gate.open()


@pytest.fixture
def failing_log() -> Iterator[None]:
    """A filter that raises, as one that wants a field that only requests have."""

    def fails(record: logging.LogRecord) -> bool:
        raise KeyError("request_id")

    logger = logging.getLogger("potstill")
    logger.addFilter(fails)
    yield
    logger.removeFilter(fails)


@pytest.mark.usefixtures("failing_log")
def test_a_log_that_fails_ends_no_thread(stuck: Stuck) -> None:
    with stuck.engine(threads=2, **TIMES) as running:
        for count in (1, 2):
            with running.client() as client:
                client.send(HANG)
                stuck.wait_entered(count)
                running.engine.advance_clock(TIMEOUT_S + 1)
                assert client.response().status == 504
                stuck.wait_left(count)
        assert len([each for each in running.engine.threads if each.is_alive()]) == 6


@pytest.mark.usefixtures("failing_log")
def test_a_log_that_fails_does_not_come_out_of_io_bound() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        assert environ["potstill.io_bound"]() is False
        return hello(environ, start_response)

    with engine_on(app, handover_limit=0) as running:
        assert running.ask() == b"hello\n"


# Locks


@pytest.mark.parametrize("where", ["logging", "threading"])
def test_no_exception_is_raised_where_locks_are_handled(stuck: Stuck, where: str) -> None:
    """A view in a log handler, or that waits for a Condition: 504 at once, the exception when it is out."""
    gate = Gate()
    logger = logging.getLogger("tests.inspector")

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            gate.pass_through()

    logger.addHandler(handler := Handler())
    logger.propagate = False

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/":
            return hello(environ, start_response)
        if where == "logging":
            logger.error("line")
        else:
            gate.pass_through()
        stuck.hang(stuck.hang_in_python)
        return hello(environ, start_response)

    with gate, stuck.engine(app, threads=2, **TIMES) as running, running.client() as client:
        client.send(request("/locks"))
        gate.wait_entered(1)
        running.engine.advance_clock(TIMEOUT_S + 1)
        assert client.response().status == 504
        running.wait_looked()
        assert stuck.entered == 0
        gate.open()
        stuck.wait_left(1)  # the next round finds it in the loop
        assert [type(error).__name__ for error in stuck.raised] == ["RequestTimeout"]
        assert running.now.lost == 0
        assert handler.lock is not None
        assert handler.lock.acquire(timeout=WAIT_S)
        handler.lock.release()
        assert running.ask() == b"hello\n"
    logger.removeHandler(handler)


def test_who_never_comes_out_of_a_lock_loses_its_seat(stuck: Stuck) -> None:
    """The exception is put off, the grace is not without an end."""
    with Gate() as gate:

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] != "/":
                gate.pass_through()
            return hello(environ, start_response)

        with engine_on(app, threads=1, **TIMES) as running, running.client() as client:
            client.send(request("/locked"))
            gate.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            assert client.response().status == 504
            running.engine.advance_clock(GRACE_S + 1)
            running.wait(lambda now: now.lost == 1)
            assert running.ask() == b"hello\n"
            gate.open()


# Threads that are lost


def refuse_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """No thread can be started until the answer is called."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    real = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", refuse)
    return lambda: monkeypatch.setattr(threading.Thread, "start", real)


def test_a_lost_thread_without_a_replacement_does_not_end_the_server(
    log: Log, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are parked go on in its place; and a new one comes when there is one to be had."""
    with stuck.engine(threads=2, **TIMES) as running, running.client() as client:
        assert running.ask() == b"hello\n"
        before = len(running.engine.threads)
        client.send(request("/in-c"))
        stuck.wait_entered(1)
        allow = refuse_threads(monkeypatch)
        running.engine.advance_clock(TIMEOUT_S + 1)
        assert client.response().status == 504
        running.engine.advance_clock(GRACE_S + 1)
        log.wait_for("no new one can be started", "/in-c")
        assert running.now.lost == 1
        for _ in range(3):
            assert running.ask() == b"hello\n"
        allow()
        stuck.let_go()
        stuck.wait_left(1)
        wait_until(lambda: len(running.engine.threads) == before, "its place is filled")
        assert running.ask() == b"hello\n"


def test_when_no_more_can_be_lost_it_is_said_once(log: Log, stuck: Stuck) -> None:
    """All slots for lost threads are taken: one true line for each request, not ten a second."""
    with stuck.engine(threads=70, handover_limit=0, **TIMES) as running:
        clients = [running.client() for _ in range(66)]
        for client in clients:
            client.send(request("/in-c"))
        stuck.wait_entered(66)
        running.engine.advance_clock(TIMEOUT_S + 1)
        assert {client.response().status for client in clients} == {504}
        running.engine.advance_clock(GRACE_S + 1)
        wait_until(lambda: sum("too many are lost" in text for text in log.texts()) == 2)
        running.wait_looked()
        assert running.now.lost == 64
        assert len([text for text in log.texts() if "not back within" in text]) == 66
        assert [text for text in log.texts() if "handover" in text] == []
        stuck.let_go()
        stuck.wait_left(66)
        for client in clients:
            client.close()


# Clients that leave


def test_who_has_taken_the_connection_is_not_cancelled(stuck: Stuck) -> None:
    """It hears of the end by reading; an exception would come into the middle of its protocol."""
    ended: list[str] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/socket":
            return stuck.app(environ, start_response)
        taken = environ["gunicorn.socket"]
        taken.sendall(b"hi")
        assert taken.recv(10) == b""
        stuck.hang(stuck.hang_in_python)
        ended.append("in order")
        raise StopIteration

    with stuck.engine(app, threads=2, cancel_on_disconnect=True) as running:
        taker, other = running.client(), running.client()
        taker.send(request("/socket"))
        taker.wait_for(b"hi")
        taker.close()
        stuck.wait_entered(1)
        other.send(HANG)  # somebody who keeps the inspector going, and is cancelled
        stuck.wait_entered(2)
        other.close()
        stuck.wait_left(1)
        running.wait_looked()
        assert [type(error).__name__ for error in stuck.raised] == ["ClientDisconnected"]
        stuck.let_go()
        wait_until(lambda: ended == ["in order"])


def test_callbacks_after_the_end_of_the_request_are_not_called() -> None:
    """The first blocks while the request ends: the second is not for anybody any more."""
    called: list[str] = []
    with Gate() as in_callback, Gate() as in_view:

        def first() -> None:
            called.append("first")
            in_callback.pass_through()

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            environ["potstill.on_disconnect"](first)
            environ["potstill.on_disconnect"](lambda: called.append("second"))
            in_view.pass_through()
            return hello(environ, start_response)

        with engine_on(app, threads=2) as running:
            client = running.client()
            client.send(request())
            in_view.wait_entered(1)
            client.close()
            in_callback.wait_entered(1)
            in_view.open()
            running.wait_idle()
            in_callback.open()
        assert called == ["first"]


def test_a_taken_connection_has_no_deadline(stuck: Stuck) -> None:
    """The socket is the application's: no 504 among its frames."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/socket":
            return stuck.app(environ, start_response)
        taken = environ["gunicorn.socket"]
        taken.sendall(b"hi")
        taken.sendall(b"got " + taken.recv(10))
        raise StopIteration

    with stuck.engine(app, threads=2, **TIMES) as running:
        with running.client() as taker, running.client() as other:
            taker.send(request("/socket"))
            taker.wait_for(b"hi")
            other.send(HANG)
            stuck.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            assert other.response().status == 504
            taker.send(b"ping")
            taker.wait_for(b"got ping")


def test_a_chunked_answer_is_cut_before_its_last_chunk(stuck: Stuck) -> None:
    with stuck.engine(begins(stuck), threads=2, **TIMES) as running, running.client() as client:
        client.send(request())
        stuck.wait_entered(1)
        running.engine.advance_clock(TIMEOUT_S + 1)
        with pytest.raises(CutError):
            client.response()
