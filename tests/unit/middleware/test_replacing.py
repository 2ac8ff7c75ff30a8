"""A response that is replaced by another one, and one that is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from potstill.middleware.replacing import Fields, Judge, call_judged
from tests.unit.middleware.calling import WAYS, Server, Speaker, through
from tests.unit.middleware.hosts import environ_of

OTHER = Speaker("blocks", [b"other ", b"answer"], status="418 Teapot")


class Marked(Judge):
    """Replaces responses that have a mark; takes it away where it says no."""

    def __init__(self, verdict: WSGIApplication | None) -> None:
        self.verdict = verdict
        self.errors: list[Exception] = []

    def started(self, status: str, fields: Fields) -> WSGIApplication | None:
        fields[:] = [field for field in fields if field[0] != "X-Mark"]
        return self.verdict

    def failed(self, error: Exception) -> WSGIApplication | None:
        self.errors.append(error)
        return self.verdict


def judged(verdict: WSGIApplication | None) -> Callable[[WSGIApplication], WSGIApplication]:
    def wrap(app: WSGIApplication) -> WSGIApplication:
        return lambda environ, start_response: call_judged(app, environ, start_response, Marked(verdict))

    return wrap


FIELDS = [("Content-Type", "text/plain"), ("X-Mark", "1")]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_replaced_goes_through(way: str) -> None:
    """The judge may change its fields; the body, write() and close() are as they were."""
    heard = through(judged(None), Speaker(way, [b"one", b"two"], FIELDS))
    assert (heard.status, heard.fields, heard.body) == ("200 OK", FIELDS[:1], b"onetwo")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_replaced_leaves_nothing(way: str) -> None:
    """Neither a field nor an octet, whatever was written; both iterables are closed."""
    other = Speaker("blocks", [b"other ", b"answer"], status="418 Teapot")
    heard = through(judged(other), Speaker(way, [b"one", b"two"], FIELDS))
    assert (heard.status, heard.fields, heard.body) == ("418 Teapot", FIELDS[:1], b"other answer")
    assert other.closed == 2


def test_a_late_response_without_a_body_is_replaced_too() -> None:
    """The head came with the end."""
    heard = through(judged(Speaker("whole", [b"other"])), Speaker("late", [], FIELDS))
    assert heard.body == b"other"


@pytest.mark.parametrize("late", [False, True])
def test_an_error_can_be_answered(late: bool) -> None:
    """As long as no response was started; else it goes on to the server."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def body() -> Iterable[bytes]:
            raise KeyError("broken")
            yield b""

        if late:
            return body()
        raise KeyError("broken")

    for verdict in (None, Speaker("whole", [b"sorry"])):
        server = Server(judged(verdict)(app))
        if verdict is None:
            with pytest.raises(KeyError, match="broken"):
                server.ask(environ_of())
        else:
            assert server.ask(environ_of()).body == b"sorry"


def test_an_error_after_the_start_is_the_servers() -> None:
    """The client has a head already, perhaps."""
    judge = Marked(Speaker("whole", [b"sorry"]))

    class Stubborn(Marked):
        def started(self, status: str, fields: Fields) -> WSGIApplication | None:
            return None

    def app(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", FIELDS)
        raise KeyError("broken")

    judge = Stubborn(OTHER)
    with pytest.raises(KeyError, match="broken"):
        call_judged(app, environ_of(), lambda *_: lambda _: None, judge)
    assert judge.errors == []


def test_the_very_iterable_goes_through() -> None:
    """A server knows its file wrapper by its type."""
    result: list[bytes] = []

    def app(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", FIELDS)
        return result

    assert call_judged(app, environ_of(), lambda *_: lambda _: None, Marked(None)) is result
