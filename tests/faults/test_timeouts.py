"""Every timeout of the settings passes on an injected clock: nobody waits here, and none can be forgotten.

Each row says what is done to let the option's time begin, and what the client sees when it is over. A
second before it nothing has happened yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from potstill.settings import OPTIONS
from potstill.settings.kinds import Duration
from tests.requests.stuck import Stuck
from tests.support.engine import Environ, Running, StartResponse, engine_on, hello, request
from tests.support.wire import Client, CutError
from tests.unit.core.stage import Log, logged

# As long as each lasts here.
SECONDS = 40.0
LARGE = 12_000_000
# No deadlines of the engine: tests/process looks after a stop and after the workers of a supervisor. That
# of a handshake needs TLS: it passes in tests/tls and in tests/unit/core/test_opening.py. The last two end
# nothing: they say which requests are told of.
ELSEWHERE = {
    "graceful-timeout",
    "drain-delay",
    "boot-timeout",
    "worker-timeout",
    "max-worker-lifetime",
    "handshake-timeout",
    "access-log-slower",
    "profile-over",
}
# Beside them, so that no other timeout is in the way.
FOR_EVER: dict[str, Any] = {
    "header_timeout_s": 1e6,
    "body_timeout_s": 1e6,
    "write_timeout_s": 1e6,
    "keepalive_s": 1e6,
    "min_rate_bytes_s": 0,
    "request_timeout_s": 0.0,
    "interrupt_grace_s": 1e6,
    "slow_request_s": 0.0,
    "queue_timeout_s": 0.0,
}


@dataclass
class Scene:
    """One engine, one client of interest, a view that hangs, and the log."""

    running: Running
    client: Client
    stuck: Stuck
    log: Log

    def status(self, status: int) -> None:
        assert self.client.response().status == status

    def hang(self, raw: bytes = request("/in-c")) -> None:
        self.client.send(raw)
        self.stuck.wait_entered(1)

    def reports(self) -> int:
        return sum("/in-c" in text for text in self.log.texts())


@dataclass(frozen=True)
class Row:
    """Begin, then either nothing yet or the end. `changes` are other options that the scene needs."""

    begin: Callable[[Scene], None]
    over: Callable[[Scene], None]
    yet: Callable[[Scene], bool]
    threads: int = 2
    changes: tuple[tuple[str, Any], ...] = ()


def send(raw: bytes) -> Callable[[Scene], None]:
    """Send it, and wait until it has been looked at."""

    def begin(scene: Scene) -> None:
        scene.client.send(raw)
        scene.running.wait_received(len(raw))

    return begin


def ask_large(scene: Scene) -> None:
    scene.client.send(request("/large"))
    scene.running.wait(lambda now: now.requests == 1 and now.running == 0)


def cut(scene: Scene) -> None:
    """The server has given the client up; not before that does it read, which would be progress."""
    scene.running.wait(lambda now: now.connections == 0)
    with pytest.raises(CutError):
        scene.client.response()


def queue_behind(scene: Scene) -> None:
    """Another client's view has the only seat."""
    with scene.running.client() as other:
        other.send(request("/in-c"))
        scene.stuck.wait_entered(1)
    scene.client.send(request("/queued"))
    scene.running.wait(lambda now: now.backlog == 1)


def overrun(scene: Scene) -> None:
    """The view is over its time, and does not come back."""
    scene.hang()
    scene.running.engine.advance_clock(2)
    scene.status(504)


def reported(scene: Scene) -> None:
    scene.log.wait_for("/in-c", "request id")
    scene.stuck.let_go()
    scene.status(200)


def seat_replaced(scene: Scene) -> None:
    assert scene.running.ask() == b"hello\n"


def still_open(scene: Scene) -> bool:
    """Nothing has come from the server, not even its end."""
    scene.client.socket.setblocking(False)
    try:
        with suppress(BlockingIOError):
            scene.client.socket.recv(1)
            return False
        return True
    finally:
        scene.client.socket.settimeout(20)


ROWS: dict[str, Row] = {
    "header-timeout": Row(send(request()[:-2]), lambda scene: scene.status(408), still_open),
    "body-timeout": Row(
        send(request("/", method="POST", body=b"water")[:-1]), lambda scene: scene.status(408), still_open
    ),
    "write-timeout": Row(ask_large, cut, lambda scene: scene.running.now.connections > 0),
    "keepalive": Row(
        lambda scene: scene.running.wait_idle(1), lambda scene: scene.client.expect_end(), still_open
    ),
    "request-timeout": Row(lambda scene: scene.hang(), lambda scene: scene.status(504), still_open),
    "interrupt-grace": Row(
        overrun,
        seat_replaced,
        lambda scene: scene.running.now.running == 1,
        threads=1,
        changes=(("request_timeout_s", 1.0),),
    ),
    "slow-request": Row(lambda scene: scene.hang(), reported, lambda scene: scene.reports() == 0),
    "queue-timeout": Row(queue_behind, lambda scene: scene.status(503), still_open, threads=1),
}
# The names in the core have their unit.
FIELDS = {name: f"{name.replace('-', '_')}_s" for name in ROWS}


def app_of(stuck: Stuck) -> Any:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/large":
            return large(start_response)
        if environ["PATH_INFO"] == "/queued":
            return hello(environ, start_response)
        return stuck.app(environ, start_response)

    return app


def large(start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", str(LARGE))])
    yield bytes(LARGE)


def test_every_timeout_has_its_row() -> None:
    """Whoever adds an option that is a time adds how it passes."""
    times = {option.name for option in OPTIONS if isinstance(option.about.kind, Duration)}
    assert times - ELSEWHERE == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_it_passes_and_not_before(name: str) -> None:
    """A second before its end nothing has happened; a second after it everything has."""
    row = ROWS[name]
    changes = {**FOR_EVER, "response_memory_bytes": 1 << 30, **dict(row.changes), FIELDS[name]: SECONDS}
    with (
        Stuck() as stuck,
        logged() as log,
        engine_on(app_of(stuck), threads=row.threads, **changes) as running,
    ):
        with running.client() as client:
            scene = Scene(running, client, stuck, log)
            row.begin(scene)
            running.engine.advance_clock(SECONDS - 1)
            running.wait_looked()
            assert row.yet(scene), f"--{name} is over a second too early"
            running.engine.advance_clock(2)
            row.over(scene)
            stuck.let_go()


@pytest.mark.parametrize("what", ["body", "answer"])
def test_the_minimum_rate_passes_too(what: str) -> None:
    """After its ten seconds: 408 for a body, the end for an answer."""
    with Stuck() as stuck:
        changes: dict[str, Any] = {**FOR_EVER, "response_memory_bytes": 1 << 30, "min_rate_bytes_s": 1000}
        with engine_on(app_of(stuck), **changes) as running, running.client() as client:
            scene = Scene(running, client, stuck, Log())
            if what == "body":
                raw = request("/", "Content-Length: 100000", method="PATCH")
                send(raw + bytes(10))(scene)
            else:
                ask_large(scene)
            running.engine.advance_clock(8)
            running.wait_looked()
            assert running.now.connections >= 1
            running.engine.advance_clock(LARGE)
            if what == "body":
                client.send(b"x")
                scene.status(408)
            else:
                cut(scene)
