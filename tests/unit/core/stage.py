"""What the tests of the answer share: one engine for all of them, and an application that changes with the
test.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.engine import (
    GET,
    Application,
    Environ,
    Running,
    StartResponse,
    engine_on,
    hello,
    wait_until,
)
from tests.support.wire import Client, CutError, Response

PLAIN = [("Content-Type", "text/plain")]


class Piece:
    """The application of the moment."""

    def __init__(self) -> None:
        self.application: Application = hello

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self.application(environ, start_response)


@dataclass
class Stage:
    """A running engine whose application a test exchanges by `play`."""

    running: Running
    piece: Piece

    def play(self, application: Application) -> None:
        self.piece.application = application

    def play_body(self, body: Any, status: str = "200 OK", fields: list[tuple[str, str]] = PLAIN) -> None:
        """An application that calls start_response and returns `body`, or what `body()` makes."""

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response(status, list(fields))
            return body() if callable(body) else body  # type: ignore[no-any-return]

        self.play(application)

    def client(self) -> Client:
        return self.running.client()

    def ask(self, raw: bytes = GET) -> Response:
        """The answer to one request on a connection of its own, which then still works, or has been ended
        cleanly.
        """
        with self.client() as client:
            client.send(raw)
            response = client.response(head=raw.startswith(b"HEAD "))
            if "close" in response.connection or response.framing == "close":
                client.expect_end()
            else:
                self.expect_alive(client)
            return response

    def expect_alive(self, client: Client) -> None:
        """Another request on the same connection is answered."""
        self.play(hello)
        client.send(GET)
        assert client.response().body == b"hello\n"


@contextmanager
def stage(**changes: Any) -> Iterator[Stage]:
    piece = Piece()
    with engine_on(piece, **changes) as running:
        yield Stage(running, piece)


class Body:
    """An iterable that counts how often it was closed."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        for part in self.parts:
            if isinstance(part, BaseException):
                raise part
            yield part() if callable(part) else part

    def close(self) -> None:
        self.closed += 1


class Log(logging.Handler):
    """What the engine has logged since the test began, waited for: a thread of the engine writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def wait_for(self, *parts: str) -> logging.LogRecord:
        """The first record that has all of the parts."""
        wait_until(lambda: self._find(parts), f"a line of the log with {parts}; there are {self.texts()}")
        found = self._find(parts)
        assert found is not None
        return found

    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    def _find(self, parts: tuple[str, ...]) -> logging.LogRecord | None:
        for record in list(self.records):
            if all(part in record.getMessage() for part in parts):
                return record
        return None


@contextmanager
def logged() -> Iterator[Log]:
    """Take the engine's log, from INFO on; nothing of it goes further."""
    log = Log()
    logger = logging.getLogger("potstill")
    before = logger.level, logger.propagate
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield log
    finally:
        logger.removeHandler(log)
        level, logger.propagate = before
        logger.setLevel(level)


def cut_answer(on: Stage, raw: bytes = GET) -> CutError:
    """How the answer to this request is cut; that it is not is a failure."""
    with on.client() as client:
        client.send(raw)
        with pytest.raises(CutError) as cut:
            client.response()
        return cut.value
