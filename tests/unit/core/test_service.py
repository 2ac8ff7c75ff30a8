"""What all connections share: each limit of the options reaches them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from potstill.core.engine import Engine
from tests.support.engine import Environ, StartResponse, engine_on, listen, options, request

LINE = len("GET /xxxx HTTP/1.1")


def names(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [" ".join(sorted(key for key in environ if key.startswith("HTTP_X"))).encode()]


@pytest.mark.parametrize(
    ("changes", "raw", "status"),
    [
        ({"limit_request_line": LINE}, request("/xxxx"), 200),
        ({"limit_request_line": LINE}, request("/xxxxx"), 414),
        ({"limit_request_fields": 3}, request("/", "X-A: 1", "X-B: 2"), 200),
        ({"limit_request_fields": 3}, request("/", "X-A: 1", "X-B: 2", "X-C: 3"), 431),
        ({"limit_request_field_size": 100}, request("/", "X-A: " + "x" * 50), 200),
        ({"limit_request_field_size": 100}, request("/", "X-A: " + "x" * 100), 431),
        ({"limit_request_head": 300}, request("/", "X-A: " + "x" * 100), 200),
        ({"limit_request_head": 300}, request("/", "X-A: " + "x" * 300), 431),
        ({"limit_request_body": 10}, request("/", method="POST", body=bytes(10)), 200),
        ({"limit_request_body": 10}, request("/", method="POST", body=bytes(11)), 413),
        ({"limit_request_body": 0}, request("/", method="POST", body=bytes(100_000)), 200),
        ({"header_map": "drop"}, request("/", "X_A: 1"), 200),
        ({"header_map": "refuse"}, request("/", "X_A: 1"), 400),
    ],
)
def test_a_limit(changes: dict[str, Any], raw: bytes, status: int) -> None:
    """What is allowed by each, and what is not."""
    with engine_on(names, **changes) as running, running.client() as client:
        client.send(raw)
        assert client.response().status == status


@pytest.mark.parametrize(("header_map", "seen"), [("drop", b"HTTP_X_B"), ("keep", b"HTTP_X_A HTTP_X_B")])
def test_names_with_an_underscore(header_map: str, seen: bytes) -> None:
    """They would be taken for the dashed ones."""
    with engine_on(names, header_map=header_map) as running:
        assert running.ask(request("/", "X_A: 1", "X-B: 2")) == seen


def test_an_unknown_word_is_an_error() -> None:
    with listen() as listener, pytest.raises(ValueError, match="index"):
        Engine(names, [listener], options(header_map="perhaps"))
