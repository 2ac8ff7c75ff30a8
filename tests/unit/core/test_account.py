"""What the engine tells of its requests: to the request, whatever becomes of them."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import pytest

from tests.support.engine import Environ, Gate, StartResponse, engine_on, request, wait_until


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answers what the path says, of the route that the query says."""
    environ["potstill.route"] = environ["QUERY_STRING"]
    if environ["PATH_INFO"] == "/raise":
        raise ValueError("by request")
    body = environ["wsgi.input"].read()
    start_response(f"{environ['PATH_INFO'][1:]} Whatever", [("Content-Type", "text/plain")])
    return [body]


def test_a_known_load_is_counted_to_the_request() -> None:
    load = [("/200?/a", 7), ("/404?/a", 3), ("/302?/b", 2), ("/raise?/b", 4)]
    with engine_on(application) as running:
        for target, times in load:
            for _ in range(times):
                with running.client() as client:
                    client.send(request(target, method="POST", body=b"12345"))
                    client.response()
        running.wait(lambda now: now.requests == 16)
        rows = running.engine.stats.ledger.rows()
    counts = {key: row.count for key, row in rows.items()}
    assert counts == {("/a", 2): 7, ("/a", 4): 3, ("/b", 3): 2, ("/b", 5): 4}
    assert rows["/a", 2].received.total == rows["/a", 2].sent.total == 35


def test_a_length_of_the_applications_own_may_do_what_it_likes() -> None:
    """Also take the environ away while it is asked for its number."""

    class Length:
        def __init__(self, environ: Environ) -> None:
            self.environ = environ

        def __int__(self) -> int:
            self.environ.clear()
            return 7

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["CONTENT_LENGTH"] = Length(environ)
        environ["potstill.route"] = "/".join(["", "casks", "made", "here"])
        start_response("200 OK", [])
        return [b""]

    with engine_on(app) as running:
        assert running.ask(request(method="POST", body=b"12345")) == b""
        running.wait(lambda now: now.requests == 1)
        rows = running.engine.stats.ledger.rows()
    assert rows["", 2].received.total == 7


def test_a_length_below_nothing_is_none() -> None:
    """No total goes back."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["CONTENT_LENGTH"] = "-1"
        start_response("200 OK", [])
        return [b""]

    with engine_on(app) as running:
        running.ask(request(method="POST", body=b"12345"))
        running.wait(lambda now: now.requests == 1)
        rows = running.engine.stats.ledger.rows()
    assert rows["", 2].received.total == 0


def test_the_times_are_those_that_the_request_took() -> None:
    """By the engine's clock, which a test can move while a request is in the application."""
    with Gate() as gate:

        def waiting(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [])
            yield b"first"
            gate.pass_through()
            yield b"second"

        with engine_on(waiting, slow_request_s=0.0) as running, running.client() as client:
            client.send(request())
            gate.wait_entered(1)
            running.engine.advance_clock(4)
            gate.open()
            client.response()
            running.wait(lambda now: now.requests == 1)
            row = running.engine.stats.ledger.rows()["", 2]
    assert 4 <= row.application.total < 5
    assert row.first_byte.total < 1
    assert row.sent.total == len(b"firstsecond")
    assert row.total.total == pytest.approx(row.queue.total + row.application.total)


def test_a_request_that_was_cut_off_before_its_status_has_none() -> None:
    """The deadline has passed, and the client is answered 504 all the same: that is its status."""
    with Gate() as gate:

        def stuck(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            start_response("200 OK", [])
            return []

        with engine_on(stuck, request_timeout_s=5.0) as running, running.client() as client:
            client.send(request())
            gate.wait_entered(1)
            running.engine.advance_clock(6)
            assert client.response().status == 504
            gate.open()
            running.wait(lambda now: now.requests == 1)
            assert list(running.engine.stats.ledger.rows()) == [("", 5)]


def test_a_client_that_leaves_is_counted_too() -> None:
    with Gate() as gate:

        def large(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            start_response("200 OK", [])
            return [b"x" * (1 << 22)]

        with engine_on(large) as running:
            client = socket.create_connection(running.address)
            client.sendall(request())
            gate.wait_entered(1)
            client.close()
            gate.open()
            wait_until(lambda: sum(row.count for row in running.engine.stats.ledger.rows().values()) == 1)


def test_clients_are_told_how_long_it_took_when_that_is_wanted() -> None:
    """Server-Timing: time in the queue and in the application, in milliseconds."""

    def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"hello"]

    with engine_on(hello, server_timing=True) as running, running.client() as client:
        client.send(request())
        ((value,),) = [client.response().all("Server-Timing")]
        names = dict(part.split(";dur=") for part in value.split(", "))
        assert list(names) == ["queue", "app"]
        assert all(0 <= float(duration) < 20_000 for duration in names.values())
    with engine_on(hello) as running, running.client() as client:
        client.send(request())
        assert client.response().all("Server-Timing") == []
