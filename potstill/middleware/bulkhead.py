"""A bulkhead: of all the server's threads, one application gets no more than so many.

When a back end behind one route hangs, that route's requests would take one thread after the other until
none is left for the rest. Here the request that would be one too many does not get in. What becomes of it:

- it is refused at once, with 503 and Retry-After, and so costs nothing; or
- it waits in a thread of the server, the very thing that is to be spared, so that line is short, bounded, and
  off by default; or
- it waits in the server's backlog, without a thread, where the server can do that (`potstill.postpone`). It
  is then called again from the outside, so nothing that changes environ or counts requests may stand outside
  of such a bulkhead.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from potstill.middleware.answers import plain_answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

POSTPONE = "potstill.postpone"
# Where a request that waits in the backlog keeps its place in the line.
PLACE = "potstill.bulkhead.place"


class Bulkhead:
    """Lets at most `threads` requests into `app` at the same time.

    Args:
        threads: how many may be inside. A response that is made while it is sent counts until it is closed.
        waiting: how many more may wait for one of them to leave, each in a thread of the server.
        wait_s: for how many seconds; then they are refused too.
        retry_after_s: what Retry-After of a refusal says, in whole seconds.
        backlog: whether others wait in the server's backlog where it offers that, first come, first served.

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
        backlog: bool = False,
    ) -> None:
        if threads < 1 or waiting < 0 or wait_s < 0 or retry_after_s < 0:
            raise ValueError("bulkhead: threads is at least 1, and nothing else is below 0")
        self._app = app
        self._threads = threads
        self._waiting_max = waiting
        self._wait_s = wait_s
        self._refusal = [("Retry-After", str(math.ceil(retry_after_s)))]
        self._backlog = backlog
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting = 0
        self._line: deque[_Place] = deque()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.pop(PLACE, None) is None:
            if self._backlog and POSTPONE in environ:
                if not self._enter_or_postpone(environ):
                    return self._refused(environ, start_response) if PLACE not in environ else ()
            elif not self._enter():
                return self._refused(environ, start_response)
        try:
            result = self._app(environ, start_response)
        except BaseException:
            self._leave()
            raise
        if is_finished(result, environ):
            self._leave()
            return result
        return _Inside(result, self)

    def _refused(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        text = "Too many requests of this kind are under way."
        return plain_answer(environ, start_response, "503 Service Unavailable", self._refusal, text)

    def _enter(self) -> bool:
        with self._changed:
            # Who waits already comes first.
            if self._inside < self._threads and not self._waiting:
                self._inside += 1
                return True
            if self._waiting >= self._waiting_max:
                return False
            self._waiting += 1
            try:
                free = self._changed.wait_for(lambda: self._inside < self._threads, self._wait_s)
                self._inside += free
                return free
            finally:
                self._waiting -= 1

    def _enter_or_postpone(self, environ: WSGIEnvironment) -> bool:
        """Whether it is inside; if not, it stands in the line, and environ says so, or there is no room."""
        with self._changed:
            if self._inside < self._threads:
                self._inside += 1
                return True
            place = _Place(self)
            resume = environ[POSTPONE](place.give_up)
            if resume is not None:
                place.resume = resume
                environ[PLACE] = place
                self._line.append(place)
            return False

    def _leave(self) -> None:
        """Who leaves hands on what was its own, so that nobody comes in between."""
        with self._changed:
            while self._line:
                place = self._line.popleft()
                place.taken = place.resume()
                if place.taken:
                    return
            self._inside -= 1
            self._changed.notify()

    @property
    def inside(self) -> int:
        """How many requests are inside now, or have been told to come in."""
        return self._inside

    def _give_up(self, place: _Place) -> None:
        """A request has ended while it stood in the line, or after its turn had come."""
        with self._changed:
            if place in self._line:
                self._line.remove(place)
        if place.taken:
            self._leave()


class _Place:
    """One request's place in a bulkhead's line."""

    resume: Callable[[], bool]

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self.taken = False  # its turn has come

    def give_up(self) -> None:
        self._bulkhead._give_up(self)


def is_finished(result: Iterable[bytes], environ: WSGIEnvironment) -> bool:
    """Whether the application's work is over: all of it is there, or is a file for the server to send."""
    if type(result) is list or type(result) is tuple:
        return True
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and type(result) is wrapper


class _Inside:
    """The body of a response whose application is still at work; leaves the bulkhead when it is closed."""

    def __init__(self, result: Iterable[bytes], bulkhead: Bulkhead) -> None:
        self._result = result
        self._bulkhead: Bulkhead | None = bulkhead

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._result)

    def close(self) -> None:
        bulkhead, self._bulkhead = self._bulkhead, None
        try:
            if hasattr(self._result, "close"):
                self._result.close()
        finally:
            if bulkhead is not None:
                bulkhead._leave()
