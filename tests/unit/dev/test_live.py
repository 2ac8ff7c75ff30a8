"""Which answers get the script, and what the script is told."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from potstill.dev.live import PATH, LiveReload
from tests.unit.dev.raising import environ

PAGE = b"<html><body>Hello</body></html>"
HTML = ("Content-Type", "text/html; charset=utf-8")


def ask(live: LiveReload, **more: str) -> tuple[str, dict[str, str], bytes]:
    told: list[Any] = []
    blocks = live(environ(**more), lambda *given: told.extend(given))
    body = b"".join(blocks)
    return told[0], dict(told[1]), body


def live_of(*fields: tuple[str, str], status: str = "200 OK", stream: bool = False) -> LiveReload:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, list(fields))
        return iter([PAGE]) if stream else [PAGE]

    return LiveReload(app, threading.Event())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
def test_pages_get_the_script(stream: bool, status: str) -> None:
    """Those that tell of an error as well: they are the ones to be looked at again."""
    live = live_of(HTML, ("Content-Length", str(len(PAGE))), ("ETag", '"a"'), status=status, stream=stream)
    _, fields, body = ask(live)
    assert body.startswith(PAGE + b'<script src="/.potstill/live-reload.js?version=')
    assert fields["Content-Length"] == str(len(body))
    assert fields["Cache-Control"] == "no-store"
    assert "ETag" not in fields


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("200 OK", [("Content-Type", "application/json")]),
        ("200 OK", []),
        ("200 OK", [HTML, ("Content-Encoding", "gzip")]),
        ("206 Partial Content", [HTML]),
        ("304 Not Modified", [HTML]),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_other_answers_are_left_as_they_are(status: str, fields: list[tuple[str, str]], stream: bool) -> None:
    told, found, body = ask(live_of(*fields, status=status, stream=stream))
    assert (told, found, body) == (status, dict(fields), PAGE)


@pytest.mark.parametrize(
    ("wanted_for", "scripts"), [("document", 1), ("iframe", 1), ("empty", 0), ("script", 0)]
)
def test_parts_of_pages_that_a_script_fetches_are_left_alone(wanted_for: str, scripts: int) -> None:
    """Otherwise a page would ask once more for each part that it has loaded."""
    assert ask(live_of(HTML), HTTP_SEC_FETCH_DEST=wanted_for)[2].count(b"<script") == scripts


def test_a_generator_may_say_late_that_it_is_a_page() -> None:
    closed = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            start_response("200 OK", [HTML])
            yield PAGE
        finally:
            closed.append(True)

    live = LiveReload(app, threading.Event())
    blocks = live(environ(), lambda *given: None)
    assert b"<script" in b"".join(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert closed == [True]


def version_of(live: LiveReload) -> str:
    return ask(live)[2].partition(b"version=")[2].partition(b'"')[0].decode()


def test_the_script_asks_for_the_version_of_its_page() -> None:
    live = live_of(HTML)
    script = ask(live, PATH_INFO=f"{PATH}.js")[2].decode()
    assert f"{PATH}?version={version_of(live)}" in script


def test_an_old_version_is_told_to_reload() -> None:
    assert ask(live_of(HTML), PATH_INFO=PATH, QUERY_STRING="version=old")[2] == b"reload"
    assert ask(live_of(HTML), PATH_INFO=PATH, QUERY_STRING="")[2] == b"reload"


def test_the_present_version_is_told_to_wait_once_the_code_has_changed() -> None:
    """The answer is held until then, in a seat that is given to others."""
    changed, left = threading.Event(), []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML])
        return [PAGE]

    live = LiveReload(app, changed)
    asked = environ(PATH_INFO=PATH, QUERY_STRING=f"version={version_of(live)}")
    answers: list[bytes] = []

    def ask_and_wait() -> None:
        left_seat = {"potstill.io_bound": lambda: left.append(True)}
        answers.extend(live({**asked, **left_seat}, lambda *given: None))

    thread = threading.Thread(target=ask_and_wait)
    thread.start()
    thread.join(0.05)
    assert answers == []
    changed.set()
    thread.join(5)
    assert (answers, left) == ([b"wait"], [True])
