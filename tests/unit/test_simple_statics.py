"""Static files in front of an application: the parts of `run_simple` that need no process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from potstill.simple.statics import in_package, with_static_files


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]


def ask(application: Any, path: str) -> bytes:
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "HTTP_HOST": "localhost"}
    blocks = application(environ, lambda *given: None)
    body = b"".join(blocks)
    getattr(blocks, "close", lambda: None)()
    return body


def test_no_files_no_wrapper() -> None:
    assert with_static_files(app, {}) is app


def test_the_application_sees_the_path_that_was_asked_for(tmp_path: Path) -> None:
    """Also below a directory that has no such file."""
    (tmp_path / "a.txt").write_text("a file")
    wrapped = with_static_files(app, {"/static": str(tmp_path)})
    assert ask(wrapped, "/static/a.txt") == b"a file"
    assert ask(wrapped, "/static/b.txt") == b"|/static/b.txt"
    assert ask(wrapped, "/cart") == b"|/cart"


def test_nothing_beside_the_directory_is_reached(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "secret").write_text("x")
    wrapped = with_static_files(app, {"/static": str(tmp_path / "public")})
    assert ask(wrapped, "/static/../secret") != b"x"


def test_places_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a directory"):
        with_static_files(app, {"/static": str(tmp_path / "none")})
    with pytest.raises(ValueError, match="there is no package"):
        in_package("no_such_package", "x")
    assert in_package("potstill", "core").endswith("potstill/core")
