"""The verb `cgi`, as a web server calls it and as somebody at a terminal does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT

APPLICATION = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode("latin-1")]
"""


def cgi(directory: Path, *arguments: str, **variables: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "potstill", "cgi", *arguments],
        cwd=directory,
        env={"PYTHONPATH": str(ROOT), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )


@pytest.fixture(name="directory")
def made_directory(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "broken.py").write_text("print('noise')\nraise LookupError('mine')")
    return tmp_path


def test_one_request(directory: Path) -> None:
    done = cgi(directory, "shop:app", REQUEST_METHOD="GET", PATH_INFO="/hello")
    assert done.stdout == b"Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n/hello"
    assert (done.returncode, done.stderr) == (0, b"")


def test_from_another_directory(directory: Path) -> None:
    done = cgi(Path("/"), "shop:app", "--chdir", str(directory), REQUEST_METHOD="GET", PATH_INFO="/x")
    assert done.stdout.endswith(b"/x")


def test_at_a_terminal(directory: Path) -> None:
    """Whoever tries it out learns what it is for."""
    done = cgi(directory, "shop:app")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"REQUEST_METHOD=GET PATH_INFO=/ potstill cgi shop:app" in done.stderr


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [("shop:ap", 2, b"did you mean 'app'"), ("broken:app", 3, b"LookupError: mine")],
)
def test_an_application_that_cannot_be_loaded(directory: Path, name: str, code: int, said: bytes) -> None:
    """The visitor gets a response that says nothing, the operator all of it."""
    done = cgi(directory, name, REQUEST_METHOD="GET")
    assert done.stdout.startswith(b"Status: 500 Internal Server Error\r\n")
    assert b"mine" not in done.stdout
    assert b"noise" not in done.stdout
    assert done.returncode == code
    assert said in done.stderr


def test_help_says_how_to_use_it(directory: Path) -> None:
    assert b"exec potstill cgi APP" in cgi(directory, "--help").stdout.replace(b"\n ", b"")
