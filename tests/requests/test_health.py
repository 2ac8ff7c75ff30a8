"""--health-path and --ready-path: answered by whoever does the I/O, never by a runner, so never queued."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.requests.stuck import Stuck
from tests.support.engine import WAIT_S, Environ, Running, StartResponse, engine_on, hello, request
from tests.support.wire import Client, Response

LIVE, READY = "/-/live", "/-/ready"
PATHS: dict[str, Any] = {"health_path": LIVE, "ready_path": READY}
both = pytest.mark.parametrize("path", [LIVE, READY])


@contextmanager
def all_stuck(stuck: Stuck, threads: int = 1, **changes: Any) -> Iterator[tuple[Running, ExitStack]]:
    """An engine whose every runner hangs in C code."""
    with stuck.engine(threads=threads, **{**PATHS, **changes}) as running, ExitStack() as stack:
        for _ in range(threads):
            stack.enter_context(running.client()).send(request("/in-c"))
        stuck.wait_entered(threads)
        stack.callback(stuck.let_go)
        yield running, stack


def ask(running: Running, path: str, *fields: str, method: str = "GET", version: str = "1.1") -> Response:
    with running.client() as client:
        client.send(request(path, *fields, method=method, version=version))
        return client.response(head=method == "HEAD")


def queue(running: Running, stack: ExitStack, count: int) -> list[Client]:
    """So many more requests in the backlog."""
    clients = [stack.enter_context(running.client()) for _ in range(count)]
    for client in clients:
        client.send(request())
    running.wait(lambda now: now.backlog >= count)
    return clients


def check_health(response: Response, status: int = 200) -> dict[str, Any]:
    """Status, type and body; the numbers."""
    assert response.status == status, response
    assert (response.get("content-type") or "").partition(";")[0] == "application/json"
    told = json.loads(response.body)
    assert isinstance(told, dict)
    assert any(type(value) in (int, float) for value in told.values()), told
    return told


def number(told: dict[str, Any], word: str) -> list[Any]:
    """The numbers whose names have this word."""
    found = [value for name, value in told.items() if word in name and type(value) in (int, float)]
    assert found, f"no number named {word}: {told}"
    return found


@both
@pytest.mark.parametrize("threads", [1, 3])
def test_it_is_answered_while_every_runner_hangs(stuck: Stuck, path: str, threads: int) -> None:
    """And while requests stand in the backlog; again and again, on one connection and on new ones."""
    with all_stuck(stuck, threads) as (running, stack):
        queue(running, stack, 5)
        with running.client() as client:
            for _ in range(20):
                client.send(request(path))
                check_health(client.response())
        for _ in range(5):
            check_health(ask(running, path))
        assert running.now.backlog == 5


@both
def test_the_body_has_the_numbers(stuck: Stuck, path: str) -> None:
    """Among them how many requests are in the application and in the backlog."""
    with all_stuck(stuck, 2) as (running, stack):
        queue(running, stack, 3)
        told = check_health(ask(running, path))
        assert 3 in number(told, "backlog")
        assert number(told, "in_application") == [2], "the probe itself is not in the application"


@both
@pytest.mark.parametrize(
    ("method", "version", "target"),
    [("GET", "1.1", "?probe=7"), ("HEAD", "1.1", ""), ("GET", "1.0", "")],
    ids=["query", "HEAD", "1.0"],
)
def test_it_is_answered_to_every_prober(path: str, method: str, version: str, target: str) -> None:
    """A query is no other path; HEAD has no body; many probers speak HTTP/1.0."""
    with engine_on(hello, **PATHS) as running:
        answer = ask(running, path + target, method=method, version=version)
        assert answer.status == 200
        assert (answer.body == b"") == (method == "HEAD")
        assert (answer.get("content-type") or "").startswith("application/json")


@both
def test_the_application_never_sees_it(path: str) -> None:
    seen: list[str] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ["PATH_INFO"])
        return hello(environ, start_response)

    with engine_on(app, **PATHS) as running:
        check_health(ask(running, path))
        for other in (f"{path}/", f"{path}x", path[:-1], f"/x{path}"):
            assert ask(running, other).body == b"hello\n"
    assert path not in seen
    assert len(seen) == 4


@both
def test_it_is_off_unless_it_is_set(path: str) -> None:
    with engine_on(hello, health_path="", ready_path="") as running:
        assert ask(running, path).body == b"hello\n"


def test_any_path_will_do() -> None:
    with engine_on(hello, health_path="/healthz", ready_path="") as running:
        check_health(ask(running, "/healthz"))
        assert ask(running, READY).body == b"hello\n"


@both
def test_a_pipelined_probe_waits_its_turn_only(stuck: Stuck, path: str) -> None:
    """Between two ordinary requests, in order."""
    with engine_on(hello, **PATHS) as running, running.client() as client:
        client.send(request("/a") + request(path) + request("/b"))
        assert client.response().body == b"hello\n"
        check_health(client.response())
        assert client.response().body == b"hello\n"


@both
def test_a_bad_request_to_it_is_refused_as_any_other(path: str) -> None:
    with engine_on(hello, **PATHS) as running, running.client() as client:
        client.send(request(path, "Host: another"))
        assert client.response().status == 400


@both
def test_an_engine_that_slept_for_an_hour_is_well(path: str) -> None:
    """Nobody took the GIL meanwhile, because there was nothing to do."""
    with engine_on(hello, **PATHS) as running:
        running.ask()
        running.wait_idle()
        running.engine.advance_clock(3600)
        check_health(ask(running, path))


def test_while_draining_it_is_live_and_not_ready(stuck: Stuck) -> None:
    """Asked by connections whose heads had begun before: no new ones are taken."""
    with all_stuck(stuck) as (running, stack):
        clients = {}
        for path in (LIVE, READY):
            clients[path] = stack.enter_context(running.client())
            clients[path].send(request(path)[:-2])
        sent = len(request("/in-c")) + sum(len(request(path)) - 2 for path in clients)
        running.wait(lambda now: now.octets_received >= sent)
        running.engine.drain()
        for client in clients.values():
            client.send(b"\r\n")
        check_health(clients[LIVE].response())
        check_health(clients[READY].response(), 503)
        stuck.let_go()
        assert running.engine.wait_drained(WAIT_S)


def test_with_a_full_backlog_it_is_live_and_not_ready(stuck: Stuck) -> None:
    """Until there is room again."""
    with all_stuck(stuck, backlog_limit=2) as (running, stack):
        check_health(ask(running, READY))
        clients = queue(running, stack, 2)
        check_health(ask(running, LIVE))
        told = check_health(ask(running, READY), 503)
        assert 2 in number(told, "backlog")
        stuck.let_go()
        assert [client.response().status for client in clients] == [200, 200]
        running.wait(lambda now: now.backlog == 0 and now.running == 0)
        check_health(ask(running, READY))


@both
def test_probes_take_no_place_in_the_queue(stuck: Stuck, path: str) -> None:
    """Nor are they turned away when it is full."""
    with all_stuck(stuck, backlog_limit=1, queue_timeout_s=5.0) as (running, stack):
        queue(running, stack, 1)
        ask(running, path)
        assert running.now.backlog == 1
        assert running.now.refused == {}
