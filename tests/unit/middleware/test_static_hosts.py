"""The same requests under three servers: what a middleware takes for granted about its server shows here.

Between the server and the middleware stands wsgiref's validator, and so it does between the middleware and
the application.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from potstill.middleware import (
    BodyLimit,
    Bulkhead,
    Compression,
    Headers,
    Mount,
    Redirect,
    RequestId,
    SecurityHeaders,
    SendFile,
    Static,
)
from tests.unit.middleware.hosts import HOSTS, hosted, validated

LARGE = bytes(range(256)) * 1200
WAIT_S = 20.0


def blocks(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A body in blocks, made late."""

    def made() -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("ETag", '"blocks"')])
        for number in range(50):
            yield b"block %d\n" % number

    return made()


def written(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A body by write()."""
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written ")
    return [b"and returned"]


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """How long the body was."""
    length = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d octets" % length]


def file_of(root: Path) -> WSGIApplication:
    """An application that lets the server send a file."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "video/mp4"), ("X-Sendfile", str(root / "large.bin"))])
        return []

    return app


def site(root: Path) -> WSGIApplication:
    """Everything at once, as a real site has it."""
    routes: dict[str, WSGIApplication] = {
        "/static": Static(root),
        "/blocks": Bulkhead(validated(blocks), 2),
        "/written": validated(written),
        "/echo": BodyLimit(validated(echo), 10),
        "/file": SendFile(validated(file_of(root)), roots=[root]),
        "/old": Redirect("/new"),
    }
    app = Compression(Mount(routes), codings=["gzip"])
    return validated(SecurityHeaders(Headers(RequestId(app), append={"X-Site": "a"})))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    (root / "index.html").write_text("home")
    (root / "page.css").write_text("css " * 1000)
    (root / "large.bin").write_bytes(LARGE)
    return root


@pytest.fixture(scope="module", params=HOSTS)
def connection(root: Path, request: pytest.FixtureRequest) -> Iterator[HTTPConnection]:
    with hosted(request.param, site(root)) as address:
        connection = HTTPConnection(*address, timeout=WAIT_S)
        yield connection
        connection.close()


class Answer:
    """What http.client makes of an answer."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status, self.body = response.status, response.read()
        self.get: Any = response.headers.get


def ask(
    connection: HTTPConnection, path: str, method: str = "GET", body: bytes | None = None, **fields: str
) -> Answer:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    connection.request(method, path, body, headers)
    return Answer(connection.getresponse())


def test_a_small_file(connection: HTTPConnection) -> None:
    """The second time from memory; with the fields of all that stands around it."""
    for _ in range(2):
        answer = ask(connection, "/static/")
        assert (answer.status, answer.body) == (200, b"home")
        assert answer.get("X-Site") == "a"
        assert answer.get("X-Content-Type-Options") == "nosniff"
        assert len(answer.get("X-Request-ID")) == 32


def test_a_large_file(connection: HTTPConnection) -> None:
    """Every octet of it, by whatever way the server has to send files."""
    for path in ("/static/large.bin", "/file"):
        answer = ask(connection, path)
        assert hashlib.sha256(answer.body).digest() == hashlib.sha256(LARGE).digest()
        assert answer.get("Content-Length") == str(len(LARGE))


def test_parts_of_a_large_file(connection: HTTPConnection) -> None:
    """One, the last, and several; none is longer than it says, or the next answer would be broken."""
    for wanted, expected in (("10-19", LARGE[10:20]), ("-5", LARGE[-5:]), ("300000-", LARGE[300_000:])):
        answer = ask(connection, "/static/large.bin", Range=f"bytes={wanted}")
        assert (answer.status, answer.body) == (206, expected)
    answer = ask(connection, "/static/large.bin", Range="bytes=0-0,100000-100001")
    assert answer.status == 206
    assert answer.body.count(b"Content-Range") == 2
    assert ask(connection, "/static/large.bin", Range="bytes=999999999-").status == 416


def test_not_modified_and_not_there(connection: HTTPConnection) -> None:
    """The connection goes on after answers without a body."""
    tag = ask(connection, "/static/").get("ETag")
    answer = ask(connection, "/static/", If_None_Match=tag)
    assert (answer.status, answer.body) == (304, b"")
    answer = ask(connection, "/static/large.bin", "HEAD")
    assert (answer.status, answer.body, answer.get("Content-Length")) == (200, b"", str(len(LARGE)))
    assert ask(connection, "/static/nothing").status == 404
    assert ask(connection, "/static/", "DELETE").status == 405
    assert ask(connection, "/elsewhere").status == 404
    answer = ask(connection, "/old/a?b")
    assert (answer.status, answer.get("Location")) == (308, "/new/a?b")


def test_compressed_bodies(connection: HTTPConnection) -> None:
    """In one piece, in blocks, and written."""
    answer = ask(connection, "/static/page.css", Accept_Encoding="gzip")
    assert gzip.decompress(answer.body) == b"css " * 1000
    assert answer.get("ETag").startswith('W/"')
    answer = ask(connection, "/blocks", Accept_Encoding="gzip")
    assert gzip.decompress(answer.body).count(b"block") == 50
    assert answer.get("ETag") == 'W/"blocks"'
    answer = ask(connection, "/written", Accept_Encoding="gzip")
    assert gzip.decompress(answer.body) == b"written and returned"
    assert ask(connection, "/written").body == b"written and returned"


def test_the_head_of_compressed_bodies(connection: HTTPConnection) -> None:
    """The same fields, and no octet."""
    get = ask(connection, "/static/page.css", Accept_Encoding="gzip")
    head = ask(connection, "/static/page.css", "HEAD", Accept_Encoding="gzip")
    assert head.body == b""
    for name in ("ETag", "Vary", "Content-Encoding", "Content-Type"):
        assert head.get(name) == get.get(name)


def test_bodies_within_and_beyond_the_limit(connection: HTTPConnection) -> None:
    """The application is asked or not; afterwards the connection is usable or closed, never out of step."""
    assert ask(connection, "/echo", "POST", b"0123456789").body == b"10 octets"
    assert ask(connection, "/echo", "POST", b"0123456789a").status == 413
    connection.close()
    assert ask(connection, "/echo", "POST", b"0123").body == b"4 octets"
