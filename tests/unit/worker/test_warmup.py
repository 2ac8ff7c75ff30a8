"""Requests that are answered before anybody asks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from potstill.worker.warmup import WarmupError, warm_up
from tests.support.engine import StartResponse, options


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_the_application_is_asked_as_by_a_client(listener: socket.socket) -> None:
    """With an environ that PEP 3333 allows, and its answer is read to the end and closed."""
    seen: list[dict[str, Any]] = []

    @validator
    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        seen.append(environ)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        yield b"no "
        yield b"such page"

    lines = warm_up(application, ["/health?deep=1", "/"], listener, options())
    assert [line.partition(",")[0] for line in lines] == [
        "warm-up /health?deep=1: 404 Not Found",
        "warm-up /: 404 Not Found",
    ]
    assert ", 12 bytes, " in lines[0]
    assert (seen[0]["PATH_INFO"], seen[0]["QUERY_STRING"]) == ("/health", "deep=1")
    assert seen[0]["SERVER_PORT"] == str(listener.getsockname()[1])
    assert seen[0]["REMOTE_ADDR"] == "127.0.0.1"


def test_what_is_written_counts_too(listener: socket.socket) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])(b"hello ")
        return [b"world"]

    assert ", 11 bytes, " in warm_up(application, ["/"], listener, options())[0]


@pytest.mark.parametrize(("status", "words"), [("503 Busy", "'503 Busy'"), ("", "'no status'")])
def test_an_answer_that_is_none(listener: socket.socket, status: str, words: str) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        if status:
            start_response(status, [])
        return []

    with pytest.raises(WarmupError, match=f"the warm-up request /health with {words}"):
        warm_up(application, ["/health"], listener, options())


def test_what_the_application_raises_is_raised(listener: socket.socket) -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        raise LookupError("no database")

    with pytest.raises(LookupError, match="no database"):
        warm_up(application, ["/"], listener, options())
