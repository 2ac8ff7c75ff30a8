"""The admin listener: questions about the server itself, answered in the loop of whoever looks after it.

No thread is started and nobody is waited for: the loop asks which descriptors there are (`descriptors`),
and says which of them have something (`serve`). A visitor has one question, one answer, and a few seconds
for both. What an answer says comes from shared memory, so it comes also while every worker is stuck; only
the stacks of /threads are a worker's own to tell, and one that has not told them in time is left out.

It answers whoever reaches it, which is why it listens nowhere unless an option says so. Changing
something takes the token.
"""

from __future__ import annotations

import hmac
import json
import select
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

from potstill import __version__
from potstill.core.http1 import Head, parse_head
from potstill.net.bind import Listener
from potstill.observe import exposition, status
from potstill.observe.exposition import Family
from potstill.observe.facts import Facts

VISITORS_MAX = 64
HEAD_BYTES_MAX = 8192
ANSWER_BYTES_A_TIME = 1 << 18
# For a question to arrive and its answer to leave.
VISIT_S = 10.0
# For workers to say where their threads are.
STACKS_S = 2.0

REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
PAGES = ("/status", "/metrics", "/inflight", "/threads", "/config", "/health")
ORDERS = ("/reload", "/drain", "/workers", "/log-level", "/reopen")


class Owner(Protocol):
    """Who looks after the workers, and the loop that the desk is served in."""

    def facts(self) -> Facts: ...

    def configuration(self) -> Mapping[str, Any]:
        """Every option with its value, as /config shows it."""

    def families(self) -> Iterator[Family]:
        """What is measured elsewhere: by the application."""

    def ask_stacks(self) -> tuple[set[int], dict[int, Any]]:
        """The workers that will call `Desk.hear_stacks`, and what is known at once."""

    def carry_out(self, order: str, words: Mapping[str, str]) -> str:
        """Do what somebody with the token asks for; a sentence about it. Raises ValueError for what
        cannot be.
        """


@dataclass
class Visitor:
    """Somebody who asks."""

    socket: socket.socket
    until: float
    heard: bytes = b""
    answer: memoryview = field(default_factory=lambda: memoryview(b""))
    waits_for: set[int] = field(default_factory=set)  # workers that have not said where their threads are
    stacks: dict[int, Any] = field(default_factory=dict)

    def fileno(self) -> int:
        return self.socket.fileno()


@dataclass(frozen=True)
class Page:
    """An answer."""

    status: int
    content_type: str
    body: bytes
    fields: tuple[str, ...] = ()


