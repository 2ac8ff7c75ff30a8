"""A request that is called again, because it has waited, comes as it came first.

    Afresh(RateLimit(AccessRules(Bulkhead(app, threads=4, backlog=100)), "20/s"))

The server calls a postponed request with the same environ (`potstill.postpone`), and whatever stands between
the server and the bulkhead has worked on that: has shifted paths, taken passwords out, counted. Outside of
all that, this one keeps a copy of the environ and restores it. Notes that middlewares leave for the next
time stay: `environ[AGAIN]` is a dictionary, each has its own key there, itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

AGAIN = "potstill.again"
# What the server says anew with each call.
FRESH = ("potstill.queue_seconds", "potstill.deadline")


class Note(Protocol):
    """What may be left for the next time."""

    def give_up(self) -> None:
        """Nobody has asked for it the next time."""


class Afresh:
    """Middleware, the outermost of all: gives `app` the environ of each request as it came, each time."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        again: _Again | None = environ.get(AGAIN)
        if again is None:
            environ[AGAIN] = _Again(environ)
            return self._app(environ, start_response)
        again.restore(environ)
        notes = list(again.values())
        try:
            return self._app(environ, start_response)
        finally:
            for key, note in list(again.items()):
                if any(note is each for each in notes) and hasattr(note, "give_up"):
                    del again[key]
                    note.give_up()


class _Again(dict[object, Any]):
    """The notes of one request, and its environ as it came."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        super().__init__()
        self._pristine = dict(environ)

    def restore(self, environ: WSGIEnvironment) -> None:
        told = {key: environ[key] for key in FRESH if key in environ}
        environ.clear()
        environ.update(self._pristine, **told)
        environ[AGAIN] = self
