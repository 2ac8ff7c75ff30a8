"""A bulkhead: of all the server's threads, one application gets no more than so many.

When a back end behind one route hangs, that route's requests would take one thread after the other until
none is left for the rest. Here the request that would be one too many does not get in. What becomes of it:

- it is refused at once, with 503 and Retry-After, and so costs nothing; or
- it waits in a thread of the server, the very thing that is to be spared, so that line is short, bounded, and
  off by default; or
- it waits in the server's backlog, without a thread, where the server can do that (`potstill.postpone`) and
  Afresh stands outside, for it is then called again from there. That line is bounded too: who waits holds a
  connection.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from potstill.middleware.afresh import AGAIN
from potstill.middleware.answers import plain_answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

POSTPONE = "potstill.postpone"
# A request that is inside of one bulkhead does not wait outside for another: the note that says so.
WITHIN = "bulkhead"


class Bulkhead:
    """Lets at most `threads` requests into `app` at the same time.

    Args:
        threads: how many may be inside. A response that is made while it is sent counts until it is closed.
        waiting: how many more may wait for one of them to leave, each in a thread of the server.
        wait_s: for how many seconds; then they are refused too.
        retry_after_s: what Retry-After of a refusal says, in whole seconds.
        backlog: how many more may wait in the server's backlog, first come, first served, where it offers
            that and Afresh is the outermost middleware.

    Raises ValueError for numbers that cannot be.
    """

    def __init__(
        self,
        app: WSGIApplication,
        threads: int,
        *,
        waiting: int = 0,
        wait_s: float = 1.0,
        retry_after_s: float = 1.0,
        backlog: int = 0,
    ) -> None:
        if threads < 1 or min(waiting, wait_s, retry_after_s, backlog) < 0:
            raise ValueError("bulkhead: threads is at least 1, and nothing else is below 0")
        self._app = app
        self._threads = threads
        self._waiting_max = waiting
        self._wait_s = wait_s
        self._refusal = [("Retry-After", str(math.ceil(retry_after_s)))]
        self._backlog_max = backlog
        self._changed = threading.Condition()
        self._inside: set[int] = set()
        self._waiting = 0
        self._line: deque[_Place] = deque()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        notes = environ.get(AGAIN)
        place = self._place_of(notes)
        if not self._enter(place):
            if self._postpone(place, environ):
                return ()
            text = "Too many requests of this kind are under way."
            return plain_answer(environ, start_response, "503 Service Unavailable", self._refusal, text)
        if notes is not None:
            notes[WITHIN] = True
        try:
            result = self._app(environ, start_response)
        except BaseException:
            place.give_up()
            raise
        if is_finished(result, environ):
            place.give_up()
            return result
        return _Inside(result, place)

    @property
    def inside(self) -> int:
        """How many requests are inside now, or have been told to come in."""
        return len(self._inside)

    def _place_of(self, notes: dict[object, Any] | None) -> _Place:
        """The place that the request has been given while it waited, or a new one."""
        kept: _Place | None = notes.pop(self, None) if notes is not None else None
        if kept is not None and kept.key in self._inside:
            return kept
        if kept is not None:
            kept.give_up()
        return _Place(self)

    def _enter(self, place: _Place) -> bool:
        with self._changed:
            if place.key in self._inside:  # it has waited in the backlog, and its turn has come
                return True
            # Who waits already comes first.
            if len(self._inside) < self._threads and not self._waiting and not self._line:
                self._inside.add(place.key)
                return True
            if self._waiting >= self._waiting_max:
                return False
            self._waiting += 1
            try:
                free = self._changed.wait_for(lambda: len(self._inside) < self._threads, self._wait_s)
                if free:
                    self._inside.add(place.key)
                return free
            finally:
                self._waiting -= 1

    def _postpone(self, place: _Place, environ: WSGIEnvironment) -> bool:
        """Whether the request waits in the backlog now."""
        notes = environ.get(AGAIN)
        if notes is None or POSTPONE not in environ or WITHIN in notes:
            return False
        with self._changed:
            if len(self._line) >= self._backlog_max:
                return False
            place.resume = environ[POSTPONE](place.give_up)
            notes[self] = place
            self._line.append(place)
            self._let_in()  # somebody may have left since it was turned away
        return True

    def _let_in(self) -> None:
        """Call in as many as there is room for, so that nobody who comes later is faster."""
        while self._line and len(self._inside) < self._threads:
            place = self._line[0]
            self._inside.add(place.key)
            if not place.resume():
                self._inside.discard(place.key)
            self._line.popleft()
        self._changed.notify()

    def _leave(self, place: _Place) -> None:
        """From inside, or from the line. Idempotent."""
        with self._changed:
            self._inside.discard(place.key)
            if place in self._line:
                self._line.remove(place)
            self._let_in()


class _Place:
    """One request's place, inside or in the line. An exception that a server raises in a thread may come
    anywhere, so a place that nobody has any more gives itself up.
    """

    resume: Callable[[], bool]

    def __init__(self, bulkhead: Bulkhead) -> None:
        self.key = id(self)
        self._bulkhead = bulkhead

    def give_up(self) -> None:
        self._bulkhead._leave(self)

    def __del__(self) -> None:
        if self.key in self._bulkhead._inside:
            self.give_up()


def is_finished(result: Iterable[bytes], environ: WSGIEnvironment) -> bool:
    """Whether the application's work is over: all of it is there, or is a file for the server to send."""
    if type(result) is list or type(result) is tuple:
        return True
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and type(result) is wrapper


class _Inside:
    """The body of a response whose application is still at work; leaves the bulkhead when it is closed."""

    def __init__(self, result: Iterable[bytes], place: _Place) -> None:
        self._result = result
        self._place = place

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._result)

    def close(self) -> None:
        try:
            if hasattr(self._result, "close"):
                self._result.close()
        finally:
            self._place.give_up()
