"""The admin listener, asked over real sockets, in a loop that the test turns by hand."""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from potstill.net.bind import Manner, open_listeners
from potstill.observe import desk as desk_module
from potstill.observe.desk import HEAD_BYTES_MAX, ORDERS, PAGES, VISITORS_MAX, Desk
from tests.unit.observe.crew import SERVER, Owner, facts, worker

TOKEN = "s3cret"


class Loop:
    """Turns until the client has what it waits for."""

    def __init__(self, owner: Owner, token: str = TOKEN, address: str = "127.0.0.1:0") -> None:
        self.owner = owner
        self.listeners = open_listeners([address], Manner(128))
        self.desk = Desk(self.listeners, token, owner)
        self.now = 100.0

    @property
    def address(self) -> Any:
        return self.listeners[0].socket.getsockname()

    def turn(self) -> None:
        poll = select.poll()
        for descriptor, events in self.desk.descriptors():
            poll.register(descriptor, events)
        self.desk.serve([descriptor for descriptor, _ in poll.poll(10)], self.now)

    def connect(self) -> socket.socket:
        client = socket.socket(self.listeners[0].socket.family)
        client.connect(self.address)
        client.setblocking(False)
        return client

    def read(self, client: socket.socket, until: float = 20.0) -> bytes:
        """All that comes, while the loop turns."""
        found, deadline = b"", time.monotonic() + until
        while time.monotonic() < deadline:
            self.turn()
            try:
                part = client.recv(65536)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                break
            if not part:
                break
            found += part
        client.close()
        return found

    def ask(self, path: str, method: str = "GET", *fields: str) -> tuple[int, dict[str, str], bytes]:
        client = self.connect()
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""]
        client.sendall("\r\n".join(lines).encode())
        head, _, body = self.read(client).partition(b"\r\n\r\n")
        status, *rest = head.decode().split("\r\n")
        return int(status.split()[1]), dict(line.split(": ", 1) for line in rest), body

    def json(self, path: str) -> Any:
        status, fields, body = self.ask(path)
        assert (status, fields["Content-Type"]) == (200, "application/json")
        return json.loads(body)


@contextmanager
def open_desk(owner: Owner | None = None, **options: Any) -> Iterator[Loop]:
    loop = Loop(owner or Owner(), **options)
    try:
        yield loop
    finally:
        loop.desk.close()


@pytest.mark.parametrize("page", [page for page in PAGES if page != "/metrics"])
def test_every_page_is_json(page: str) -> None:
    with open_desk() as loop:
        assert loop.json(page)


def test_the_pages_say_what_is_known() -> None:
    with open_desk() as loop:
        assert loop.json("/")["pages"] == list(PAGES)
        assert loop.json("/status")["requests"]["total"] == 17
        assert loop.json("/inflight") == {"requests": []}
        assert loop.json("/config") == {"threads": "8"}
        assert loop.json("/health") == {"healthy": True, "serving": 1, "wanted": 2}


