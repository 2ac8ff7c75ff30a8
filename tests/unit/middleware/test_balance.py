"""Several applications as one: who is asked, who is asked next, and what the client is told when nobody
answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from potstill.middleware.balance import Balance
from potstill.middleware.balance_checks import HealthCheck
from potstill.middleware.upstream import RequestRefused, UpstreamError
from potstill.middleware.upstream_body import Attempt
from tests.support.engine import wait_until
from tests.support.upstream import WAIT_S, ask, environ_of

Environ = dict[str, Any]


class Remote:
    """A member that can be asked again: answers its name, or raises what it was given."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.__name__ = name
        self.error = error
        self.asked = 0
        self.closed = False

    def forward(
        self, environ: Environ, start_response: Callable[..., Any], attempt: Attempt
    ) -> Iterable[bytes]:
        self.asked += 1
        for _ in attempt.body.blocks():
            pass
        if self.error is not None:
            raise self.error
        return self(environ, start_response)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [self.__name__.encode()]

    def close(self) -> None:
        self.closed = True


DEAD = UpstreamError(503, "nobody there", unsent=True)
SILENT = UpstreamError(504, "too slow", unanswered=True)
HALF = UpstreamError(502, "half an answer")


def test_a_dead_member_costs_a_try_and_not_a_request() -> None:
    """And after the first try it is not even asked."""
    dead, well = Remote("dead", DEAD), Remote("well")
    balance = Balance([dead, well])
    assert [ask(balance, "POST", body=b"x").body for _ in range(6)] == [b"well"] * 6
    assert dead.asked == 1


@pytest.mark.parametrize(
    ("method", "error", "status"),
    [
        ("GET", DEAD, 200),
        ("GET", SILENT, 200),
        ("GET", HALF, 502),
        ("POST", DEAD, 200),
        ("POST", SILENT, 504),
        ("POST", HALF, 502),
    ],
)
def test_what_may_be_asked_again_is(method: str, error: UpstreamError, status: int) -> None:
    """RFC 9110 section 9.2.2: whatever was not sent; what was not answered, if it is idempotent; nothing
    else.
    """
    other = Remote("other")
    assert ask(Balance([Remote("bad", error), other]), method, body=b"x").status == status
    assert other.asked == (status == 200)


def test_a_body_that_is_gone_is_not_sent_again() -> None:
    other = Remote("other")
    answer = ask(Balance([Remote("bad", DEAD), other]), "PUT", body=b"x" * 100_000)
    assert (answer.status, other.asked) == (503, 0)


def test_tries_are_limited() -> None:
    dead = [Remote(str(number), DEAD) for number in range(5)]
    assert ask(Balance(dead, tries=2)).status == 503
    assert sum(one.asked for one in dead) == 2


def test_when_nobody_is_well_everybody_is_asked_all_the_same() -> None:
    """An error is no better than an attempt, and the servers may be back."""
    members = [Remote("a", DEAD), Remote("b", DEAD)]
    balance = Balance(members)
    answer = ask(balance)
    assert (answer.status, answer.get("Retry-After")) == (503, "1")
    members[0].error = None
    assert ask(balance).body == b"a"
    assert ask(Balance([])).status == 503


def test_the_last_failure_is_what_the_client_is_told() -> None:
    assert ask(Balance([Remote("a", DEAD), Remote("b", SILENT)])).status == 504
    assert ask(Balance([Remote("a", SILENT), Remote("b", DEAD)])).status == 503


def test_total_time_ends_the_tries() -> None:
    class Slow(Remote):
        def forward(self, environ: Environ, start_response: Any, attempt: Attempt) -> Iterable[bytes]:
            attempt.deadline = 0.0
            assert not late.wait(0.02)
            return super().forward(environ, start_response, attempt)

    late = threading.Event()
    members = [Slow("a", SILENT), Remote("b")]
    balance = Balance(members, total_timeout_s=0.01)
    assert ask(balance).status == 504
    assert members[1].asked == 0


def test_a_request_that_is_refused_is_nobodys_failure() -> None:
    balance = Balance([Remote("a", RequestRefused(400, "no")), Remote("b")])
    assert ask(balance).status == 400
    assert [one.failures for one in balance.statistics()] == [0, 0]


