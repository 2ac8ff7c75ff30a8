"""Werkzeug's debugger behind its door: who is let in, and with what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from potstill.dev import debugger
from potstill.dev.debugger import Debugger
from potstill.dev.pages import HTML, Pages
from potstill.dev.wrapping import with_pages
from tests.unit.dev.raising import environ, price

STRANGERS = [
    {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
    {"HTTP_FORWARDED": "for=127.0.0.1"},
    {"REMOTE_ADDR": "192.0.2.7"},
    {"REMOTE_ADDR": ""},
    {"HTTP_HOST": "evil.example"},
]


def app(environ: Any, start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/cart":
        price({})
    start_response("404 Not Found", [])
    return [b"the application's own"]


def ask(application: Any, **more: str) -> tuple[str, str, dict[str, str]]:
    told: list[Any] = []

    def start_response(status: str, fields: Any, exc_info: Any = None) -> Any:
        told[:] = [status, dict(fields)]

    asked = {"wsgi.errors": None, "SERVER_NAME": "localhost", "SERVER_PORT": "8000"}
    blocks = application({**environ(HTTP_ACCEPT=HTML), **asked, **more}, start_response)
    body = b"".join(blocks).decode()
    return told[0], body, told[1]


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def wrapped(pages: Pages) -> Any:
    return with_pages(app, pages, console=True)


def console_of(page: str) -> dict[str, str]:
    """The secret and the last frame of an error page."""
    secret = re.search(r'SECRET = "(\w+)"', page)
    frames = re.findall(r'id="frame-(\d+)"', page)
    assert secret
    return {"s": secret[1], "frm": frames[-1]}


def question(**parts: str) -> str:
    return "&".join(["__debugger__=yes", *(f"{name}={value}" for name, value in parts.items())])


def test_a_console_opens_with_the_pin_and_not_without(wrapped: Any, pages: Pages) -> None:
    """The whole way: page, refusal, PIN, cookie, and an expression in the frame."""
    _, page, _ = ask(wrapped)
    console = console_of(page)
    assert "EVALEX = true" in page
    locked = question(**console, cmd="len(item)")
    assert "the application's own" in ask(wrapped, QUERY_STRING=locked, PATH_INFO="/x")[1]
    wrong = question(s=console["s"], cmd="pinauth", pin="000-000-000")
    assert '"auth": false' in ask(wrapped, QUERY_STRING=wrong)[1]
    assert pages.debugger is not None
    right = question(s=console["s"], cmd="pinauth", pin=pages.debugger.pin)
    _, told, fields = ask(wrapped, QUERY_STRING=right)
    assert '"auth": true' in told
    cookie = fields["Set-Cookie"].partition(";")[0]
    assert ">0<" in ask(wrapped, QUERY_STRING=locked, HTTP_COOKIE=cookie)[1]


@pytest.mark.parametrize("stranger", STRANGERS, ids=str)
def test_a_stranger_gets_no_answer_of_the_debugger(
    wrapped: Any, pages: Pages, stranger: dict[str, str]
) -> None:
    """Not even with the secret, the PIN and the cookie: the request is the application's."""
    console = console_of(ask(wrapped)[1])
    assert pages.debugger is not None
    entry = question(s=console["s"], cmd="pinauth", pin=pages.debugger.pin)
    cookie = ask(wrapped, QUERY_STRING=entry)[2]["Set-Cookie"].partition(";")[0]
    for asked in (entry, question(**console, cmd="1"), question(cmd="resource", f="debugger.js")):
        told = ask(wrapped, QUERY_STRING=asked, PATH_INFO="/x", HTTP_COOKIE=cookie, **stranger)[1]
        assert told == "the application's own"
    assert "EVALEX" not in ask(wrapped, **stranger)[1]


def test_there_is_no_console_at_large(wrapped: Any) -> None:
    """/console is an address like any other."""
    assert ask(wrapped, PATH_INFO="/console")[1] == "the application's own"


def test_a_debugger_without_a_pin_is_none(
    monkeypatch: pytest.MonkeyPatch, pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WERKZEUG_DEBUG_PIN", "off")
    with pytest.raises(ValueError):
        Debugger(app)
    wrapped = with_pages(app, pages, console=True)
    assert "EVALEX" not in ask(wrapped)[1]
    assert "WERKZEUG_DEBUG_PIN=off" in caplog.text


def test_the_frames_of_the_server_are_not_shown(wrapped: Any) -> None:
    page = ask(wrapped)[1]
    assert 'in <code class="function">price</code>' in page
    assert "potstill/dev" not in page


def test_frames_are_not_kept_for_ever(wrapped: Any, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The console of the newest page works, whatever came before."""
    monkeypatch.setattr(debugger, "FRAMES_MAX", 6)
    for _ in range(10):
        page = ask(wrapped)[1]
    assert pages.debugger is not None
    entry = question(s=console_of(page)["s"], cmd="pinauth", pin=pages.debugger.pin)
    cookie = ask(wrapped, QUERY_STRING=entry)[2]["Set-Cookie"].partition(";")[0]
    asked = question(**console_of(page), cmd="len(item)")
    assert ">0<" in ask(wrapped, QUERY_STRING=asked, HTTP_COOKIE=cookie)[1]
    assert len(pages.debugger._werkzeug.frames) == 6
