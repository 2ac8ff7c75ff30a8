"""How an answer ends: close() of what was returned, octets against Content-Length, what is left behind."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.support.engine import GET, Environ, StartResponse, request, wait_until
from tests.unit.core.stage import PLAIN, Body, Log, Stage, cut_answer, stage

GET_1_0 = request(version="1.0")
HEAD = request(method="HEAD")
LARGE = b"x" * 8_000_000


# close()


@pytest.mark.parametrize(
    ("parts", "status", "fields", "raw"),
    [
        ((), "200 OK", PLAIN, GET),
        ((b"hello",), "200 OK", PLAIN, GET),
        ((b"hello",), "200 OK", PLAIN, HEAD),
        ((b"hello", b"more"), "204 No Content", PLAIN, GET),
        ((b"hello", b"more"), "304 Not Modified", PLAIN, GET),
        ((b"hello", b"more"), "200 OK", [("Content-Length", "5")], GET),
        ((b"hello",), "200 OK", [("Content-Length", "50")], GET),
        ((b"hello", ValueError()), "200 OK", PLAIN, GET),
        ((ValueError(),), "200 OK", PLAIN, GET),
        ((b"hello", "text"), "200 OK", PLAIN, GET),
        (("text",), "200 OK", PLAIN, GET),
        ((b"hello",), "200 OK", [("Bad name", "")], GET),
        ((b"hello",), "no status", PLAIN, GET),
    ],
)
def test_close_is_called_exactly_once(
    on: Stage, log: Log, parts: tuple[Any, ...], status: str, fields: list[tuple[str, str]], raw: bytes
) -> None:
    """PEP 3333, "Specification Details": upon completion of the request, however it was completed."""
    body = Body(*parts)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with suppress(ValueError):  # the body is returned all the same
            start_response(status, fields)
        return body

    on.play(application)
    with on.client() as client:
        client.send(raw)
        client.half_close()
        client.socket.recv(100)
        wait_until(lambda: body.closed, "close() is called")
        while client.socket.recv(1000):
            pass
    assert body.closed == 1


def test_close_is_called_when_the_client_has_left(on: Stage) -> None:
    """The iteration ends with the first piece that cannot be sent; the rest is not even made."""
    made = []

    def part() -> bytes:
        made.append(1)
        return b"x" * 100_000

    body = Body(*[part] * 10_000)
    on.play_body(body)
    with on.client() as client:
        client.send(GET)
        client.socket.recv(1000)
        client.reset()
    wait_until(lambda: body.closed, "close() is called")
    on.running.wait_idle()
    assert body.closed == 1
    assert len(made) < 10_000


def test_a_list_with_a_close_is_closed(on: Stage) -> None:
    """Only a plain list cannot have one."""
    closed = []

    class Rows(list[bytes]):
        def close(self) -> None:
            closed.append(self)

    rows = Rows([b"hello"])
    on.play_body(rows)
    assert on.ask().body == b"hello"
    assert closed == [rows]


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
def test_an_exception_in_close_is_logged_and_the_answer_stands(
    on: Stage, log: Log, kind: type[BaseException]
) -> None:
    class Broken(Body):
        def close(self) -> None:
            super().close()
            raise kind("in close()")

    body = Broken(b"hello")
    on.play_body(body)
    assert on.ask().body == b"hello"
    record = log.wait_for("exception in close() of the answer to GET /")
    assert record.exc_info is not None
    assert record.exc_info[0] is kind
    assert body.closed == 1


def test_a_generator_is_closed_before_it_has_run_out(on: Stage) -> None:
    """Its finally clauses run when the client needs no more of it."""
    ended = []

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            ended.append(1)

    on.play_body(endless, fields=[("Content-Length", "5")])
    with on.client() as client:
        client.send(GET)
        assert client.response().body == b"xxxxx"
    wait_until(lambda: ended, "the generator is closed")


# Octets and Content-Length


@pytest.mark.parametrize("returned", [[b"hel"], [b"h", b"el"], Body(b"h", b"el"), [], Body()])
def test_fewer_octets_than_promised(on: Stage, log: Log, returned: Any) -> None:
    """Cut and logged, never padded."""
    on.play_body(returned, fields=[("Content-Length", "5")])
    partial = cut_answer(on).partial
    assert partial is not None
    assert partial.body == b"".join(getattr(returned, "parts", returned))
    log.wait_for("instead of the Content-Length of 5 in the answer to GET /")


@pytest.mark.parametrize(
    "returned",
    [
        [b"hello and more"],
        [b"hel", b"lo", b" and more"],
        Body(b"hello", b" and more"),
        Body(b"hel", b"lo, more"),
    ],
)
@pytest.mark.parametrize("raw", [GET, GET_1_0])
def test_more_octets_than_promised(on: Stage, log: Log, raw: bytes, returned: Any) -> None:
    """Cut at the length, logged, and the connection ends: what would follow might be taken for an answer."""
    on.play_body(returned, fields=[("Content-Length", "5")])
    with on.client() as client:
        client.send(raw)
        assert client.response().body == b"hello"
        client.expect_end()
    log.wait_for("more octets than the Content-Length of 5 in the answer to GET /")


@pytest.mark.parametrize("returned", [[LARGE], Body(LARGE), [b"x", LARGE]])
def test_more_octets_than_promised_to_a_slow_client(log: Log, returned: Any) -> None:
    """The length counts as well where the octets have to wait."""
    with stage(response_memory_bytes=1 << 30) as on, on.client() as client:
        on.play_body(returned, fields=[("Content-Length", "6000000")])
        client.send(GET)
        log.wait_for("more octets")
        assert client.response().body == LARGE[:6_000_000]
        client.expect_end()


def test_too_much_where_no_body_is_sent_is_no_error(on: Stage, log: Log) -> None:
    """HEAD and 304: nobody counts what is not sent."""
    on.play_body([b"hello and more"], fields=[("Content-Length", "5")])
    assert on.ask(HEAD).get("content-length") == "5"
    assert log.texts() == []


# What is left behind


def test_nothing_is_kept_of_a_request_that_has_ended(on: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the engine nor by a start_response that the application keeps in a cycle of its own."""
    # A record of the log has a traceback, and with it the whole request; pytest keeps all records.
    monkeypatch.setattr(logging.getLogger("potstill"), "disabled", True)

    class Load:
        alive = 0

        def __init__(self) -> None:
            Load.alive += 1

        def __del__(self) -> None:
            Load.alive -= 1

    kept: list[Any] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["load"] = Load()
        environ["cycle"] = start_response
        kept.append(start_response)
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/fail":
            raise ValueError("with a traceback")
        return [b"hello"]

    on.play(application)
    for target in ("/", "/fail"):
        with on.client() as client:
            client.send(request(target))
            client.response()
    on.running.wait_idle()
    gc.collect()
    wait_until(lambda: Load.alive == 0, "the environ is freed")
