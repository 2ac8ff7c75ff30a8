"""`--health-path` and `--ready-path`: answers that no request of the application can hold up.

They are applications of the server's own, called by whichever thread reads the request, with a runner's
seat or without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from potstill.core.options import Options
from potstill.core.report import EngineStatistics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Engine(Protocol):
    """What is used of an engine here."""

    def statistics(self) -> EngineStatistics: ...


def health_application(engine: Engine, options: Options) -> dict[bytes, WSGIApplication] | None:
    """Path → application, for the paths that are set; None where none is."""
    applications: dict[bytes, WSGIApplication] = {}
    if options.health_path:
        applications[options.health_path.encode("latin-1")] = answering(lambda: live(engine.statistics()))
    if options.ready_path:
        applications[options.ready_path.encode("latin-1")] = answering(
            lambda: ready(engine.statistics(), options.backlog_limit)
        )
    return applications or None


def live(now: EngineStatistics) -> dict[str, Any]:
    """That this is answered says it all: some thread turns over and gets the GIL."""
    return {"status": "live", **numbers(now)}


def ready(now: EngineStatistics, backlog_limit: int) -> dict[str, Any]:
    """Whether more requests are welcome; `why` says what speaks against it."""
    why = []
    if now.draining:
        why.append("draining")
    if backlog_limit and now.backlog >= backlog_limit:
        why.append("backlog full")
    return {"status": "not ready" if why else "ready", "why": why, **numbers(now)}


def numbers(now: EngineStatistics) -> dict[str, Any]:
    return {
        "connections": now.connections,
        "requests": now.requests,
        "in_application": now.in_application,
        "backlog": now.backlog,
        "handed_over": now.handed_over,
        "lost_threads": now.lost,
    }


def answering(facts: Callable[[], dict[str, Any]]) -> WSGIApplication:
    """A WSGI application that answers GET and HEAD with the facts: 503 where the status is "not ready"."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start_response("405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")])
            return []
        environ["potstill.route"] = "(health)"
        found = facts()
        body = json.dumps(found).encode() + b"\n"
        fields = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        start_response("503 Service Unavailable" if found["status"] == "not ready" else "200 OK", fields)
        return [body]

    return application
