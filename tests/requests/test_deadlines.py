"""--request-timeout: 504 at once, the stack of the very thread, an exception in the view, and a seat that is
never lost. The clock is the engine's own, moved by the test.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

import potstill
from tests.requests.stuck import Stuck, seconds_in, told
from tests.support.engine import Environ, Gate, StartResponse, engine_on, hello, request, wait_until
from tests.support.wire import CutError
from tests.unit.core.stage import Body, Log

TIMEOUT_S = 30.0
GRACE_S = 5.0
# Reports of slow requests are another matter.
TIMES: dict[str, Any] = {"request_timeout_s": TIMEOUT_S, "interrupt_grace_s": GRACE_S, "slow_request_s": 0.0}
HANG = request("/in-python")


def test_request_timeout_is_no_exception_that_views_catch() -> None:
    """`except Exception` in a view must not swallow it."""
    assert issubclass(potstill.RequestTimeout, BaseException)
    assert not issubclass(potstill.RequestTimeout, Exception)
    assert "RequestTimeout" in potstill.__all__


# The client


@pytest.mark.parametrize("path", ["/in-python", "/in-c"])
def test_the_client_gets_504_at_once(stuck: Stuck, path: str) -> None:
    """Not a moment before the deadline; and then without waiting for the view to come back."""
    with stuck.engine(threads=2, **TIMES) as running, running.client() as client:
        client.send(request(path))
        stuck.wait_entered(1)
        running.engine.advance_clock(TIMEOUT_S - 1)
        running.wait_looked()
        assert running.now.in_application == 1
        running.engine.advance_clock(2)
        answer = client.response()
        assert (answer.status, answer.reason) == (504, "Gateway Timeout")
        assert answer.connection == {"close"}
        client.half_close()
        client.expect_end()
        stuck.let_go()


def test_an_answer_that_has_begun_is_cut() -> None:
    """Half an answer must not look whole: not the last chunk, and no 504 in the middle."""
    with Stuck() as stuck:

        def begins(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield b"first"
            stuck.hang(stuck.hang_in_python)
            yield b"second"

        with stuck.engine(begins, **TIMES) as running, running.client() as client:
            client.send(HANG)
            client.wait_for(b"first")
            stuck.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            with pytest.raises(CutError) as cut:
                client.response()
            assert cut.value.partial is not None
            assert (cut.value.partial.status, cut.value.partial.body) == (200, b"first")


@pytest.mark.parametrize("seconds", [0.0, 0])
def test_without_the_option_a_view_may_take_for_ever(stuck: Stuck, seconds: float) -> None:
    with stuck.engine(request_timeout_s=seconds) as running, running.client() as client:
        client.send(HANG)
        stuck.wait_entered(1)
        running.engine.advance_clock(100_000)
        running.wait_looked()
        stuck.let_go()
        assert client.response().status == 200
        assert stuck.raised == []


def test_a_request_in_time_is_let_alone(log: Log) -> None:
    """The time is each request's own, not the connection's."""
    with Gate() as gate:

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            gate.pass_through()
            return hello(environ, start_response)

        with engine_on(app, **TIMES) as running, running.client() as client:
            for count in range(1, 4):
                client.send(request())
                gate.wait_entered(count)
                running.engine.advance_clock(TIMEOUT_S - 5)
                running.wait_looked()
                gate.let(1)
                assert client.response().status == 200
    assert [text for text in log.texts() if "request id" in text] == []


# The log


def test_the_log_names_the_request_and_shows_its_stack(log: Log) -> None:
    """Method, target, peer, request id, elapsed, time queued, and where this very thread is; of another
    thread, nothing.
    """
    with Stuck() as stuck:

        def wanted_view() -> None:
            stuck.hang(stuck.hang_in_c)

        def other_view() -> None:
            stuck.hang(stuck.hang_in_c)

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            (wanted_view if environ["PATH_INFO"] == "/wanted" else other_view)()
            return hello(environ, start_response)

        with stuck.engine(app, threads=2, **TIMES) as running:
            with running.client() as client, running.client() as other:
                client.send(request("/wanted?cask=7", method="DELETE"))
                stuck.wait_entered(1)
                running.engine.advance_clock(TIMEOUT_S - 5)
                other.send(request("/other"))
                stuck.wait_entered(2)
                running.engine.advance_clock(6)
                assert client.response().status == 504
                record = log.wait_for("/wanted?cask=7")
                text = told(record)
                assert record.levelname in {"WARNING", "ERROR"}
                for fact in ("DELETE", "/wanted?cask=7", client.local_address, "request id", "queued"):
                    assert fact in text
                assert any(TIMEOUT_S <= number < TIMEOUT_S + 5 for number in seconds_in(text)), text
                assert "in wanted_view" in text
                assert "in hang_in_c" in text
                assert __file__ in text
                assert "in other_view" not in text
                assert [line for line in log.texts() if "/other" in line and "504" in line] == []
                stuck.let_go()


def test_each_timeout_is_one_event(log: Log, stuck: Stuck) -> None:
    """Interruption, return and the answer that nobody wants add no traceback of their own."""
    with stuck.engine(**TIMES) as running, running.client() as client:
        client.send(request("/in-python?once"))
        stuck.wait_entered(1)
        running.engine.advance_clock(TIMEOUT_S + 1)
        assert client.response().status == 504
        stuck.wait_left(1)
        running.wait(lambda now: now.running == 0)
        assert len([text for text in log.texts() if "/in-python?once" in text]) == 1
        assert [text for text in log.texts() if "Traceback" in text] == []


def test_what_the_client_sent_cannot_forge_a_line(log: Log, stuck: Stuck) -> None:
    """Everything logged is escaped (uvicorn CVE-2020-7694)."""
    with stuck.engine(**TIMES) as running, running.client() as client:
        client.send(request("/in-python%0a%1b[31mFORGED", "X-Request-Id: a\tb\x80"))
        stuck.wait_entered(1)
        running.engine.advance_clock(TIMEOUT_S + 1)
        assert client.response().status == 504
        text = told(log.wait_for("/in-python"))
        assert "\x1b" not in text
        assert "\nFORGED" not in text
        assert "\x80" not in text


# The view


def test_the_view_is_interrupted_where_it_is() -> None:
    """`finally` and `except BaseException` see it; `except Exception` does not."""
    seen: list[str] = []
    with Stuck() as stuck:

        def tidy(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            try:
                stuck.hang(stuck.hang_in_python)
            except Exception:
                seen.append("Exception")
            finally:
                seen.append("finally")
            return hello(environ, start_response)

        with stuck.engine(tidy, threads=1, **TIMES) as running, running.client() as client:
            client.send(HANG)
            stuck.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            assert client.response().status == 504
            running.wait(lambda now: now.in_application == 0)
        assert seen == ["finally"]
        assert [type(error) for error in stuck.raised] == [potstill.RequestTimeout]


def test_a_view_that_catches_it_answers_nobody() -> None:
    """The client has its 504; what the view says afterwards goes nowhere, and the server goes on."""
    with Stuck() as stuck:

        def stubborn(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/":
                return hello(environ, start_response)
            try:
                stuck.hang(stuck.hang_in_python)
            except potstill.RequestTimeout:
                start_response("200 OK", [])
            return [b"late"]

        with stuck.engine(stubborn, threads=1, **TIMES) as running, running.client() as client:
            client.send(HANG)
            stuck.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            assert client.response().status == 504
            client.half_close()
            client.expect_end()
            assert running.ask() == b"hello\n"


def test_the_iterable_is_closed() -> None:
    """PEP 3333: `close()` is called however the request ends."""
    with Stuck() as stuck:
        body = Body(b"first", lambda: stuck.hang(stuck.hang_in_python))

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [])
            return body

        with stuck.engine(app, **TIMES) as running, running.client() as client:
            client.send(HANG)
            stuck.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            wait_until(lambda: body.closed == 1, "close() was called")
            with pytest.raises(CutError):
                client.response()


def test_an_exception_never_strikes_the_next_request(stuck: Stuck) -> None:
    """A view that ends while its deadline passes: what was meant for it hits nobody else."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/":
            return hello(environ, start_response)
        return stuck.app(environ, start_response)

    with stuck.engine(app, threads=1, **TIMES) as running:
        for count in range(1, 21):
            with running.client() as client:
                client.send(HANG)
                stuck.wait_entered(count)
                running.engine.advance_clock(TIMEOUT_S + 1)
                assert client.response().status == 504
            assert running.ask() == b"hello\n"
        assert running.now.failures <= 20


