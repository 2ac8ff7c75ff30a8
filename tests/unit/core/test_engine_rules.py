"""The rules by which few threads serve many connections, each with real threads and sockets
(docs/ARCHITECTURE.md).

N is the number of runner seats; there is one thread more. A view blocks at a Gate, which the test opens;
nothing sleeps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import pytest

from potstill.core.engine import EngineStatistics
from tests.support.engine import (
    GET,
    WAIT_S,
    Environ,
    Running,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)
from tests.support.wire import Client
from tests.unit.core.views import BLOCK, Views, answered, block

SEATS = [1, 2, 4]


# Rules 5 and 6: blocked runners are replaced, and I/O never starves


@pytest.mark.parametrize("seats", SEATS)
def test_a_blocked_runner_is_replaced(views: Views, seats: int) -> None:
    """As long as there are seats: with N - 1 of them blocked, others are answered."""
    with engine_on(views, threads=seats) as running, ExitStack() as stack:
        blocked = block(running, views, stack, seats - 1)
        with running.client() as client:
            for _ in range(50):
                client.send(GET)
                answered(client)
        views.gate.open()
        answered(*blocked)


@pytest.mark.parametrize("seats", SEATS)
def test_all_seats_can_be_taken_and_not_one_more(views: Views, seats: int) -> None:
    with engine_on(views, threads=seats) as running, ExitStack() as stack:
        clients = [stack.enter_context(running.client()) for _ in range(seats + 3)]
        for client in clients:
            client.send(BLOCK)
        views.gate.wait_entered(seats)
        running.wait(lambda now: now.backlog == 3)
        now = running.now
        assert (now.in_application, now.running, now.awake) == (seats, seats, seats + 1)
        assert views.gate.entered == seats
        views.gate.open()
        answered(*clients)


@pytest.mark.parametrize("seats", SEATS)
def test_with_all_seats_taken_all_else_goes_on(views: Views, seats: int) -> None:
    """The one thread more accepts, reads, parses, refuses, writes and keeps time."""
    with engine_on(views, threads=seats, response_memory_bytes=1 << 30) as running, ExitStack() as stack:
        blocked = block(running, views, stack, seats)
        # A request is accepted, parsed and queued; a bad one is refused.
        queued = stack.enter_context(running.client())
        queued.send(request("/", method="POST", body=bytes(300_000)))
        running.wait(lambda now: now.backlog == 1)
        refused = stack.enter_context(running.client())
        refused.send(b"nonsense\r\n\r\n")
        assert refused.response().status == 400
        # One that asks first is told to go on; one that stops is told that its time is up; idle ones are
        # closed.
        expecting = stack.enter_context(running.client())
        expecting.send(request("/", "Expect: 100-continue", "Content-Length: 5", method="GET"))
        assert expecting.interim().status == 100
        late = stack.enter_context(running.client())
        late.send(GET[:10])
        running.wait(lambda now: now.connections == seats + 4 and now.ready == 0)
        wait_until(lambda: late_is_told(running, late), "the clock is kept")
        assert running.now.running == seats
        views.gate.open()
        answered(*blocked, queued)


def late_is_told(running: Running, late: Client) -> bool:
    """Whether time passes for a client that is late with its head."""
    running.engine.advance_clock(10)
    return running.now.refused.get("header-timeout") == 1


def test_what_a_slow_client_has_not_taken_leaves_with_all_seats_taken(views: Views) -> None:
    """Rule 8: the runner left when the answer was made; whoever sees the socket writable goes on."""
    body = bytes(9_000_000)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/large":
            start_response("200 OK", [])
            return [body]
        return views(environ, start_response)

    with engine_on(application, threads=1, response_memory_bytes=1 << 30) as running, ExitStack() as stack:
        slow = stack.enter_context(running.client())
        slow.send(request("/large"))
        running.wait(lambda now: now.requests == 1 and now.running == 0)
        blocked = block(running, views, stack, 1)
        assert slow.response().body == body
        views.gate.open()
        answered(*blocked)


# The backlog


def test_the_backlog_is_first_in_first_out(views: Views) -> None:
    with engine_on(views, threads=1) as running, ExitStack() as stack:
        blocked = block(running, views, stack, 1)
        waiting = []
        for number in range(10):
            client = stack.enter_context(running.client())
            client.send(request(f"/{number}"))
            running.wait(lambda now, number=number: now.backlog == number + 1)  # type: ignore[misc]
            waiting.append(client)
        views.gate.open()
        answered(*blocked, *waiting)
        assert views.order == ["/block", *(f"/{number}" for number in range(10))]


def test_a_freed_runner_takes_from_the_backlog_before_anything_new(views: Views) -> None:
    """Also before the next request of the connection that it has just answered."""
    with engine_on(views, threads=1) as running, ExitStack() as stack:
        burst = stack.enter_context(running.client())
        burst.send(BLOCK + request("/second"))
        views.gate.wait_entered(1)
        other = stack.enter_context(running.client())
        other.send(request("/other"))
        running.wait(lambda now: now.backlog == 1)
        views.gate.open()
        answered(burst, burst, other)
        assert views.order == ["/block", "/other", "/second"]


def test_a_client_that_leaves_the_backlog_harms_nobody(views: Views) -> None:
    with engine_on(views, threads=1) as running, ExitStack() as stack:
        blocked = block(running, views, stack, 1)
        for count, leave in enumerate((Client.close, Client.reset, Client.half_close), 1):
            client = stack.enter_context(running.client())
            client.send(GET)
            running.wait(lambda now, count=count: now.backlog == count)  # type: ignore[misc]
            leave(client)
        views.gate.open()
        answered(*blocked, client)
        client.expect_end()
        running.wait_idle(1)


# Rule 7: the application sees whole requests


@pytest.mark.parametrize("seats", [1, 4])
def test_clients_that_stall_hold_no_runner(views: Views, seats: int) -> None:
    """N and more in their heads, and as many in their bodies: no seat is taken, nothing is started."""
    post = request("/", method="POST", body=bytes(100))
    with engine_on(views, threads=seats) as running, ExitStack() as stack:
        stalled = [stack.enter_context(running.client()) for _ in range(6 * seats)]
        for number, client in enumerate(stalled):
            client.send((GET[:15], post[:-1], post[:-100])[number % 3])
        running.wait_idle(6 * seats)
        assert running.now.requests == 0
        with running.client() as client:
            for _ in range(20):
                client.send(GET)
                answered(client)
        running.wait_idle(6 * seats)
        assert len(views.order) == 20
        for number, client in enumerate(stalled):
            client.send((GET[15:], post[-1:], post[-100:])[number % 3])
        answered(*stalled)


# Bursts


def test_a_burst_on_one_connection_keeps_its_order_and_its_turn(views: Views) -> None:
    """One pipelined request at a time; whoever else asks meanwhile comes in between."""
    asked = threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/burst/10":
            begun.set()
            assert asked.wait(WAIT_S)
        return views(environ, start_response)

    begun = threading.Event()
    burst = [f"/burst/{number}" for number in range(1000)]
    with engine_on(application, threads=1) as running, running.client() as first, running.client() as second:
        first.send(b"".join(request(target) for target in burst))
        assert begun.wait(WAIT_S)
        second.send(request("/other"))
        asked.set()
        answered(second, *[first] * len(burst))
        assert [target for target in views.order if target != "/other"] == burst
        # It was in its socket at the latest when number 10 was answered. The poller is asked once a
        # millisecond.
        assert views.order.index("/other") < 900


def test_many_bursts_share(views: Views) -> None:
    """Each client has its first answer long before any has its last."""
    count, clients_count = 200, 8
    with engine_on(views, threads=2) as running, ExitStack() as stack:
        blocked = block(running, views, stack, 2)
        clients = [stack.enter_context(running.client()) for _ in range(clients_count)]
        for number, client in enumerate(clients):
            client.send(b"".join(request(f"/{number}") for _ in range(count)))
        running.wait(lambda now: now.backlog == clients_count)
        views.gate.open()
        answered(*blocked)
        for client in clients:
            answered(*[client] * count)
        order = [target for target in views.order if target != "/block"]
        last_of_the_first = min(
            max(at for at, each in enumerate(order) if each == f"/{n}") for n in range(clients_count)
        )
        first_of_the_last = max(order.index(f"/{n}") for n in range(clients_count))
        assert first_of_the_last < last_of_the_first


# Rule 5: the target


def test_one_thread_is_enough_while_nothing_blocks(views: Views) -> None:
    with engine_on(views, threads=8) as running, running.client() as client:
        for _ in range(300):
            client.send(GET)
            answered(client)
        running.wait_idle(1)
        assert running.now.target <= 2  # a busy machine may have made one request look blocked


def test_the_target_rises_with_blocked_runners_and_never_beyond_the_threads(views: Views) -> None:
    seats = 6
    with engine_on(views, threads=seats) as running, ExitStack() as stack:
        for count in range(1, seats + 1):
            block(running, views, stack, 1)
            assert running.now.target >= count
        waiting = stack.enter_context(running.client())
        waiting.send(GET)
        running.wait(lambda now: now.backlog == 1)
        assert (running.now.target, running.now.awake) == (seats + 1, seats + 1)
        views.gate.open()
        answered(waiting)


@pytest.mark.slow
def test_the_target_falls_when_the_interpreter_is_the_limit(views: Views) -> None:
    """Computing views: more threads would only fight for the GIL."""
    with engine_on(views, threads=8) as running, ExitStack() as stack:
        blocked = block(running, views, stack, 6)
        views.gate.let(6)
        answered(*blocked)
        assert running.now.target >= 6
        spinning = [stack.enter_context(running.client()) for _ in range(4)]
        for client in spinning:
            client.send(request("/spin"))
        until = time.monotonic() + WAIT_S
        fallen = False
        while not fallen and time.monotonic() < until:
            for client in spinning:
                answered(client)
                client.send(request("/spin"))
            fallen = running.now.target <= 2
        assert fallen


def watching(running: Running, ended: threading.Event, seen: list[EngineStatistics]) -> Callable[[], None]:
    """Keep every state in which a number is out of its bounds."""

    def watch() -> None:
        seats = running.engine.options.threads
        while not ended.is_set():
            now = running.now
            if not (
                0 <= now.running <= seats and 1 <= now.awake <= seats + 1 and 1 <= now.target <= seats + 1
            ):
                seen.append(now)
            if now.in_application > seats:
                seen.append(now)
            ended.wait(0.0005)

    return watch


@pytest.mark.parametrize("seats", SEATS)
def test_never_more_runners_than_seats_nor_threads_awake_than_there_are(views: Views, seats: int) -> None:
    """Looked at all the while that blocking and quick requests come and go."""
    ended, seen = threading.Event(), list[EngineStatistics]()
    inside, most = 0, 0
    lock = threading.Lock()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        try:
            return views(environ, start_response)
        finally:
            with lock:
                inside -= 1

    with engine_on(application, threads=seats) as running, ExitStack() as stack:
        watcher = threading.Thread(target=watching(running, ended, seen))
        watcher.start()
        try:
            for _ in range(5):
                blocking = [stack.enter_context(running.client()) for _ in range(2 * seats)]
                quick = [stack.enter_context(running.client()) for _ in range(10)]
                for client in (*blocking, *quick):
                    client.send(BLOCK if client in blocking else GET * 5)
                running.wait(lambda now: now.in_application == seats)
                views.gate.let(2 * seats)
                answered(*blocking)
                for client in quick:
                    answered(*[client] * 5)
        finally:
            ended.set()
            watcher.join(WAIT_S)
    assert seen == []
    assert most == seats


# Views that do other things with their thread


def test_a_view_may_ask_its_own_server(views: Views) -> None:
    """Another runner answers it: with two seats there is no deadlock."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/outer":
            assert running.ask() == b"hello\n"
        return hello(environ, start_response)

    with engine_on(application, threads=2) as running:
        for _ in range(20):
            assert running.ask(request("/outer")) == b"hello\n"


def test_a_computing_thread_of_the_program_does_not_keep_runners_away(views: Views) -> None:
    """The processor is busy, and not with the runners: those that are blocked are replaced all the same."""
    ended = threading.Event()

    def compute() -> None:
        while not ended.is_set():
            sum(range(2000))

    computing = threading.Thread(target=compute)
    computing.start()
    try:
        with engine_on(views, threads=6) as running, ExitStack() as stack:
            blocked = block(running, views, stack, 6)
            views.gate.open()
            answered(*blocked)
    finally:
        ended.set()
        computing.join(WAIT_S)
