"""A directory as a WSGI application: who answers what."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from potstill.middleware import Mount, Static
from potstill.middleware import static as module
from tests.unit.middleware.hosts import Answered, Recorder, call, environ_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "public"
    (root / "docs").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "index.html").write_text("home")
    (root / "docs" / "index.html").write_text("docs")
    (root / "app.js").write_text("x" * 100)
    (root / "app.js.br").write_text("brotli")
    (root / "large.bin").write_bytes(bytes(300_000))
    return root


def ask(app: Any, path: str = "/", method: str = "GET", **changes: str) -> Answered:
    return call(app, Recorder(), environ_of(PATH_INFO=path, REQUEST_METHOD=method, **changes))


def test_files_and_indexes(root: Path) -> None:
    """By their paths; a directory by its index."""
    app = Static(root)
    assert ask(app, "/app.js").body == b"x" * 100
    assert ask(app, "/").body == b"home"
    assert ask(app, "/docs/").body == b"docs"
    assert ask(app, "/large.bin").body == bytes(300_000)
    assert ask(app, "/nothing").code == 404
    assert ask(app, "/empty/").code == 404


def test_hits_say_the_same_as_the_first_request(root: Path) -> None:
    """The short way of a file in memory, and the long one."""
    app = Static(root)
    answers = [ask(app, "/app.js", HTTP_ACCEPT_ENCODING="br") for _ in range(3)]
    assert {answer.body for answer in answers} == {b"brotli"}
    assert answers[0].fields == answers[1].fields == answers[2].fields
    assert ("Content-Encoding", "br") in answers[0].fields


def test_a_server_may_change_the_list_of_fields(root: Path) -> None:
    """PEP 3333 allows it to; the next response is not to notice."""
    app = Static(root)

    def start(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
        fields.clear()

    for _ in range(2):
        list(app(environ_of(PATH_INFO="/app.js"), start))
    assert ask(app, "/app.js").all("ETag")


@pytest.mark.parametrize("field", ["IF_NONE_MATCH", "IF_MATCH", "IF_RANGE"])
@pytest.mark.parametrize("path", ["/app.js", "/large.bin"])
def test_conditions_are_heard_on_hits_too(root: Path, path: str, field: str) -> None:
    """No condition is lost on the short way."""
    app = Static(root)
    tag = ask(app, path).all("ETag")[0]
    wanted = {"IF_NONE_MATCH": (tag, 304), "IF_MATCH": ('"x"', 412), "IF_RANGE": (tag, 206)}[field]
    answer = ask(app, path, **{f"HTTP_{field}": wanted[0], "HTTP_RANGE": "bytes=0-1"})
    assert answer.code == wanted[1]


def test_other_methods_are_not_allowed(root: Path) -> None:
    """RFC 9110 section 15.5.6: with Allow."""
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        answer = ask(Static(root), "/app.js", method)
        assert (answer.code, answer.all("Allow")) == (405, ["GET, HEAD"])


def test_head(root: Path) -> None:
    """Fields of GET, no body: for a file, a listing, a redirect and an error."""
    app = Static(root, listing=True)
    for path in ("/app.js", "/large.bin", "/empty/", "/docs", "/nothing"):
        head, get = ask(app, path, "HEAD"), ask(app, path)
        assert (head.status, head.fields, head.body) == (get.status, get.fields, b"")


@pytest.mark.parametrize(
    ("script", "path", "location"),
    [
        ("", "/docs", "./docs/"),
        ("/static", "/docs", "./docs/"),
        ("/static", "", "./static/"),
        ("", "/a b:c?", "./a%20b%3Ac%3F/"),
        ("", "/ü".encode().decode("latin-1"), "./%C3%BC/"),
    ],
)
def test_a_directory_is_redirected_to_its_slash(root: Path, script: str, path: str, location: str) -> None:
    """Relatively, so that it is right behind any proxy, and leads to no other host."""
    for name in ("a b:c?", "ü"):
        (root / name).mkdir()
        (root / name / "index.html").touch()
    answer = ask(Static(root), path, SCRIPT_NAME=script)
    assert (answer.code, answer.all("Location")) == (301, [location])
    answer = ask(Static(root), path, SCRIPT_NAME=script, QUERY_STRING="a=b")
    assert answer.all("Location") == [f"{location}?a=b"]


def test_no_path_redirects_elsewhere(root: Path) -> None:
    """`//evil.example` is a host to a browser, and so is a backslash."""
    for path in ("//docs", "//evil.example/..", "/\\evil.example", "//evil.example/docs", "/docs//"):
        assert ask(Static(root, listing=True), path).code == 404


def test_a_directory_without_anything_to_show_is_not_there(root: Path) -> None:
    """Not even by a redirect."""
    assert ask(Static(root), "/empty").code == 404


def test_listing(root: Path) -> None:
    """Only for who asks for it, and only without an index."""
    app = Static(root, listing=True, index=["nothing.html"])
    answer = ask(app, "/", SCRIPT_NAME="/files")
    assert answer.code == 200
    assert answer.all("Content-Type") == ["text/html; charset=utf-8"]
    assert b"<h1>/files/</h1>" in answer.body
    assert b"./app.js" in answer.body
    assert b'"../"' not in answer.body
    assert b'"../"' in ask(app, "/docs/").body
    assert ask(Static(root, listing=True), "/docs/").body == b"docs"


def test_single_page(root: Path) -> None:
    """Addresses that the browser makes up get the page; a missing file stays missing."""
    app = Static(root, single_page="index.html")
    for path in ("/users/42", "/empty", "/empty/", "/deep/er/"):
        answer = ask(app, path)
        assert (answer.code, answer.body) == (200, b"home")
    for path in ("/missing.js", "/.env", "/../x", "/a//b", "/x\\y"):
        assert ask(app, path).code == 404


def test_fallback(root: Path) -> None:
    """Another application answers for what is not there, by any method; a file is still read-only."""

    def other(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["REQUEST_METHOD"].encode()]

    app = Static(root, fallback=other)
    assert ask(app, "/nothing").body == b"GET"
    assert ask(app, "/nothing", "POST").body == b"POST"
    assert ask(app, "/app.js", "POST").code == 405
    assert ask(app, "/app.js").body == b"x" * 100


def test_what_the_fallback_raises_is_its_own(root: Path) -> None:
    """A PermissionError of an application is no 403 of ours."""

    def broken(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise PermissionError

    with pytest.raises(PermissionError):
        Static(root, fallback=broken)(environ_of(PATH_INFO="/nothing"), lambda *_: lambda _: None)


def test_a_file_that_may_not_be_read_is_forbidden(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """403 tells the operator where to look."""
    app = Static(root)

    def refuse(path: bytes) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(app._beneath, "open", refuse)
    assert ask(app, "/app.js").code == 403


def test_a_large_file_that_changes_is_answered_whole(root: Path) -> None:
    """Its fields are always those of what is sent, though it is taken for unchanged for a second."""
    app = Static(root)
    first = ask(app, "/large.bin")
    (root / "new").write_bytes(b"y" * 200_000)
    (root / "new").rename(root / "large.bin")
    second = ask(app, "/large.bin")
    assert second.body == b"y" * 200_000
    assert second.all("ETag") != first.all("ETag")
    (root / "large.bin").unlink()
    assert ask(app, "/large.bin").code == 404


def test_a_file_that_never_rests_is_given_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few tries: 503, and when to come again."""
    app = Static(root)
    monkeypatch.setattr(app._files, "open", lambda path, shown: None)
    answer = ask(app, "/large.bin")
    assert (answer.code, answer.all("Retry-After")) == (503, ["1"])
    assert module.TRIES > 1