class Desk:
    """Owned by the loop; nothing here is called from elsewhere.

    Args:
        listeners: open ones; they stay open until `close`.
        token: what allows to change something; "": nobody may.
    """

    def __init__(self, listeners: Sequence[Listener], token: str, owner: Owner) -> None:
        self._listeners = list(listeners)
        self._token = token
        self._owner = owner
        self._visitors: dict[int, Visitor] = {}
        for listener in self._listeners:
            listener.socket.setblocking(False)

    # For the loop

    def descriptors(self) -> Iterator[tuple[int, int]]:
        """What to poll, and for what."""
        if len(self._visitors) < VISITORS_MAX:
            for listener in self._listeners:
                yield listener.socket.fileno(), select.POLLIN
        for visitor in self._visitors.values():
            if visitor.answer:
                yield visitor.fileno(), select.POLLOUT
            elif not visitor.waits_for:
                yield visitor.fileno(), select.POLLIN

    def next_deadline(self) -> float:
        """When to call `serve` at the latest, by the monotonic clock."""
        return min((visitor.until for visitor in self._visitors.values()), default=float("inf"))

    def serve(self, ready: Sequence[int], now: float) -> None:
        """Go on with whatever has something, and with whoever has waited long enough."""
        for listener in self._listeners:
            if listener.socket.fileno() in ready:
                self._welcome(listener.socket, now)
        for visitor in list(self._visitors.values()):
            if now >= visitor.until:
                self._lose_patience(visitor, now)
            elif visitor.fileno() in ready:
                self._attend(visitor, now)

    def hear_stacks(self, number: int, stacks: Any, now: float) -> None:
        """A worker says where its threads are."""
        for visitor in list(self._visitors.values()):
            if number in visitor.waits_for:
                visitor.waits_for.discard(number)
                visitor.stacks[number] = stacks
                if not visitor.waits_for:
                    self._reply(visitor, stacks_page(visitor), now)

    def close(self, *, leave_files: bool = False) -> None:
        """Close everything, without a word; the file of a unix socket is removed by who has made it.

        With `leave_files` it is not, because somebody else listens on it.
        """
        for visitor in list(self._visitors.values()):
            self._dismiss(visitor)
        for listener in self._listeners:
            if leave_files:
                listener.socket.close()
            else:
                listener.close()
        self._listeners = []

    # Visitors

    def _welcome(self, listener: socket.socket, now: float) -> None:
        try:
            accepted, _ = listener.accept()
        except OSError:  # gone again, or there are no descriptors left
            return
        accepted.setblocking(False)
        visitor = Visitor(accepted, now + VISIT_S)
        self._visitors[visitor.fileno()] = visitor
        self._attend(visitor, now)

    def _attend(self, visitor: Visitor, now: float) -> None:
        try:
            if visitor.answer:
                self._send(visitor)
            else:
                self._listen(visitor, now)
        except BlockingIOError:
            return
        except OSError:
            self._dismiss(visitor)

    def _listen(self, visitor: Visitor, now: float) -> None:
        received = visitor.socket.recv(HEAD_BYTES_MAX)
        if not received:
            self._dismiss(visitor)
            return
        visitor.heard += received
        head = parse_head(visitor.heard, head_bytes_max=HEAD_BYTES_MAX)
        if head is None:
            return
        if not isinstance(head, Head):
            self._reply(visitor, words(400, head.text), now)
            return
        page = self._page(visitor, head)
        if page is not None:
            self._reply(visitor, page, now, head_only=head.method == b"HEAD")

    def _reply(self, visitor: Visitor, page: Page, now: float, *, head_only: bool = False) -> None:
        visitor.answer = memoryview(rendered(page, head_only=head_only))
        visitor.until = now + VISIT_S
        try:
            self._send(visitor)
        except BlockingIOError:
            return
        except OSError:
            self._dismiss(visitor)

    def _send(self, visitor: Visitor) -> None:
        while visitor.answer:
            sent = visitor.socket.send(visitor.answer[:ANSWER_BYTES_A_TIME])
            visitor.answer = visitor.answer[sent:]
        self._dismiss(visitor)

    def _lose_patience(self, visitor: Visitor, now: float) -> None:
        if visitor.waits_for:
            for number in visitor.waits_for:
                visitor.stacks[number] = None
            visitor.waits_for = set()
            self._reply(visitor, stacks_page(visitor), now)
        else:
            self._dismiss(visitor)

    def _dismiss(self, visitor: Visitor) -> None:
        self._visitors.pop(visitor.fileno(), None)
        visitor.socket.close()

    # Questions

    def _page(self, visitor: Visitor, head: Head) -> Page | None:
        """The answer, or None while workers are asked."""
        path, method = head.path.decode("ascii"), head.method.decode("ascii")
        if path in ORDERS:
            if method != "POST":
                return words(405, f"{path} changes something: ask with POST", "Allow: POST")
            return self._order(path, head)
        if path != "/" and path not in PAGES:
            return words(404, f"there are {', '.join((*PAGES, *ORDERS))}")
        if method not in ("GET", "HEAD"):
            return words(405, f"{path} is to be read: ask with GET", "Allow: GET, HEAD")
        if path == "/threads":
            return self._ask_stacks(visitor)
        answers: dict[str, Callable[[], Page]] = {
            "/": lambda: as_json({"potstill": __version__, "pages": PAGES, "orders": ORDERS}),
            "/status": lambda: as_json(status.status(self._owner.facts())),
            "/metrics": lambda: self._metrics(head),
            "/inflight": lambda: as_json(status.inflight(self._owner.facts())),
            "/config": lambda: as_json(self._owner.configuration()),
            "/health": self._health,
        }
        return answers[path]()

    def _health(self) -> Page:
        facts = self._owner.facts()
        found = {"healthy": facts.healthy, "serving": len(facts.serving), "wanted": facts.server.wanted}
        return as_json(found, 200 if facts.healthy else 503)

    def _metrics(self, head: Head) -> Page:
        accepted = field_of(head, "Accept")
        if "application/openmetrics-text" in accepted:
            body, kind = exposition.openmetrics(self._families()), exposition.OPENMETRICS_TYPE
        else:
            body, kind = exposition.text(self._families()), exposition.TEXT_TYPE
        return Page(200, kind, body.encode())

    def _families(self) -> Iterator[Family]:
        yield from exposition.families(self._owner.facts())
        yield from self._owner.families()

    def _ask_stacks(self, visitor: Visitor) -> Page | None:
        visitor.waits_for, visitor.stacks = self._owner.ask_stacks()
        if visitor.waits_for:
            visitor.until = min(visitor.until, visitor.until - VISIT_S + STACKS_S)
            return None
        return stacks_page(visitor)

    # Orders

    def _order(self, path: str, head: Head) -> Page:
        if not self._token:
            return words(403, "nothing can be changed here: the server was started without --admin-token")
        scheme, _, token = field_of(head, "Authorization").partition(" ")
        if scheme.lower() != "bearer" or not same(token.strip(), self._token):
            return words(401, "send the token: Authorization: Bearer TOKEN", "WWW-Authenticate: Bearer")
        try:
            given = dict(parse_qsl(head.query.decode("ascii"), strict_parsing=True)) if head.query else {}
            done = self._owner.carry_out(path.removeprefix("/"), given)
        except ValueError as error:
            return words(400, str(error))
        return as_json({"done": done}, 202)


def field_of(head: Head, name: str) -> str:
    """A field of the question, or nothing."""
    return next(
        (value.decode("latin-1") for key, value, _ in head.fields if key.lower() == name.lower().encode()), ""
    )


def stacks_page(visitor: Visitor) -> Page:
    workers = [
        {"worker": number, "threads": stacks, "answered": stacks is not None}
        for number, stacks in sorted(visitor.stacks.items())
    ]
    return as_json({"workers": workers})


def as_json(value: object, code: int = 200) -> Page:
    return Page(code, "application/json", json.dumps(value, indent=1).encode() + b"\n")


def words(code: int, sentence: str, *fields: str) -> Page:
    """An answer that says what was wrong."""
    found = as_json({"error": sentence}, code)
    return Page(found.status, found.content_type, found.body, fields)


def rendered(page: Page, *, head_only: bool = False) -> bytes:
    lines = [
        f"HTTP/1.1 {page.status} {REASONS[page.status]}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *page.fields,
    ]
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head if head_only else head + page.body


def same(token: str, ours: str) -> bool:
    """In a time that does not tell how much of it was right."""
    return hmac.compare_digest(token.encode("latin-1"), ours.encode("ascii"))
