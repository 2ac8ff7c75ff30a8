"""Whenever a request is called again, its environ is as it came, but for what was noted meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from potstill.middleware import Afresh, RateLimit
from potstill.middleware.afresh import AGAIN
from tests.unit.middleware.hosts import Recorder, call, environ_of


class Note:
    def __init__(self) -> None:
        self.given_up = 0

    def give_up(self) -> None:
        self.given_up += 1


def test_what_was_changed_is_as_it_came() -> None:
    """Keys that were set, taken out and added; what the server says anew stays."""
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(dict(environ))
        environ["SCRIPT_NAME"] += "/a"
        environ.pop("HTTP_COOKIE", None)
        environ["added"] = "yes"
        start_response("200 OK", [("Content-Type", "text/plain")])
        return []

    environ = environ_of(HTTP_COOKIE="a=b", SCRIPT_NAME="")
    environ["potstill.queue_seconds"] = 0.0
    afresh = Afresh(app)
    call(afresh, Recorder(), environ)
    environ["potstill.queue_seconds"] = 3.0
    call(afresh, Recorder(), environ)
    assert [each["SCRIPT_NAME"] for each in seen] == ["", ""]
    assert [each["HTTP_COOKIE"] for each in seen] == ["a=b", "a=b"]
    assert [each["potstill.queue_seconds"] for each in seen] == [0.0, 3.0]
    assert "added" not in seen[1]
    assert seen[0][AGAIN] is seen[1][AGAIN]


def test_notes_that_nobody_asks_for_are_given_up() -> None:
    """Only those of the time before, and once."""
    old, new = Note(), Note()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[AGAIN].setdefault("old", old)
        if len(calls):
            environ[AGAIN]["new"] = new
        calls.append(1)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return []

    calls: list[int] = []
    environ = environ_of()
    for _ in range(2):
        call(Afresh(app), Recorder(), environ)
    assert (old.given_up, new.given_up) == (1, 0)
    assert set(environ[AGAIN]) == {"new"}


def test_a_rate_counts_once() -> None:
    def hello(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return []

    app = Afresh(RateLimit(hello, "1/h"))
    environ = environ_of(REMOTE_ADDR="192.0.2.1")
    assert [call(app, Recorder(), environ).code for _ in range(3)] == [200, 200, 200]
    assert call(app, Recorder(), environ_of(REMOTE_ADDR="192.0.2.1")).code == 429
