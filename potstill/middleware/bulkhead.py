"""A bulkhead: of all the server's threads, one application gets no more than so many.

When a back end behind one route hangs, that route's requests would take one thread after the other until
none is left for the rest. Here the request that would be one too many is refused at once, with 503 and
Retry-After, and so costs nothing.

It may be told to let a few wait instead. They wait in threads of the server, the very thing that is to be
spared, so that line is short, bounded, and off by default. Only the server itself can let requests wait that
hold no thread.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from potstill.middleware.answers import plain_answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Bulkhead:
    """Lets at most `threads` requests into `app` at the same time.

    Args:
        threads: how many may be inside. A response that is made while it is sent counts until it is closed.
        waiting: how many more may wait for one of them to leave, each in a thread of the server.
        wait_s: for how many seconds; then they are refused too.
        retry_after_s: what Retry-After of a refusal says, in whole seconds.

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
    ) -> None:
        if threads < 1 or waiting < 0 or wait_s < 0 or retry_after_s < 0:
            raise ValueError("bulkhead: threads is at least 1, and nothing else is below 0")
        self._app = app
        self._threads = threads
        self._waiting_max = waiting
        self._wait_s = wait_s
        self._refusal = [("Retry-After", str(math.ceil(retry_after_s)))]
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._enter():
            text = "Too many requests of this kind are under way."
            return plain_answer(environ, start_response, "503 Service Unavailable", self._refusal, text)
        try:
            result = self._app(environ, start_response)
        except BaseException:
            self._leave()
            raise
        if is_finished(result, environ):
            self._leave()
            return result
        return _Inside(result, self)

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

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify()

    @property
    def inside(self) -> int:
        """How many requests are inside now."""
        return self._inside


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
