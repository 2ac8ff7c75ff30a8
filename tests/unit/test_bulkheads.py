"""The `threads` of routes, on the engine: who is one too many waits in the backlog, without a thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from potstill.assemble.site_tables import read_sites
from potstill.assemble.sites import assemble
from potstill.middleware import Afresh, Bulkhead
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

    bulkhead = Bulkhead(app, 1, backlog=9)
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


def test_the_line_is_bounded() -> None:
    """By the route's `queue`; others are refused at once, and the other routes go on."""
    app = Slow()
    routes = {"/slow": {"app": "(given):application", "threads": 1, "queue": 2}}
    with sites_on(app, routes) as running, ExitStack() as stack:
        clients = sent(stack, running, "/slow/0", "/slow/1", "/slow/2")
        with running.client() as fourth:
            fourth.send(request("/slow/3"))
            assert fourth.response().status == 503
        assert running.ask(request("/")) == b"hello\n"
        app.gate.open()
        assert [client.response().status for client in clients] == [200] * 3


def test_who_may_not_ask_does_not_wait() -> None:
    """Rules, rates and the word of proxies come before the line."""
    app = Slow()
    routes = {"/slow": {"app": "(given):application", "threads": 1, "deny": ["path:/x"]}}
    changes = {"forwarded_trust": ("127.0.0.0/8",), "forwarded_believe": ("for", "proto", "host")}
    with sites_on(app, routes, **changes) as running, ExitStack() as stack:
        clients = sent(stack, running, "/slow/0", "/slow/1")
        with running.client() as denied:
            denied.send(request("/slow/x"))
            assert denied.response().status == 403
        app.gate.open()
        assert [client.response().status for client in clients] == [200] * 2
        assert app.order == ["/0", "/1"]


def test_one_bulkhead_inside_of_another() -> None:
    """Who is inside of one does not wait outside for the next: it is refused."""
    app = Slow()
    inner = Bulkhead(app, 1, backlog=9)
    outer = Bulkhead(inner, 2, backlog=9)

    def shifted(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = "/slow"
        return outer(environ, start_response)

    with app.gate, engine_on(Afresh(shifted), threads=4) as running, ExitStack() as stack:
        clients = sent(stack, running, "/0")
        app.gate.wait_entered(1)
        with running.client() as second:
            second.send(request("/1"))
            assert second.response().status == 503
        app.gate.open()
        assert clients[0].response().status == 200
        wait_until(lambda: inner.inside == outer.inside == 0)


def test_places_survive_interruptions() -> None:
    """Clients that leave while their requests are entering, waiting and leaving, by the thousand."""
    app = Slow()
    bulkhead = Bulkhead(app, 2, backlog=50)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return bulkhead(environ, start_response)

    with engine_on(Afresh(application), threads=4, cancel_on_disconnect=True) as running:
        for round_ in range(40):
            clients = [running.client() for _ in range(20)]
            for client in clients:
                client.send(request("/"))
            for client in clients[round_ % 3 :: 2]:
                client.reset()
            for client in clients:
                client.close()
        running.wait_idle()
        wait_until(lambda: bulkhead.inside == 0)
        assert running.ask() == b"hello\n"


def test_a_rule_that_changes_its_mind_gives_the_place_back() -> None:
    """The second time the request does not get as far as the bulkhead."""
    app = Slow()
    bulkhead = Bulkhead(app, 1, backlog=9)
    calls: list[str] = []

    def fickle(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = "/slow"
        calls.append(environ["PATH_INFO"])
        if calls.count("/1") == 2 and environ["PATH_INFO"] == "/1":
            start_response("403 Forbidden", [])
            return []
        return bulkhead(environ, start_response)

    with app.gate, engine_on(Afresh(fickle), threads=4) as running, ExitStack() as stack:
        clients = sent(stack, running, "/0", "/1", "/2")
        app.gate.open()
        assert [client.response().status for client in clients] == [200, 403, 200]
        wait_until(lambda: bulkhead.inside == 0)