# The seat


def test_a_view_in_c_loses_its_seat_after_the_grace(stuck: Stuck) -> None:
    """With one thread: who waits is not served before, and is served afterwards, by a fresh one."""
    with stuck.engine(threads=1, **TIMES) as running:
        with running.client() as client, running.client() as waiting:
            client.send(request("/in-c"))
            stuck.wait_entered(1)
            running.engine.advance_clock(TIMEOUT_S + 1)
            assert client.response().status == 504
            waiting.send(request())
            running.wait(lambda now: now.backlog == 1)
            running.engine.advance_clock(GRACE_S - 2)
            running.wait_looked()
            assert running.now.backlog == 1
            running.engine.advance_clock(3)
            assert waiting.response().body == b"hello\n"
            for _ in range(3):
                assert running.ask() == b"hello\n"
            assert stuck.left == 0, "it hangs still"
            stuck.let_go()


def test_seats_are_replaced_again_and_again(stuck: Stuck) -> None:
    """Four views in a row that never come back; when they do, their threads end: none is left over."""

    def threads() -> int:
        return sum(thread.name.startswith("potstill-") for thread in threading.enumerate())

    with stuck.engine(threads=1, **TIMES) as running:
        running.ask()
        before = threads()
        for count in range(1, 5):
            with running.client() as client:
                client.send(request("/in-c"))
                stuck.wait_entered(count)
                running.engine.advance_clock(TIMEOUT_S + 1)
                assert client.response().status == 504
                running.engine.advance_clock(GRACE_S + 1)
                assert running.ask() == b"hello\n"
        stuck.let_go()
        stuck.wait_left(4)
        wait_until(lambda: threads() == before, f"there are {before} threads again, not {threads()}")
        assert running.ask() == b"hello\n"


