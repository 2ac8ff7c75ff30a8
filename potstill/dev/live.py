"""Browsers that load their pages again when the code has changed (`--live-reload`).

A page of HTML gets one script more, with the version of the worker that made it. The script asks whether that
version is still the one that serves, and the answer is kept back until there is something to say: the worker
answers `wait` when its code has changed, the script asks again, and that reaches the next worker, which knows
nothing of the version and answers `reload`. So a browser never learns of a change before the new code serves,
and needs no clock.

A page that is taken from a cache would have an old version for ever: pages with the script are not cached.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from potstill.dev.around import Around

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PATH = "/.potstill/live-reload"
# Shorter than what anybody on the way would take for a hanging request.
WAIT_S = 8.0
# Between the change and the moment at which this worker takes no new clients.
PAUSE_S = 0.1
# What a browser says it wants a page for; a script that fetches a part of one says something else.
NAVIGATIONS = ("document", "iframe", "frame")
TO_WAIT, TO_RELOAD = b"wait", b"reload"

SCRIPT = """\
(function ask() {
  fetch("%(path)s?version=%(version)s", {cache: "no-store"})
    .then((answer) => answer.text())
    .then((told) => { if (told === "reload") location.reload(); else ask(); })
    .catch(() => setTimeout(ask, 500));
})();
"""
# They speak of the page as the application made it.
VALIDATORS = ("etag", "last-modified", "cache-control", "expires")

Fields = list[tuple[str, str]]


class LiveReload:
    """Around the application; `changed` is set when its code has changed."""

    def __init__(self, application: WSGIApplication, changed: threading.Event) -> None:
        self._application = application
        self._changed = changed
        self._version = secrets.token_hex(8)
        self._script = SCRIPT % {"path": PATH, "version": self._version}
        self._element = f'<script src="{PATH}.js?version={self._version}" async></script>\n'.encode()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == PATH:
            return self._answer(environ, start_response)
        if path == f"{PATH}.js":
            return plain(start_response, self._script.encode(), "text/javascript")
        if environ.get("HTTP_SEC_FETCH_DEST", "document") not in NAVIGATIONS:
            return self._application(environ, start_response)
        page = Page(start_response, self._element)
        blocks = self._application(environ, page.start_response)
        return page.followed(blocks)

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        asked = parse_qs(environ.get("QUERY_STRING", "")).get("version")
        if asked != [self._version]:
            return plain(start_response, TO_RELOAD)
        leave_seat = environ.get("potstill.io_bound")
        if leave_seat is not None:
            leave_seat()
        if self._changed.is_set():
            threading.Event().wait(PAUSE_S)
        self._changed.wait(WAIT_S)
        return plain(start_response, TO_WAIT)


def plain(start_response: StartResponse, body: bytes, kind: str = "text/plain") -> list[bytes]:
    size = ("Content-Length", str(len(body)))
    start_response("200 OK", [("Content-Type", kind), ("Cache-Control", "no-store"), size])
    return [body]


class Page:
    """One answer, which gets the element if it turns out to be a page of HTML."""

    def __init__(self, start_response: StartResponse, element: bytes) -> None:
        self._start_response = start_response
        self._element = element
        self._is_page = False

    def start_response(self, status: str, fields: Fields, *exc_info: Any) -> Any:
        self._is_page = is_page(status, fields)
        if self._is_page:
            fields = with_more(fields, len(self._element))
        return self._start_response(status, fields, *exc_info)

    def followed(self, blocks: Iterable[bytes]) -> Iterable[bytes]:
        """The blocks, and the element behind them."""
        if isinstance(blocks, (list, tuple)):
            return [*blocks, self._element] if self._is_page else blocks
        return Followed(blocks, self)

    def element(self) -> Iterator[bytes]:
        if self._is_page:
            yield self._element


class Followed(Around):
    """Whether an element follows may be known only when the blocks are being gone through."""

    def __init__(self, blocks: Iterable[bytes], page: Page) -> None:
        super().__init__(blocks)
        self._page = page

    def __iter__(self) -> Iterator[bytes]:
        yield from self._blocks
        yield from self._page.element()


def is_page(status: str, fields: Fields) -> bool:
    """A whole page of HTML that nobody has encoded."""
    said = {name.lower(): value.lower() for name, value in fields}
    html = said.get("content-type", "").partition(";")[0].strip() == "text/html"
    return html and "content-encoding" not in said and status[:3] not in ("204", "206", "304")


def with_more(fields: Fields, size: int) -> Fields:
    """The fields of a page that is longer by so much, and is not to be cached."""
    kept = [(name, value) for name, value in fields if name.lower() not in VALIDATORS]
    longer = [
        (name, str(int(value) + size) if name.lower() == "content-length" and value.isdecimal() else value)
        for name, value in kept
    ]
    return [*longer, ("Cache-Control", "no-store")]