def test_local_applications_get_their_share() -> None:
    def a(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"a"]

    def b(environ: Environ, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        assert callable(write)
        yield b"b"

    balance = Balance([a, b], weights=[2, 1])
    assert sorted(ask(balance).body for _ in range(6)) == [b"a"] * 4 + [b"b"] * 2
    assert [one.name for one in balance.statistics()] == ["1 a", "2 b"]


def test_what_an_application_raises_passes_through() -> None:
    """It is a mistake in the application and says nothing about a server; nobody else is asked."""

    def broken(environ: Environ, start_response: Any) -> list[bytes]:
        raise LookupError("mine")

    balance = Balance([broken, Remote("b")])
    with pytest.raises(LookupError, match="mine"):
        ask(balance)
    assert [(one.in_flight, one.failures) for one in balance.statistics()] == [(0, 0), (0, 0)]


def test_stop_iteration_passes_through() -> None:
    """So says an application that it has taken the connection over (gunicorn.socket)."""
    balance = Balance([Remote("a", StopIteration())])
    with pytest.raises(StopIteration):
        balance(environ_of(), lambda status, headers: None)
    assert balance.statistics()[0].in_flight == 0


class Body:
    """An iterable that says whether it was closed, and may break off."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self.parts = list(parts)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part

    def close(self) -> None:
        self.closed += 1


def streaming(body: Body) -> Any:
    def application(environ: Environ, start_response: Any) -> Body:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    return application


def test_a_member_is_busy_until_its_answer_is_closed() -> None:
    body = Body(b"a", b"b")
    balance = Balance([streaming(body)])
    answer = balance(environ_of(), lambda status, headers: None)
    assert b"".join(answer) == b"ab"
    assert balance.statistics()[0].in_flight == 1
    answer.close()  # type: ignore[attr-defined]
    assert (balance.statistics()[0].in_flight, body.closed) == (0, 1)
    answer.close()  # type: ignore[attr-defined]
    assert balance.statistics()[0].in_flight == 0


def test_an_answer_that_breaks_off_is_a_failure() -> None:
    body = Body(b"a", HALF)
    balance = Balance([streaming(body)], failures_max=1)
    answer = ask(balance)
    assert (answer.body, answer.error, body.closed) == (b"a", HALF, 1)
    now = balance.statistics()[0]
    assert (now.failures, now.available, now.in_flight) == (1, False, 0)


def test_a_key_stays_with_its_member_while_that_is_well() -> None:
    members = [Remote(name) for name in "abc"]
    balance = Balance(members, policy="hash", key="header:X-User")
    first = ask(balance, HTTP_X_USER="eve").body
    assert {ask(balance, HTTP_X_USER="eve").body for _ in range(9)} == {first}
    home = members["abc".index(first.decode())]
    home.error = DEAD
    second = {ask(balance, HTTP_X_USER="eve").body for _ in range(9)}
    assert len(second) == 1
    assert second != {first}
    assert len({ask(balance, HTTP_X_USER=str(number)).body for number in range(50)}) == 2


def test_members_can_be_replaced() -> None:
    """Who stays keeps its state; who goes is closed."""
    a, b, c = Remote("a", DEAD), Remote("b"), Remote("c")
    balance = Balance([a, b])
    ask(balance)
    balance.replace([a, c], [1, 5])
    a_now, c_now = balance.statistics()
    assert (a_now.available, a_now.failures, c_now.weight, c_now.requests) == (False, 1, 5, 0)
    assert (a.closed, b.closed) == (False, True)
    assert ask(balance).body == b"c"
    balance.close()
    assert a.closed
    assert c.closed


def test_active_checks() -> None:
    """They start with the first request, take a member out before a request has to find out, and put it
    back.
    """
    a, b = Remote("a"), Remote("b")
    balance = Balance([a, b], check=HealthCheck(interval_s=0.005, rise=1, fall=1))
    a.error = HALF
    assert a.asked == b.asked == 0
    ask(balance)
    wait_until(lambda: balance.statistics()[0].down)
    assert {ask(balance).body for _ in range(5)} == {b"b"}
    a.error = None
    wait_until(lambda: not balance.statistics()[0].down)
    wait_until(lambda: ask(balance).body == b"a")
    balance.close()


def test_the_figures_are_right_under_many_threads() -> None:
    body = [b"x"]
    lock = threading.Lock()
    seen: dict[str, int] = {}

    def member(name: str) -> Any:
        def application(environ: Environ, start_response: Any) -> list[bytes]:
            with lock:
                seen[name] = seen.get(name, 0) + 1
            start_response("200 OK", [("Content-Type", "text/plain")])
            return body

        return application

    balance = Balance([member("a"), member("b"), member("c")], policy="least-connections")
    threads = [threading.Thread(target=lambda: [ask(balance) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    now = balance.statistics()
    assert [one.in_flight for one in now] == [0, 0, 0]
    assert [one.requests for one in now] == [seen["a"], seen["b"], seen["c"]]
    assert sum(one.requests for one in now) == 400


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "random"},
        {"key": "ip"},
        {"tries": 0},
        {"total_timeout_s": 0},
        {"failures_max": 0},
        {"eject_s": -1},
        {"slow_start_s": -1},
        {"weights": [1, 2]},
        {"weights": [0]},
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Balance([Remote("a")], **options)
    with pytest.raises(TypeError, match="unexpected keyword argument 'sticky'"):
        Balance([Remote("a")], sticky=True)
