"""A limit on request bodies, told or counted."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from potstill.middleware import BodyLimit
from potstill.middleware.body_limit import BodyTooLargeError
from tests.unit.middleware.hosts import Answered, Recorder, call, environ_of, validated

Read = Callable[[Any], bytes]

READS: dict[str, Read] = {
    "read": lambda stream: stream.read(-1),
    "read in pieces": lambda stream: b"".join(iter(lambda: stream.read(3), b"")),
    "read more than there is": lambda stream: stream.read(1 << 30) + stream.read(1 << 30),
    "readline": lambda stream: b"".join(iter(lambda: stream.readline(), b"")),
    "readline in pieces": lambda stream: b"".join(iter(lambda: stream.readline(2), b"")),
    "readlines": lambda stream: b"".join(stream.readlines(-1)),
    "readlines with a hint": lambda stream: b"".join(stream.readlines(1) + stream.readlines(None)),
    "iteration": lambda stream: b"".join(stream),
}


def ask(
    body: bytes, limit: int, read: Read, *, length: str | None = None, catch: bool = False, late: bool = False
) -> Answered:
    """One request to an application that reads, perhaps as late as in its iterable, and repeats it."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def answer() -> Iterable[bytes]:
            status, body = "200 OK", b""
            try:
                body = read(environ["wsgi.input"])
            except OSError:
                if not catch:
                    raise
                status = "500 Internal Server Error"
            start_response(status, [("Content-Type", "text/plain")])
            yield body or b"(nothing)"

        return answer() if late else list(answer())

    environ = environ_of(REQUEST_METHOD="POST")
    environ["wsgi.input"] = io.BytesIO(body)
    environ["wsgi.input_terminated"] = True
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    # The validator counts read() without a size as a mistake, and so is left out around what reads.
    return call(BodyLimit(app, limit), Recorder(), environ)


BODY = b"one\ntwo\nthree"
WAYS_TO_READ = pytest.mark.parametrize("read", READS.values(), ids=READS)


@WAYS_TO_READ
@pytest.mark.parametrize("limit", [len(BODY), 1000])
def test_a_body_within_the_limit_arrives_whole(read: Read, limit: int) -> None:
    """Every octet, by every way to read."""
    assert ask(BODY, limit, lambda stream: read(Sized(stream))).body == BODY


class Sized:
    """What the validator wants: each read with a size. -1 is one."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.read = stream.read
        self.readlines = stream.readlines

    def readline(self, size: int = 1 << 20) -> bytes:
        return self._stream.readline(size)  # type: ignore[no-any-return]

    def __iter__(self) -> Any:
        return iter(self._stream)


@WAYS_TO_READ
@pytest.mark.parametrize("limit", [0, 1, 5, len(BODY) - 1])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("catch", [False, True])
def test_a_body_beyond_the_limit_is_413(read: Read, limit: int, late: bool, catch: bool) -> None:
    """Whatever the application makes of the error, and whenever it reads."""
    answer = ask(BODY, limit, lambda stream: read(Sized(stream)), catch=catch, late=late)
    assert answer.status == "413 Content Too Large"
    assert b"one" not in answer.body


@pytest.mark.parametrize(
    ("length", "code"),
    [
        ("5", 200),
        ("6", 413),
        ("0005", 200),
        ("9" * 5000, 413),
        ("-1", 400),
        ("+5", 400),
        ("5x", 400),
        ("٥", 400),
    ],
)
def test_a_told_length_is_judged_before_the_application_is_called(length: str, code: int) -> None:
    """RFC 9110 section 8.6: digits. Nothing is read of what is too long."""
    called: list[str] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        called.append(length)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return []

    environ = environ_of(REQUEST_METHOD="POST", CONTENT_LENGTH=length)
    result: Any = BodyLimit(app, 5)(environ, lambda status, fields, exc_info=None: called.append(status[:3]))
    list(result)
    assert called == ([length, "200"] if code == 200 else [str(code)])


def test_who_reads_nothing_is_not_bothered() -> None:
    """The limit is on what reaches the application."""
    assert ask(BODY, 1, lambda stream: b"").body == b"(nothing)"


def test_a_response_that_has_begun_cannot_be_replaced() -> None:
    """The error is the application's; the server cuts the response."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"begun"
        environ["wsgi.input"].read(100)

    environ = environ_of(REQUEST_METHOD="POST")
    environ["wsgi.input"] = io.BytesIO(BODY)
    result: Any = BodyLimit(validated(app), 1)(environ, lambda *_: lambda _: None)
    blocks = iter(result)
    assert next(blocks) == b"begun"
    with pytest.raises(BodyTooLargeError):
        next(blocks)
    result.close()


def test_a_negative_limit_is_refused() -> None:
    """Nothing at all would be 0."""
    with pytest.raises(ValueError, match="body limit: -1 is below 0"):
        BodyLimit(Recorder(), -1)
