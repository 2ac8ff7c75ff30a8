"""Requests that the application postpones: they wait without a thread, and come again as they came first."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.engine import GET, Environ, Gate, StartResponse, engine_on, hello, request, wait_until
from tests.unit.core.stage import Log
from tests.unit.core.test_schedule import List, Must, Note, Then, Threads


class Postponing:
    """/later is postponed when it comes first; all else says hello."""

    def __init__(self) -> None:
        self.resumes: list[Callable[[], bool]] = []
        self.calls: list[str] = []
        self.dropped = threading.Semaphore(0)
        self.drops = 0

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.calls.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/later" and "seen" not in environ:
            environ["seen"] = True
            self.resumes.append(environ["potstill.postpone"](self.drop))
            return ()
        if environ["REQUEST_METHOD"] == "POST":
            start_response("200 OK", [])
            return [environ["wsgi.input"].read()]
        return hello(environ, start_response)

    def drop(self) -> None:
        self.drops += 1
        self.dropped.release()

    def wait_postponed(self, count: int) -> None:
        wait_until(lambda: len(self.resumes) == count)


LATER = request("/later")


def test_it_waits_without_a_thread_and_is_called_again() -> None:
    """One seat, three that wait, and the seat is there for others."""
    app = Postponing()
    with engine_on(app, threads=1) as running, ExitStack() as stack:
        clients = [stack.enter_context(running.client()) for _ in range(3)]
        for client in clients:
            client.send(LATER)
        running.wait(lambda now: now.held == 3)
        assert (running.now.running, running.now.in_application, running.now.requests) == (0, 0, 0)
        assert running.ask() == b"hello\n"
        for number in (1, 0, 2):
            assert app.resumes[number]()
        running.wait(lambda now: now.held == 0)
        for client in clients:
            assert client.response().body == b"hello\n"
            client.send(GET)  # the connection goes on
            assert client.response().body == b"hello\n"
        assert [resume() for resume in app.resumes] == [False] * 3
        assert app.drops == 0
        running.wait(lambda now: now.requests == 7)


def test_resumed_before_the_application_has_returned() -> None:
    """Twice as well: it is called again once."""
    calls: list[int] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        calls.append(1)
        if len(calls) == 1:
            resume = environ["potstill.postpone"](calls.clear)
            assert resume()
            assert resume()
            return []
        return hello(environ, start_response)

    with engine_on(application, threads=1) as running, running.client() as client:
        client.send(GET + GET)
        assert [client.response().body for _ in range(2)] == [b"hello\n"] * 2
        assert len(calls) == 3


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_the_body_is_there_when_it_comes_again(size: int) -> None:
    app = Postponing()
    with engine_on(app, threads=1) as running, running.client() as client:
        client.send(request("/later", method="POST", body=b"x" * size))
        app.wait_postponed(1)
        assert app.resumes[0]()
        assert client.response().body == b"x" * size


def test_a_live_body_is_read_when_it_comes_again() -> None:
    app = Postponing()
    with engine_on(app, threads=1, request_buffering=False) as running, running.client() as client:
        client.send(request("/later", method="POST", body=b"x" * 100))
        running.wait(lambda now: now.held == 1)
        assert app.resumes[0]()
        assert client.response().body == b"x" * 100


def test_one_that_has_waited_too_long_is_dropped() -> None:
    """503, as for any other in the backlog; and whoever waits for its turn is told, once."""
    app = Postponing()
    with engine_on(app, threads=1, queue_timeout_s=5) as running, running.client() as client:
        client.send(LATER)
        running.wait(lambda now: now.held == 1)
        running.engine.advance_clock(6)
        assert client.response().status == 503
        assert app.dropped.acquire(timeout=20)
        assert not app.resumes[0]()
        assert running.now.held == 0
    assert (app.drops, app.calls) == (1, ["/later"])


@pytest.mark.parametrize("first", [True, False])
def test_one_whose_client_has_gone_is_dropped(first: bool) -> None:
    """At once, whether it was the first request of its connection or not."""
    app = Postponing()
    with engine_on(app, threads=1) as running:
        client = running.client()
        if not first:
            client.send(GET)
            client.response()
        client.send(LATER)
        running.wait(lambda now: now.held == 1)
        client.reset()
        assert app.dropped.acquire(timeout=20)
        running.wait(lambda now: now.connections == now.held == 0)
        assert not app.resumes[0]()
        assert app.calls[-1] == "/later"


@pytest.mark.parametrize("result", [(), [], iter(())], ids=["tuple", "list", "iterator"])
def test_its_deadline_holds_when_it_comes_again(result: Any) -> None:
    """Whatever it has returned before; the view is interrupted."""
    calls: list[str] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        calls.append("called")
        if len(calls) == 1:
            environ["potstill.on_disconnect"](lambda: calls.append("gone"))
            environ["potstill.postpone"](list)()
            return result  # type: ignore[no-any-return]
        try:
            while True:  # where no lock is at stake
                os.getpid()
        except BaseException as error:
            calls.append(type(error).__name__)
            raise

    with engine_on(application, threads=1, request_timeout_s=5) as running, running.client() as client:
        client.send(GET)
        running.wait(lambda now: len(calls) == 2)
        running.engine.advance_clock(6)
        assert client.response().status == 504
        wait_until(lambda: len(calls) == 3)
        assert calls == ["called", "called", "RequestTimeout"]


def test_the_time_in_the_queue_is_over_behind_others_too() -> None:
    """It was held before the other came, and released behind it; its own time counts."""
    app = Postponing()
    gate = Gate()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/block":
            gate.pass_through()
        return app(environ, start_response)

    with (
        gate,
        engine_on(application, threads=1, queue_timeout_s=10) as running,
        running.client() as held,
        running.client() as blocking,
        running.client() as other,
    ):
        held.send(LATER)
        running.wait(lambda now: now.held == 1)
        running.engine.advance_clock(4)
        blocking.send(request("/block"))
        gate.wait_entered(1)
        other.send(GET)
        running.wait(lambda now: now.backlog == 1)
        assert app.resumes[0]()
        running.wait(lambda now: now.backlog == 2)
        running.engine.advance_clock(7)
        assert held.response().status == 503
        assert running.now.backlog == 1
        gate.open()
        assert blocking.response().status == other.response().status == 200


def test_a_word_for_one_request_is_none_for_the_next() -> None:
    """Which waits, on the same connection."""
    kept: list[Any] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kept.append(environ["potstill.postpone"](list))
        if environ["PATH_INFO"] == "/now":
            kept[-1]()
            return hello(environ, start_response)
        return []

    with engine_on(application, threads=1) as running, running.client() as client:
        client.send(request("/now"))
        assert client.response().body == b"hello\n"
        client.send(request("/later"))
        running.wait(lambda now: now.held == 1)
        assert len(kept) == 2


def test_the_end_of_the_engine_drops_it() -> None:
    app = Postponing()
    with engine_on(app, threads=1) as running, running.client() as client:
        client.send(LATER)
        running.wait(lambda now: now.held == 1)
        assert running.engine.stop(20) == []
        assert app.drops == 1
        assert not app.resumes[0]()
        client.expect_end()


def test_a_callback_that_raises_is_logged(log: Log) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["potstill.postpone"](lambda: {}["what was dropped"])
        return []

    with engine_on(application, threads=1, queue_timeout_s=5) as running, running.client() as client:
        client.send(GET)
        running.wait(lambda now: now.held == 1)
        running.engine.advance_clock(6)
        assert client.response().status == 503
    log.wait_for("exception in the callback for a postponed request")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda environ, start_response: (start_response("200 OK", []), environ["potstill.postpone"](print)),
        lambda environ, start_response: [environ["potstill.postpone"](print) for _ in range(2)],
        lambda environ, start_response: environ["potstill.postpone"](None),
        lambda environ, start_response: (
            environ["potstill.postpone"](print),
            environ["gunicorn.socket"].fileno(),
        ),
    ],
    ids=["begun", "twice", "no-callable", "taken"],
)
def test_what_cannot_be_postponed_is_an_error(wrong: Callable[..., Any]) -> None:
    """And an answer: 500."""
    with engine_on(wrong, threads=1) as running, running.client() as client:
        client.send(GET)
        assert client.response().status == 500
        assert running.now.held == 0


def test_who_answers_after_all_is_not_postponed() -> None:
    dropped: list[int] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["potstill.postpone"](lambda: dropped.append(1))
        return hello(environ, start_response)

    with engine_on(application, threads=1) as running:
        assert running.ask() == b"hello\n"
        assert dropped == [1]


def test_after_its_request_nothing_is_postponed() -> None:
    kept: list[Callable[..., Any]] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kept.append(environ["potstill.postpone"])
        return hello(environ, start_response)

    with engine_on(application) as running:
        running.ask()
        with pytest.raises(RuntimeError, match="after its request had ended"):
            kept[0](print)


@pytest.mark.parametrize("postponed", [False, True])
def test_closing_without_an_answer(postponed: bool) -> None:
    """Not an octet goes out, and what the application returns is nobody's."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if postponed:
            environ["potstill.postpone"](list)
        environ["potstill.close_connection"]()
        return hello(environ, start_response)

    with engine_on(application) as running, running.client() as client:
        client.send(GET)
        client.expect_end()
        running.wait_idle()


