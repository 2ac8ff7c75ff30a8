"""Views that last: they leave their seats, or do not come back from where no exception reaches them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Self

from tests.support.engine import WAIT_S, Environ, Running, StartResponse, request
from tests.support.wire import Client
from tests.unit.core.views import Views

LAST = request("/last")


class Lasting(Views):
    """/last asks for a thread of its own and then waits at the gate; else as Views."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bool] = []  # what io_bound() said

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/last":
            self.told.append(environ["potstill.io_bound"]())
            self.gate.pass_through()
        return super().__call__(environ, start_response)


class Stuck:
    """A call into C that comes back when the test says so: an exception that is raised inside of it waits
    until then.
    """

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._lock.acquire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def stay(self) -> None:
        """Called by the view."""
        self.entered.release()
        if self._lock.acquire(timeout=WAIT_S):
            self._lock.release()

    def wait_entered(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.entered.acquire(timeout=WAIT_S), "the view was not called"

    def free(self) -> None:
        if self._lock.locked():
            self._lock.release()


def last(running: Running, views: Lasting, stack: ExitStack, count: int) -> list[Client]:
    """So many clients whose view has asked for a thread of its own, and waits."""
    before = views.gate.entered
    clients = [stack.enter_context(running.client()) for _ in range(count)]
    for client in clients:
        client.send(LAST)
    views.gate.wait_entered(before + count)
    return clients


def threads_of(running: Running) -> list[str]:
    """The names of the engine's threads that live."""
    return sorted(thread.name for thread in running.engine.threads if thread.is_alive())
