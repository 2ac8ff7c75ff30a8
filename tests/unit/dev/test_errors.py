"""Error pages around applications that fail at each moment at which one can."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from potstill.core.interrupts import RequestTimeout
from potstill.dev.errors import ErrorPages
from potstill.dev.pages import Pages
from tests.unit.dev.raising import environ


class Answer:
    """A start_response that behaves as PEP 3333 says."""

    def __init__(self) -> None:
        self.status = ""
        self.sent = False

    def __call__(self, status: str, fields: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        if exc_info and self.sent:
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info or not self.status
        self.status = status
        return lambda block: None


def ask(application: Any) -> tuple[str, bytes]:
    """Status and body, gone through as a server does."""
    answer, body = Answer(), b""
    blocks = ErrorPages(application, Pages())(environ(), answer)
    try:
        for block in blocks:
            answer.sent = answer.sent or bool(block)
            body += block
    finally:
        close = getattr(blocks, "close", None)
        if close:
            close()
    return answer.status, body


def test_what_does_not_fail_is_passed_on_as_it_is() -> None:
    blocks = [b"a"]

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return blocks

    assert ErrorPages(app, Pages())(environ(), Answer()) is blocks


def test_before_start_response(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise KeyError("price")

    with caplog.at_level(logging.ERROR, "potstill"):
        status, body = ask(app)
    assert status == "500 Internal Server Error"
    assert b"KeyError: 'price'" in body
    assert "GET /cart?a=1 raised" in caplog.text


def test_in_a_generator_before_its_first_byte() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b""
        raise KeyError("price")

    status, body = ask(app)
    assert status.startswith("500")
    assert b"KeyError: 'price'" in body


def test_after_the_first_byte_it_is_the_servers_business() -> None:
    """Half an answer must not look like a whole one."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"half"
        raise KeyError("price")

    with pytest.raises(KeyError):
        ask(app)


def test_interrupts_pass_through() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        raise RequestTimeout
        yield b""

    with pytest.raises(RequestTimeout):
        ask(app)


def test_close_is_called_whatever_happens() -> None:
    closed = []

    class Blocks:
        def __iter__(self) -> Iterator[bytes]:
            raise KeyError("price")

        def close(self) -> None:
            closed.append(True)

    assert ask(lambda environ, start_response: Blocks())[0].startswith("500")
    assert closed == [True]