# The schedule's side


def held(threads: Threads) -> int:
    """A slot that thread 0 has put on hold."""
    token = threads.enter()
    assert threads.take() == (token, Note.READABLE)
    assert threads.done(0, Then.HOLD) == Must.POLL
    assert threads.schedule.held == 1
    return token


def test_what_is_held_stands_in_no_line() -> None:
    """Until it is released; events wait meanwhile."""
    threads = Threads(1)
    token = held(threads)
    threads.schedule.note(token, Note.READABLE)
    assert threads.schedule.numbers()[3:5] == (0, 0)
    threads.schedule.release(token)
    assert threads.schedule.held == 0
    assert threads.take() == (token, Note.RUN)


def test_released_while_it_is_in_hand() -> None:
    threads = Threads(1)
    token = threads.enter()
    assert threads.schedule.next(0) == (token, Note.READABLE)
    threads.schedule.release(token)
    assert threads.schedule.next(0, Then.HOLD) == (token, Note.RUN)
    assert threads.schedule.held == 0


def test_the_thread_in_the_poller_comes_for_what_is_released() -> None:
    threads = Threads(1)
    token = held(threads)
    waits = threading.Thread(target=threads.schedule.wait, args=(0,), daemon=True)
    waits.start()
    threads.schedule.release(token)
    waits.join(20)
    assert not waits.is_alive()
    assert threads.schedule.next(0) == (token, Note.RUN)


def test_the_queue_timeout_holds_for_what_is_held() -> None:
    threads = Threads(1)
    threads.schedule.set_timeout(List.QUEUE, 5)
    token = held(threads)
    threads.schedule.advance(6)
    assert threads.take() == (token, Note.RUN | Note.EXPIRED)
    assert threads.schedule.held == 0


def test_who_is_postponed_for_too_long_has_waited_once() -> None:
    """It was counted when it was called first, and not again when its time is over."""
    app = Postponing()
    with engine_on(app, threads=1, queue_timeout_s=3.0) as running, running.client() as client:
        client.send(LATER)
        running.wait(lambda now: now.held == 1)
        running.engine.advance_clock(3.5)
        assert client.response().status == 503
        assert app.dropped.acquire(timeout=20)
        assert running.engine.stats.queue_times().count == 1
        assert running.engine.stats.flights() == []
