"""A view that runs Python code until it is told to end, or is interrupted; and the inspector's rounds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.engine import (
    Environ,
    Running,
    StartResponse,
    engine_on,
    hello,
    request,
    wait_until,
)

BUSY = request("/busy", "X-Request-ID: r-42")


class Rounds:
    """A deadline that never passes, and tells how often the inspector has looked at it."""

    def __init__(self) -> None:
        self.count = 0

    def __float__(self) -> float:
        self.count += 1
        return float("inf")

    def wait(self) -> None:
        """Until a whole round has begun after now, and has looked at this request."""
        goal = self.count + 2
        wait_until(lambda: self.count >= goal, "the inspector goes round")


class Busy:
    """/busy runs Python code until it is told to end, or is interrupted; else hello.

    `begin` and `end` are what it does around that; how it ended is kept.
    """

    def __init__(self, begin: Callable[[Environ, StartResponse], object] = lambda _, __: None) -> None:
        self.begin = begin
        self.started = threading.Event()
        self.stop = threading.Event()
        self.ended = threading.Event()
        self.how: list[type[BaseException]] = []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/busy":
            return hello(environ, start_response)
        try:
            self.begin(environ, start_response)
            self.run()
        except BaseException as error:
            self.how.append(type(error))
            raise
        finally:
            self.ended.set()
        return hello(environ, start_response)

    def run(self) -> None:
        self.started.set()
        pause = threading.Lock()
        pause.acquire()
        while not self.stop.is_set():
            pause.acquire(timeout=0.002)


@contextmanager
def busy_on(application: Busy, **changes: Any) -> Iterator[Running]:
    """An engine with one seat, whose busy view ends with the test."""
    with engine_on(application, **{"threads": 1, **changes}) as running:
        try:
            yield running
        finally:
            application.stop.set()
