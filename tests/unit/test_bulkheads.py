"""The `threads` of routes, on the engine: who is one too many waits in the backlog, without a thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from potstill.assemble.site_tables import read_sites
from potstill.assemble.sites import assemble
from potstill.middleware import Bulkhead
from potstill.settings import Settings
from tests.support.engine import Environ, Gate, Running, StartResponse, engine_on, hello, request, wait_until
from tests.support.wire import Client


class Slow:
    """/slow… waits at the gate; how many are inside at a time is remembered."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.inside = self.most = 0
        self.order: list[str] = []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["SCRIPT_NAME"] == "/slow":
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(environ["PATH_INFO"])
            try:
                self.gate.pass_through()
            finally:
                self.inside -= 1
        return hello(environ, start_response)


@contextmanager
def sites_on(app: Slow, routes: dict[str, Any], **changes: Any) -> Iterator[Running]:
    sites = read_sites([{"routes": routes}], lambda path: "site")
    settings = Settings(sites=sites, **changes)
    with app.gate, engine_on(assemble(settings, app), threads=4) as running:
        yield running


def sent(stack: ExitStack, running: Running, *targets: str) -> list[Client]:
    """A client for each target, which come one after the other."""
    clients = []
    for target in targets:
        before = running.now.held + running.now.in_application
        client = stack.enter_context(running.client())
        client.send(request(target))
        running.wait(lambda now, before=before: now.held + now.in_application > before)
        clients.append(client)
    return clients


def test_one_too_many_waits_without_a_thread() -> None:
    """In order; the other routes have all other threads meanwhile."""
    app = Slow()
    with sites_on(app, ROUTES) as running, ExitStack() as stack:
        clients = sent(stack, running, *(f"/slow/{number}" for number in range(8)))
        assert (running.now.held, running.now.in_application) == (7, 1)
        for _ in range(20):
            assert running.ask(request("/")) == b"hello\n"
        for number, client in enumerate(clients):
            app.gate.let(1)
            assert client.response().body == b"hello\n"
            assert app.order[: number + 1] == [f"/{each}" for each in range(number + 1)]
        assert app.most == 1
        assert running.now.held == 0


ROUTES: dict[str, Any] = {"/slow": {"app": "(given):application", "threads": 1}}


def test_a_client_that_leaves_hands_its_turn_on() -> None:
    """Whether it leaves before its turn or just after."""
    app = Slow()
    with sites_on(app, ROUTES) as running, ExitStack() as stack:
        clients = sent(stack, running, *(f"/slow/{number}" for number in range(4)))
        clients[1].reset()
        clients[2].reset()
        running.wait_looked()
        app.gate.open()
        assert clients[0].response().body == b"hello\n"
        assert clients[3].response().body == b"hello\n"
        running.wait(lambda now: now.connections == 2)
        assert running.ask(request("/slow/9")) == b"hello\n"


def test_the_rate_counts_who_has_waited_once() -> None:
    app = Slow()
    routes = {"/slow": {"app": "(given):application", "threads": 1, "rate": "3/h"}}
    with sites_on(app, routes) as running, ExitStack() as stack:
        clients = sent(stack, running, "/slow/0", "/slow/1", "/slow/2")
        app.gate.open()
        assert [client.response().status for client in clients] == [200] * 3
        with running.client() as fourth:
            fourth.send(request("/slow"))
            assert fourth.response().status == 429


def test_without_a_backlog_of_the_server_it_is_refused() -> None:
    """As under another server."""
    app = Slow()

    def elsewhere(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ.pop("potstill.postpone")
        environ["SCRIPT_NAME"] = "/slow"
        return bulkhead(environ, start_response)

    bulkhead = Bulkhead(app, 1, backlog=True)
    with app.gate, engine_on(elsewhere, threads=4) as running, running.client() as first:
        first.send(request("/"))
        app.gate.wait_entered(1)
        with running.client() as second:
            second.send(request("/"))
            answer = second.response()
        assert (answer.status, answer.get("Retry-After")) == (503, "1")
        app.gate.open()
        assert first.response().status == 200
        wait_until(lambda: bulkhead.inside == 0)


@pytest.mark.parametrize("host", ["a.example", "b.example"])
def test_each_site_has_its_own(host: str) -> None:
    """And a site without a route for a path does not take another's place."""
    app = Slow()
    tables = [
        {"host": "a.example", "routes": ROUTES},
        {"host": "b.example", "routes": {"/slow": {"app": "(given):application"}}},
    ]
    settings = Settings(sites=read_sites(tables, lambda path: "site"))
    with app.gate, engine_on(assemble(settings, app), threads=4) as running, ExitStack() as stack:
        for _ in range(2):
            client = stack.enter_context(running.client())
            client.send(b"GET /slow HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
        running.wait(lambda now: now.held + now.in_application == 2)
        assert running.now.held == (host == "a.example")
        app.gate.open()
