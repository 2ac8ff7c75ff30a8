"""Where a middleware is tried: between two validators, and under real servers.

`ask` calls an application as a server would, with wsgiref.validate on both sides of what is tested, so that
every promise of PEP 3333 that the validator knows is checked with each request of each test.

`hosted` serves it on a port of its own by wsgiref, waitress or Potstill: what a middleware takes for granted
about its server shows there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from io import BytesIO, StringIO
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

HOSTS = ("wsgiref", "waitress", "potstill")
STOP_S = 10.0
FETCH_S = 10.0
LOOK_S = 0.02


@dataclass
class Answered:
    """What came back, and the environ that the application saw; None when it was not asked."""

    status: str
    fields: list[tuple[str, str]]
    body: bytes
    environ: WSGIEnvironment | None = None

    def all(self, name: str) -> list[str]:
        """Every value of the field."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def code(self) -> int:
        return int(self.status.split()[0])


@dataclass
class Recorder:
    """An application that answers 200 and keeps the environs it was called with."""

    seen: list[WSGIEnvironment] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        self.seen.append(dict(environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"passed"]


def environ_of(**changes: str) -> WSGIEnvironment:
    """A request as a server would give it; `x_token="a"` is not translated: keys are those of the environ."""
    environ: WSGIEnvironment = {
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": BytesIO(),
        "wsgi.errors": StringIO(),
    }
    environ |= {"QUERY_STRING": "", "PATH_INFO": "/", "SCRIPT_NAME": ""}
    setup_testing_defaults(environ)
    environ |= changes
    return environ


def ask(wrap: Callable[[WSGIApplication], WSGIApplication], **changes: str) -> Answered:
    """One request through `wrap(application)`, with a validator on both sides."""
    recorder = Recorder()
    return call(wrap(validated(recorder)), recorder, environ_of(**changes))


def validated(app: WSGIApplication) -> WSGIApplication:
    """The application behind PEP 3333's validator."""
    return validator(app)


def call(app: WSGIApplication, recorder: Recorder, environ: WSGIEnvironment) -> Answered:
    """The answer to one request, its iterable closed as a server does."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(
        status: str, fields: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        assert exc_info is not None or not started
        started[:] = [(status, list(fields))]
        return written.append

    seen = len(recorder.seen)
    result = validator(app)(environ, start_response)
    try:
        written += list(result)
    finally:
        result.close()  # type: ignore[attr-defined]
    asked = recorder.seen[-1] if len(recorder.seen) > seen else None
    return Answered(*started[0], b"".join(written), asked)


@contextmanager
def hosted(host: str, app: WSGIApplication) -> Iterator[tuple[str, int]]:
    """The application served by one of HOSTS; the address."""
    with _SERVERS[host](app) as (serve, stop, address):
        thread = threading.Thread(target=serve, name=f"host-{host}")
        thread.start()
        try:
            yield address
        finally:
            stop()
            thread.join(STOP_S)
            assert not thread.is_alive()


def fetch(address: tuple[str, int], target: str = "/", **fields: str) -> Answered:
    """GET over the network; `x_token="a"` is the field X-Token. The standard library's client takes any
    server."""
    connection = HTTPConnection(*address, timeout=FETCH_S)
    try:
        connection.request("GET", target, headers={key.replace("_", "-"): fields[key] for key in fields})
        response = connection.getresponse()
        return Answered(f"{response.status} {response.reason}", response.getheaders(), response.read())
    finally:
        connection.close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody reads it."""


# What serves until it is asked to stop, what asks it, and where it listens.
_Server = tuple[Callable[[], object], Callable[[], object], tuple[str, int]]


@contextmanager
def _wsgiref(app: WSGIApplication) -> Iterator[_Server]:
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        yield lambda: server.serve_forever(LOOK_S), server.shutdown, ("127.0.0.1", server.server_port)


@contextmanager
def _waitress(app: WSGIApplication) -> Iterator[_Server]:
    """Its loop turn by turn, for it has no other end than an exception, and no descriptor that it uses is
    closed."""
    from waitress import wasyncore
    from waitress.server import create_server

    ended = threading.Event()
    sockets: dict[int, object] = {}
    # Of itself it takes out what proxies say.
    options = {"threads": 2, "clear_untrusted_proxy_headers": False}
    server = create_server(app, host="127.0.0.1", port=0, map=sockets, **options)

    def serve() -> None:
        while not ended.is_set():
            wasyncore.loop(timeout=STOP_S, map=sockets, count=1)

    def stop() -> None:
        ended.set()
        server.pull_trigger()

    try:
        yield serve, stop, ("127.0.0.1", int(server.effective_port))
    finally:
        server.task_dispatcher.shutdown()
        server.close()
        wasyncore.close_all(sockets)


@contextmanager
def _potstill(app: WSGIApplication) -> Iterator[_Server]:
    from potstill import make_server as make_potstill

    with make_potstill(("127.0.0.1", 0), app) as server:
        yield server.serve_forever, server.shutdown, ("127.0.0.1", server.server_port)


_SERVERS = {"wsgiref": _wsgiref, "waitress": _waitress, "potstill": _potstill}
