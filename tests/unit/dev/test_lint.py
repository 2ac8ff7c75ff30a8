"""One application for each violation, and what is found in it."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from potstill.dev.findings import Findings
from potstill.dev.lint import Lint
from tests.unit.dev.raising import environ

TEXT = ("Content-Type", "text/plain")
Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def found_in(app: Application, method: str = "GET", slow_s: float = 10.0) -> list[str]:
    """Rules and sentences, after one request that is gone through as a server does."""
    findings = Findings(log=False)
    asked = {
        **environ(REQUEST_METHOD=method),
        "wsgi.input": io.BytesIO(b"body"),
        "wsgi.errors": io.StringIO(),
    }
    blocks = Lint(app, findings, slow_s)(asked, lambda *given: lambda block: None)
    if blocks is not None and hasattr(blocks, "__iter__"):
        for _ in blocks:
            pass
        getattr(blocks, "close", lambda: None)()
    for finding in findings.all:
        assert finding.file.endswith(("test_lint.py", "?"))
    return [f"{finding.rule}: {finding.text}" for finding in findings.all]


def answering(*fields: Any, status: Any = "200 OK", body: Any = (b"a",)) -> Application:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [*fields])
        return list(body) if isinstance(body, tuple) else body

    return app


@pytest.mark.parametrize("body", [(b"a", b""), (), iter([b"a"]), (block for block in [b"a"])], ids=repr)
def test_nothing_is_found_in_what_is_right(body: Any) -> None:
    assert found_in(answering(TEXT, body=body)) == []


def test_reading_in_every_way_of_the_pep_is_right() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        stream = environ["wsgi.input"]
        stream.read(1), stream.readline(), stream.read(), list(stream)
        environ["wsgi.errors"].write("said")
        start_response("204 No Content", [])
        return []

    assert found_in(app) == []


@pytest.mark.parametrize(
    ("app", "found"),
    [
        (answering(TEXT, status=200), "validate: Status must be of type str"),
        (answering(TEXT, status=b"200 OK"), "validate: Status must be of type str"),
        (answering(TEXT, status="2 OK"), "validate: Status codes must be three characters"),
        (answering(("Content-Length", 1)), "validate: Header value must be of type str"),
        (answering(["Content-Type", "text/plain"]), "validate: Individual headers (["),
        (answering(("X-A", "a\nb"), TEXT), "validate: Bad header value: "),
        (answering(("X_A:", "a"), TEXT), "validate: Header names may not contain ':'"),
        (answering(), "validate: No Content-Type header found"),
        (answering(TEXT, status="204 No Content", body=()), "validate: Content-Type header found in a 204"),
        (
            answering(TEXT, ("content-type", "text/html")),
            "collision: the field content-type is given 2 times",
        ),
        (answering(TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "a=2")), "collision: the cookie a is set 2"),
        (answering(TEXT, ("Connection", "close")), "hop-by-hop: the field connection is the server's"),
        (answering(TEXT, ("Transfer-Encoding", "chunked")), "hop-by-hop: the field transfer-encoding"),
        (answering(TEXT, ("Content-Length", "2")), "length: Content-Length is 2 and the body has 1 octets"),
        (answering(TEXT, ("Content-Length", "0x1")), "length: Content-Length is '0x1', which is no number"),
        (answering(status="304 Not Modified"), "length: 1 octets of body with 304"),
        (answering(TEXT, body=("a",)), "block: a block is of type str; blocks are bytes"),
        (answering(TEXT, body=(bytearray(b"a"),)), "block: a block is of type bytearray"),
        (answering(TEXT, body="text"), "iterable: the application returns str: each of its items"),
        (answering(TEXT, body=b"text"), "iterable: the application returns bytes: each of its items"),
        (answering(TEXT, body=None), "iterable: the application returns None"),
        (answering(TEXT, body=7), "iterable: the application returns a int, which is no iterable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_violation_is_found(app: Application, found: str) -> None:
    assert any(each.startswith(found) for each in found_in(app)), found_in(app)


def test_a_head_request_needs_no_body() -> None:
    assert found_in(answering(TEXT, ("Content-Length", "7"), body=()), method="HEAD") == []


def test_start_response_twice_late_and_never() -> None:
    def twice(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT])
        start_response("200 OK", [TEXT])
        return []

    def late(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield b"a"
        start_response("200 OK", [TEXT])

    assert found_in(twice) == ["start-twice: start_response is called again without exc_info"]
    assert found_in(late) == ["start-late: a block comes before start_response was called"]
    (never,) = found_in(lambda environ, start_response: [])
    assert never == "start-never: the application returns without calling start_response"


def test_write_is_looked_at_too() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [TEXT, ("Content-Length", "3")])
        write("text")
        write(b"ab")
        return [b"c"]

    assert found_in(app) == ["block: a block is of type str; blocks are bytes"]


def test_the_servers_streams_are_not_closed() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        environ["wsgi.input"].close()
        return answering(TEXT)(environ, start_response)

    assert found_in(app) == ["close: wsgi.input is closed, which is the server's business"]


def test_a_file_that_nobody_closes(tmp_path: Any) -> None:
    """A middleware that goes through the blocks of another application and forgets its close()."""
    path = tmp_path / "a"
    path.write_bytes(b"a\nb\n")
    with path.open("rb") as file:
        (found,) = found_in(answering(TEXT, body=map(bytes.upper, file)))
    assert found == (
        "close: the application returns a map without close(), around a BufferedReader that nobody closes"
    )
    with path.open("rb") as file:
        assert found_in(answering(TEXT, body=file)) == []


def test_a_generator_that_was_gone_through_is_closed() -> None:
    blocks = (block for block in [b"a"])
    assert found_in(answering(TEXT, body=itertools.chain([b"b"], blocks))) == []


def test_a_slow_start_is_found() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        until = time.monotonic() + 0.02
        while time.monotonic() < until:
            pass
        return answering(TEXT)(environ, start_response)

    assert found_in(app, slow_s=0.01) == ["slow: the first byte takes more than a second"]


def test_a_violation_does_not_change_the_answer() -> None:
    """The server's own rules hold for it, as they do without --lint."""
    told: list[Any] = []
    blocks = Lint(answering(TEXT, ("Content-Length", "2")), Findings(log=False))(
        {**environ(), "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO()},
        lambda *given: told.extend(given),
    )
    assert told == ["200 OK", [TEXT, ("Content-Length", "2")]]
    assert list(blocks) == [b"a"]