def test_a_lost_seat_is_logged(log: Log, stuck: Stuck) -> None:
    """A second event about the same request says that its thread did not come back."""
    with stuck.engine(threads=1, **TIMES) as running, running.client() as client:
        client.send(request("/in-c?lost"))
        stuck.wait_entered(1)
        running.engine.advance_clock(TIMEOUT_S + 1)
        assert client.response().status == 504
        running.engine.advance_clock(GRACE_S + 1)
        assert running.ask() == b"hello\n"
        wait_until(lambda: len([text for text in log.texts() if "/in-c?lost" in text]) == 2)


# Where the server itself waits for the client


def test_a_view_that_waits_for_a_live_body_has_a_deadline() -> None:
    """Its runner is in the server's own code, which must let it go without a grace."""
    ended: list[BaseException] = []

    def reads(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            environ["wsgi.input"].read()
        except BaseException as error:
            ended.append(error)
            raise
        return hello(environ, start_response)

    changes = {**TIMES, "request_buffering": False, "body_timeout_s": 1e6, "min_rate_bytes_s": 0}
    with engine_on(reads, threads=1, **changes) as running, running.client() as client:
        client.send(request("/", "Content-Length: 5", method="PATCH") + b"wa")
        running.wait(lambda now: now.in_application == 1)
        running.engine.advance_clock(TIMEOUT_S + 1)
        assert client.response().status == 504
        running.wait(lambda now: now.in_application == 0)
        assert len(ended) == 1
        assert running.ask(request("/", method="POST", body=b"water")) == b"hello\n"


def test_a_view_that_waits_for_its_client_has_a_deadline() -> None:
    """The spool is full, and the client does not read: the answer is cut, and the runner free."""

    def large(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "30000000")])
        for _ in range(300):
            yield bytes(100_000)

    limits = {"response_memory_bytes": 100_000, "response_spool_bytes": 100_000, "write_timeout_s": 1e6}
    changes = {**TIMES, **limits, "min_rate_bytes_s": 0}
    with engine_on(large, threads=1, **changes) as running, running.client() as client:
        client.send(request())
        running.wait(lambda now: now.in_application == 1)
        running.wait_looked()
        running.engine.advance_clock(TIMEOUT_S + 1)
        running.wait(lambda now: now.in_application == 0)
        with pytest.raises(CutError):
            client.response()


