"""No more than so many requests inside one application."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from potstill.middleware import Bulkhead
from tests.support.engine import Gate, wait_until
from tests.unit.middleware.hosts import Answered, Recorder, call, environ_of


def gated(gate: Gate) -> Any:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        gate.pass_through()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    return app


def ask(app: Bulkhead) -> Answered:
    return call(app, Recorder(), environ_of())


def test_one_too_many_is_refused_at_once() -> None:
    """503, and when to come again; whoever is inside is not disturbed, and makes room when done."""
    with Gate() as gate, ThreadPoolExecutor(3) as pool:
        app = Bulkhead(gated(gate), 2, retry_after_s=1.5)
        inside = [pool.submit(ask, app) for _ in range(2)]
        gate.wait_entered(2)
        answer = ask(app)
        assert (answer.code, answer.all("Retry-After")) == (503, ["2"])
        assert gate.entered == 2
        gate.open()
        assert [each.result().body for each in inside] == [b"done"] * 2
        assert ask(app).body == b"done"
        assert app.inside == 0


def test_a_few_may_wait() -> None:
    """In their order of coming, and no more than were allowed to."""
    with Gate() as gate, ThreadPoolExecutor(4) as pool:
        app = Bulkhead(gated(gate), 1, waiting=1, wait_s=20)
        first = pool.submit(ask, app)
        gate.wait_entered(1)
        second = pool.submit(ask, app)
        wait_until(lambda: app._waiting == 1)
        assert ask(app).code == 503
        gate.open()
        assert (first.result().body, second.result().body) == (b"done", b"done")


def test_waiting_ends() -> None:
    """After its time the request is refused as well, and the line is free again."""
    with Gate() as gate, ThreadPoolExecutor(1) as pool:
        app = Bulkhead(gated(gate), 1, waiting=1, wait_s=0.01)
        pool.submit(ask, app)
        gate.wait_entered(1)
        assert ask(app).code == 503
        assert app._waiting == 0
        gate.open()


class Body:
    """An iterable with an end that can be seen."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield b"block"

    def close(self) -> None:
        self.closed += 1


def test_a_response_counts_until_it_is_closed() -> None:
    """It is made while it is sent; close() leaves, once, and reaches the application."""
    body = Body()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    bulkhead = Bulkhead(app, 1)
    result: Any = bulkhead(environ_of(), lambda *_: lambda _: None)
    assert bulkhead.inside == 1
    assert list(result) == [b"block"]
    assert ask(bulkhead).code == 503
    result.close()
    result.close()
    assert (bulkhead.inside, body.closed) == (0, 2)
    assert ask(bulkhead).body == b"block"


def test_a_file_for_the_server_does_not_count() -> None:
    """Sending it is the server's work, and the wrapper must reach the server as it is."""

    class Wrapper(Body):
        pass

    wrapper = Wrapper()
    environ = environ_of()
    environ["wsgi.file_wrapper"] = Wrapper
    bulkhead = Bulkhead(lambda environ, start_response: wrapper, 1)
    assert bulkhead(environ, lambda *_: lambda _: None) is wrapper
    assert bulkhead.inside == 0


def test_an_exception_leaves() -> None:
    """Raised by the application or by its close()."""

    class Bad(Body):
        def close(self) -> None:
            raise OSError

    def broken(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise KeyError

    bulkhead = Bulkhead(broken, 1)
    with pytest.raises(KeyError):
        bulkhead(environ_of(), lambda *_: lambda _: None)
    assert bulkhead.inside == 0
    bulkhead = Bulkhead(lambda environ, start_response: Bad(), 1)
    result: Any = bulkhead(environ_of(), lambda *_: lambda _: None)
    with pytest.raises(OSError):
        result.close()
    assert bulkhead.inside == 0


def test_many_threads_never_see_more_than_so_many_inside() -> None:
    """Counted by the application itself."""
    lock = threading.Lock()
    inside, most = 0, 0

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        start_response("200 OK", [("Content-Type", "text/plain")])
        with lock:
            inside -= 1
        return [b""]

    bulkhead = Bulkhead(app, 2, waiting=8, wait_s=20)
    with ThreadPoolExecutor(8) as pool:
        codes = [each.code for each in pool.map(lambda _: ask(bulkhead), range(400))]
    assert codes == [200] * 400
    assert most <= 2


@pytest.mark.parametrize("numbers", [{"threads": 0}, {"waiting": -1}, {"wait_s": -1}, {"retry_after_s": -1}])
def test_numbers_that_cannot_be(numbers: dict[str, int]) -> None:
    """Said when it is made."""
    with pytest.raises(ValueError, match=r"^bulkhead: "):
        Bulkhead(Recorder(), **{"threads": 1, **numbers})  # type: ignore[arg-type]