def test_cache_rules_and_types(root: Path) -> None:
    """The arguments reach the files."""
    (root / "app.0a1b2c3d4e.js").touch()
    app = Static(root, cache={"*.js": "1h"}, media_types={".bin": "application/x-firmware"}, charset="")
    assert ask(app, "/app.js").all("Cache-Control") == ["max-age=3600"]
    assert ask(app, "/app.0a1b2c3d4e.js").all("Cache-Control") == ["max-age=31536000, public, immutable"]
    assert ask(app, "/index.html").all("Cache-Control") == []
    assert ask(app, "/index.html").all("Content-Type") == ["text/html"]
    assert ask(app, "/large.bin").all("Content-Type") == ["application/x-firmware"]
    assert ask(Static(root), "/index.html").all("Cache-Control") == ["no-cache"]


def test_precompressed_twins_can_be_left_out(root: Path) -> None:
    """Then they are files like any other."""
    app = Static(root, precompressed=False)
    assert ask(app, "/app.js", HTTP_ACCEPT_ENCODING="br").body == b"x" * 100
    assert ask(app, "/app.js.br").body == b"brotli"


def test_names_of_any_octets(root: Path) -> None:
    """PEP 3333 gives octets as latin-1; a file system has octets too."""
    (root / "käse.txt").write_text("cheese")
    with open(os.fsencode(root) + b"/\xff\xfe.txt", "wb") as file:
        file.write(b"raw")
    app = Static(root)
    assert ask(app, "/käse.txt".encode().decode("latin-1")).body == b"cheese"
    assert ask(app, "/\xff\xfe.txt").body == b"raw"


def test_wrong_arguments_are_said_at_once(root: Path) -> None:
    """Not when the first request comes."""
    with pytest.raises(NotADirectoryError):
        Static(root / "nothing")
    with pytest.raises(ValueError, match="is not a cache rule"):
        Static(root, cache="for ever")
    with pytest.raises(ValueError, match="symlinks"):
        Static(root, symlinks="yes")  # type: ignore[arg-type]


def test_below_a_mount(root: Path) -> None:
    """The path below the mount point is the path below the directory."""
    app = Mount({"/static": Static(root)})
    assert ask(app, "/static/app.js").body == b"x" * 100
    assert ask(app, "/static").all("Location") == ["./static/"]