# environ["potstill.deadline"]


def deadline_app(stuck: Stuck, seen: list[Any], lower_to_s: float | None = None) -> Any:
    """Notes the deadline, sets one so far from now if it is told to, and hangs."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append((environ["potstill.deadline"], time.monotonic()))
        if lower_to_s is not None:
            environ["potstill.deadline"] = time.monotonic() + lower_to_s
        return stuck.app(environ, start_response)

    return app


def test_the_deadline_is_in_environ(stuck: Stuck) -> None:
    """Monotonic time, as time.monotonic() has it; None where there is none."""
    seen: list[Any] = []
    stuck.let_go()
    with stuck.engine(deadline_app(stuck, seen), **TIMES) as running:
        running.ask()
    with stuck.engine(deadline_app(stuck, seen), request_timeout_s=0.0) as running:
        running.ask()
    (deadline, now), (none, _) = seen
    assert type(deadline) is float
    assert now + TIMEOUT_S - 5 < deadline <= now + TIMEOUT_S
    assert none is None


@pytest.mark.parametrize("timeout_s", [0.0, TIMEOUT_S])
def test_an_application_lowers_its_own_deadline(stuck: Stuck, timeout_s: float) -> None:
    """Also where the server has none."""
    app = deadline_app(stuck, [], lower_to_s=2.0)
    with stuck.engine(app, request_timeout_s=timeout_s, interrupt_grace_s=5.0) as running:
        with running.client() as client:
            client.send(HANG)
            stuck.wait_entered(1)
            running.engine.advance_clock(3)
            assert client.response().status == 504
            stuck.wait_left(1)


@pytest.mark.parametrize("value", [1e9, float("inf"), float("nan"), "soon", None], ids=str)
def test_nothing_raises_the_deadline(stuck: Stuck, value: Any) -> None:
    """It can be lowered; a later time, or what is no time at all, leaves the server's own in force."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["potstill.deadline"] = value
        return stuck.app(environ, start_response)

    with stuck.engine(app, **TIMES) as running, running.client() as client:
        client.send(HANG)
        stuck.wait_entered(1)
        running.engine.advance_clock(TIMEOUT_S - 1)
        running.wait_looked()
        assert running.now.in_application == 1
        running.engine.advance_clock(2)
        assert client.response().status == 504


def test_a_deadline_in_the_past_ends_the_request_now(stuck: Stuck) -> None:
    app = deadline_app(stuck, [], lower_to_s=-1.0)
    with stuck.engine(app, **TIMES) as running, running.client() as client:
        client.send(HANG)
        assert client.response().status == 504


def test_time_in_the_backlog_is_told_apart(log: Log, stuck: Stuck) -> None:
    """`queued` says how long the request waited for a seat."""
    with Gate() as gate:

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/first":
                gate.pass_through()
            return stuck.app(environ, start_response)

        with stuck.engine(app, threads=1, **TIMES) as running:
            with running.client() as first, running.client() as second:
                first.send(request("/first"))
                gate.wait_entered(1)
                second.send(request("/in-python?second"))
                running.wait(lambda now: now.backlog == 1)
                running.engine.advance_clock(17)
                gate.open()
                assert first.response().status == 200
                stuck.wait_entered(1)
                running.engine.advance_clock(TIMEOUT_S + 1)
                assert second.response().status == 504
                text = told(log.wait_for("/in-python?second"))
                assert any(17 <= number < 20 for number in seconds_in(text)), text
