"""What --dev puts around an application."""

from __future__ import annotations

import builtins
import logging
from typing import Any

import pytest

from potstill.dev.errors import ErrorPages
from potstill.dev.pages import Pages
from potstill.dev.wrapping import with_pages
from tests.unit.dev.raising import environ, error_of
from tests.unit.dev.test_debugger import app


def test_without_werkzeug_there_are_pages_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And a line that names the extra."""
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("werkzeug"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with caplog.at_level(logging.INFO, "potstill"):
        wrapped = with_pages(app, Pages(), console=True)
    assert isinstance(wrapped, ErrorPages)
    assert "potstill[dev]" in caplog.text


def test_no_debugger_is_pages_without_values() -> None:
    assert isinstance(with_pages(app, pages := Pages(values=False), console=False), ErrorPages)
    assert "item = {}" not in pages.of(environ(), error_of()).text
