"""The application in place of one that cannot be loaded."""

from __future__ import annotations

from typing import Any

from potstill.dev.broken import Broken
from potstill.dev.pages import Pages
from tests.unit.dev.raising import environ, error_of


def ask(broken: Broken) -> tuple[str, bytes]:
    told: list[Any] = []
    blocks = broken(environ(), lambda *given: told.extend(given))
    return told[0], b"".join(blocks)


def test_it_tells_the_exception() -> None:
    status, body = ask(Broken("shop:app", "text", error_of(), Pages()))
    assert status.startswith("500")
    assert body.startswith(b"shop:app cannot be loaded\n")
    assert b"KeyError: 'price'" in body


def test_it_tells_the_text_where_there_is_no_exception() -> None:
    assert b"killed by SIGKILL" in ask(Broken("shop:app", "it was killed by SIGKILL", None, Pages()))[1]
