"""Views that hang, in the two ways there are, until the test lets them go; and what the log says of them.

    with Stuck() as stuck, stuck.engine(request_timeout_s=30.0) as running, running.client() as client:
        client.send(request("/in-python"))
        stuck.wait_entered(1)
        running.engine.advance_clock(31)

/in-python hangs in a loop of Python, which an exception can interrupt; /in-c hangs in a call that no
exception reaches; everything else is answered. Leaving either block lets all of them go, so that the engine's
threads end.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from tests.support.engine import (
    Application,
    Environ,
    Running,
    StartResponse,
    engine_on,
    hello,
    wait_until,
)

# How often a view that hangs in Python looks whether it may go.
LOOK_S = 0.002


class Stuck:
    """The views, what went through them, and the handle that lets them go. Any thread may use it."""

    def __init__(self) -> None:
        self.entered = 0
        self.left = 0
        # What ended a view before it was let go.
        self.raised: list[BaseException] = []
        self._counting = threading.Lock()
        self._free = False
        self._in_c = threading.Lock()
        self._never = threading.Lock()
        self._in_c.acquire()
        self._never.acquire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Now, and whoever comes later."""
        if not self._free:
            self._free = True
            self._in_c.release()

    @contextmanager
    def engine(self, application: Application | None = None, **changes: Any) -> Iterator[Running]:
        """An engine for these views, or for an application that hangs in them. All are let go before it is
        stopped, also when the test fails.
        """
        with engine_on(application or self.app, **changes) as running:
            try:
                yield running
            finally:
                self.let_go()

    def wait_entered(self, count: int) -> None:
        wait_until(lambda: self.entered >= count, f"{count} views hang")

    def wait_left(self, count: int) -> None:
        """Until so many views have ended, however."""
        wait_until(lambda: self.left >= count, f"{count} views have ended")

    def app(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/in-python"):
            self.hang(self.hang_in_python)
        elif path.startswith("/in-c"):
            self.hang(self.hang_in_c)
        return hello(environ, start_response)

    def hang(self, how: object) -> None:
        """Hang, and keep what put an end to it."""
        with self._counting:
            self.entered += 1
        try:
            assert callable(how)
            how()
        except BaseException as error:
            self.raised.append(error)
            raise
        finally:
            with self._counting:
                self.left += 1

    def hang_in_python(self) -> None:
        """Between two calls of `acquire` an exception can be raised."""
        while not self._free:
            self._never.acquire(timeout=LOOK_S)

    def hang_in_c(self) -> None:
        """No bytecode is run until the lock is had."""
        with self._in_c:
            pass


def told(record: logging.LogRecord) -> str:
    """All that a handler would write of the record, a stack that hangs on it included."""
    return logging.Formatter().format(record)


def seconds_in(text: str) -> list[float]:
    """Every duration in seconds that the text names: `31.2 s`, `31s`, `0.003 seconds`."""
    return [float(number) for number in re.findall(r"(?<![\w.])(\d+(?:\.\d+)?) ?s(?:econds?)?\b", text)]
