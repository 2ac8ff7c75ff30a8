"""An engine in the test's own process: on a socket of its own, watched by its statistics, always stopped.

    with engine_on(app, threads=2) as running, running.client() as client:
        client.send(GET)
        assert client.response().status == 200

Nothing here sleeps. A test waits for what it has caused: an answer, an Event that its application sets, or,
through `wait_until`, a fact that only the engine's statistics tell.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, Self

from potstill.assemble import engine_options
from potstill.core.engine import Engine, EngineStatistics
from potstill.core.options import Entrance, Options
from potstill.settings import Settings
from tests.support.wire import Address, Client

# Every wait ends: far beyond what a loaded machine needs, well below the time limit of a test.
WAIT_S = 20.0
# How often `wait_until` looks. Waiting on an Event gives the GIL away, so the engine's threads get on
# meanwhile.
LOOK_S = 0.002
BACKLOG = 512

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

HOST = b"Host: potstill.test\r\n"


def request(
    target: str = "/", *fields: str, method: str = "GET", body: bytes = b"", version: str = "1.1"
) -> bytes:
    """One request. A body, or a method that has one, is announced by Content-Length."""
    lines = [f"{method} {target} HTTP/{version}", "Host: potstill.test", *fields]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


GET = request()
LAST = request("/", "Connection: close")


def options(**changes: Any) -> Options:
    """What the default settings tell the core, with some of it changed."""
    return replace(engine_options(Settings()), **changes)


def wait_until(fact: Callable[[], object], what: str = "") -> None:
    """Look until `fact()` is true. AssertionError when it has not become so within WAIT_S."""
    deadline = monotonic() + WAIT_S
    pause = threading.Event()
    while not fact():
        if monotonic() > deadline:
            raise AssertionError(f"it did not come true within {WAIT_S:g} s: {what or fact}")
        pause.wait(LOOK_S)


@dataclass
class Running:
    """An engine that serves, and where."""

    engine: Engine
    address: Address
    listener: socket.socket

    def client(self) -> Client:
        return Client(self.address, WAIT_S)

    def ask(self, raw: bytes = GET) -> bytes:
        """The body of the answer to one request on a connection of its own."""
        with self.client() as client:
            client.send(raw)
            return client.response(head=raw.startswith(b"HEAD ")).body

    def wait_looked(self) -> None:
        """Wait until the engine has asked its poller, and looked at its deadlines: somebody who came later is
        refused.
        """
        with self.client() as later:
            later.send(b"nonsense\r\n\r\n")
            assert later.response().status == 400

    @property
    def now(self) -> EngineStatistics:
        return self.engine.statistics()

    def wait(self, fact: Callable[[EngineStatistics], object]) -> None:
        """Wait until the statistics say so; the message of the failure shows them."""
        try:
            wait_until(lambda: fact(self.now))
        except AssertionError as error:
            raise AssertionError(f"{error}; the engine stands at {self.now}") from None

    def wait_idle(self, connections: int = 0) -> None:
        """Wait until so many connections are open and nothing is left to do for them.

        No seat is taken then, so whatever was handled has been settled: its deadline counts.
        """
        self.wait(lambda now: now.connections == connections and idle(now))

    def wait_received(self, octets: int) -> None:
        """Wait until so many octets have been read in all, and nothing is left to do."""
        self.wait(lambda now: now.octets_received >= octets and idle(now))


def idle(now: EngineStatistics) -> bool:
    return now.ready == now.backlog == now.running == 0


def listen(path: Path | None = None, backlog: int = BACKLOG) -> socket.socket:
    """A listening socket on the loopback, or a unix socket at `path`."""
    if path is None:
        return socket.create_server(("127.0.0.1", 0), backlog=backlog)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(path))
    listener.listen(backlog)
    return listener


@contextmanager
def engine_on(
    application: Application, *, path: Path | None = None, entrance: Entrance | None = None, **changes: Any
) -> Iterator[Running]:
    """An engine that serves `application` on the loopback (or on a unix socket), by the default options but
    `changes`; clients come in by plain HTTP, unless an `entrance` says otherwise.

    At the end it is stopped, and every one of its threads must have ended; a test that leaves a view blocked
    has to stop the engine itself.
    """
    with listen(path) as listener:
        address = listener.getsockname()
        engine = Engine(application, [listener], options(**changes), None, [entrance] if entrance else [])
        engine.start()
        try:
            yield Running(engine, address, listener)
        finally:
            left = engine.stop(WAIT_S)
        assert left == [], f"threads that did not end: {left}"


class Gate:
    """A place where views wait, and where the test sees how many do.

    A view calls `pass_through`; the test waits for `wait_entered(n)` and then opens the gate, once for all
    (`open`) or for so many (`let`). Used as a context manager it is open at the end, whatever happens.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._entered = 0
        self._permits: float = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()

    def pass_through(self) -> None:
        with self._changed:
            self._entered += 1
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._permits > 0, WAIT_S):
                raise TimeoutError("nobody opened the gate")
            self._permits -= 1

    def let(self, count: int) -> None:
        with self._changed:
            self._permits += count
            self._changed.notify_all()

    def open(self) -> None:
        self.let(float("inf"))  # type: ignore[arg-type]

    @property
    def entered(self) -> int:
        """How many views have come to the gate so far, those that have passed included."""
        return self._entered

    def wait_entered(self, count: int) -> None:
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._entered >= count, WAIT_S)
        assert arrived, f"{self._entered} instead of {count} views came to the gate"


def behind(gate: Gate) -> Application:
    """Passes the gate, and answers with nothing."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        gate.pass_through()
        start_response("200 OK", [])
        return []

    return application


def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The plainest application."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]