def test_metrics_come_in_the_format_that_was_asked_for() -> None:
    """With what the application measures behind them."""
    with open_desk() as loop:
        _, fields, body = loop.ask("/metrics")
        assert fields["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"# TYPE shop_orders_total counter" in body
        _, fields, body = loop.ask("/metrics", "GET", "Accept: application/openmetrics-text;version=1.0.0")
        assert fields["Content-Type"].startswith("application/openmetrics-text")
        assert body.endswith(b"# EOF\n")


def test_who_is_not_well_says_so() -> None:
    owner = Owner()
    owner.crew = [worker(state="booting")]
    with open_desk(owner) as loop:
        assert loop.ask("/health")[0] == 503


def test_a_unix_socket_will_do(tmp_path: Path) -> None:
    with open_desk(address=f"unix:{tmp_path / 'admin'}") as loop:
        assert loop.json("/health")["healthy"]
    assert not os.path.exists(tmp_path / "admin")


def test_head_is_get_without_a_body() -> None:
    with open_desk() as loop:
        status, fields, body = loop.ask("/status", "HEAD")
        assert (status, body) == (200, b"")
        assert int(fields["Content-Length"]) > 100


# Stacks


def test_stacks_that_are_known_are_told_at_once() -> None:
    with open_desk() as loop:
        assert loop.json("/threads")["workers"] == [
            {
                "worker": 1,
                "threads": [{"name": "MainThread", "thread": 7, "stack": "  here"}],
                "answered": True,
            }
        ]


def test_stacks_are_waited_for_and_those_that_do_not_come_are_left_out() -> None:
    """One worker answers; the other holds its GIL somewhere."""
    owner = Owner()
    owner.waits = {1, 2}
    with open_desk(owner) as loop:
        client = loop.connect()
        client.sendall(b"GET /threads HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(5):
            loop.turn()
        loop.desk.hear_stacks(2, [{"name": "a", "thread": 1, "stack": "x"}], loop.now)
        assert loop.desk.next_deadline() == pytest.approx(loop.now + desk_module.STACKS_S)
        loop.now += desk_module.STACKS_S
        found = json.loads(loop.read(client).partition(b"\r\n\r\n")[2])
        assert [(each["worker"], each["answered"]) for each in found["workers"]] == [(1, False), (2, True)]


# Orders


@pytest.mark.parametrize("order", ORDERS)
def test_with_the_token_something_can_be_changed(order: str) -> None:
    with open_desk() as loop:
        status, _, body = loop.ask(f"{order}?add=2", "POST", f"Authorization: Bearer {TOKEN}")
        assert (status, json.loads(body)) == (202, {"done": "done as told"})
        assert loop.owner.told == [(order[1:], {"add": "2"})]


@pytest.mark.parametrize(
    "fields",
    [[], ["Authorization: Bearer wrong"], ["Authorization: Basic s3cret"], ["Authorization: Bearer \xe9"]],
)
def test_without_it_nothing_can(fields: list[str]) -> None:
    with open_desk() as loop:
        status, answered, _ = loop.ask("/drain", "POST", *fields)
        assert (status, answered["WWW-Authenticate"]) == (401, "Bearer")
        assert loop.owner.told == []


def test_where_there_is_no_token_nobody_has_it() -> None:
    with open_desk(token="") as loop:
        status, _, body = loop.ask("/drain", "POST", "Authorization: Bearer ")
        assert status == 403
        assert b"--admin-token" in body
        assert loop.owner.told == []


def test_an_order_that_cannot_be_says_why() -> None:
    with open_desk() as loop:
        bearer = f"Authorization: Bearer {TOKEN}"
        assert loop.ask("/log-level?level=loud", "POST", bearer)[::2] == (
            400,
            b'{\n "error": "there is no such level"\n}\n',
        )
        assert loop.ask("/log-level?level", "POST", bearer)[0] == 400


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nothing", "GET", 404), ("/status", "POST", 405), ("/reload", "GET", 405), ("/status/", "GET", 404)],
)
def test_what_there_is_not_is_refused(path: str, method: str, status: int) -> None:
    with open_desk() as loop:
        assert loop.ask(path, method)[0] == status


# Visitors


def test_nonsense_is_refused() -> None:
    with open_desk() as loop:
        client = loop.connect()
        client.sendall(b"nonsense\r\n\r\n")
        assert loop.read(client).startswith(b"HTTP/1.1 400 ")
        client = loop.connect()
        client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES_MAX)
        assert loop.read(client).startswith(b"HTTP/1.1 400 ")


def test_who_says_nothing_is_dismissed() -> None:
    """Neither who is silent nor who leaves keeps anything."""
    with open_desk() as loop:
        silent, gone = loop.connect(), loop.connect()
        for _ in range(5):
            loop.turn()
        gone.close()
        for _ in range(5):
            loop.turn()
        loop.now += desk_module.VISIT_S + 1
        assert loop.read(silent) == b""
        assert loop.desk.next_deadline() == float("inf")


def test_more_visitors_than_there_is_room_for_wait_outside() -> None:
    with open_desk() as loop:
        clients = []
        for _ in range(VISITORS_MAX + 1):
            clients.append(loop.connect())
            loop.turn()
        assert len(list(loop.desk.descriptors())) == VISITORS_MAX
        for client in clients:
            client.close()
        for _ in range(VISITORS_MAX + 5):
            loop.turn()
        assert loop.json("/health")


def test_an_answer_that_is_taken_slowly_leaves_in_pieces() -> None:
    """Nobody is waited for: others are served in between."""
    owner = Owner()
    many = replace(SERVER, urls=tuple("x" * 1000 for _ in range(8000)))
    owner.facts = lambda: facts(server=many)  # type: ignore[method-assign]
    with open_desk(owner) as loop:
        slow = loop.connect()
        slow.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(5):
            loop.turn()
        assert loop.json("/health")
        assert len(loop.read(slow)) > 8_000_000


def test_it_has_no_thread() -> None:
    before = threading.active_count()
    with open_desk() as loop:
        loop.json("/status")
        assert threading.active_count() == before
