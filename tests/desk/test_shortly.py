"""The URL shortener of Werkzeug's tutorial: its last line changed, all else as it was."""

from __future__ import annotations

import http.client
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.desk.desks import ask, wait_for_answer
from tests.process.running import Running, running
from tests.support.daemons import daemon, free_port, needed
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

BROWSER = "Accept: text/html,*/*;q=0.8"


@contextmanager
def redis_server(here: Path) -> Iterator[int]:
    """A real one, on a port of its own, that writes nothing to a disk."""
    port = free_port()
    program = needed("redis-server", "redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(here)]
    with daemon(command, port, here):
        yield port


@pytest.fixture
def shortly(tmp_path: Path) -> Iterator[Running]:
    """A copy of the example, so that it can be edited."""
    here = tmp_path / "shortly"
    shutil.copytree(ROOT / "examples" / "shortly", here, ignore=shutil.ignore_patterns("__pycache__"))
    with redis_server(tmp_path) as port:
        environment = {"REDIS_PORT": str(port), "PORT": "0"}
        with running(["shortly.py"], here, **environment) as server:
            assert server.urls
            yield server
            assert server.stop() == 0, server.log.tail()


def post(server: Running, url: str) -> http.client.HTTPResponse:
    client = server.client()
    fields = {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"}
    client.request("POST", "/", urlencode({"url": url}), fields)
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer


def test_the_tutorial_from_the_form_to_the_redirect(shortly: Running) -> None:
    assert b"<form" in ask(shortly.address)[1]
    answer = post(shortly, "https://peps.python.org/pep-3333/")
    assert (answer.status, answer.headers["Location"]) == (302, "/1+")
    assert b"pep-3333" in ask(shortly.address, "/1+")[1]
    client = shortly.client()
    client.request("GET", "/1")
    found = client.getresponse()
    found.read()
    client.close()
    assert (found.status, found.headers["Location"]) == (302, "https://peps.python.org/pep-3333/")
    assert b"<dt>Visits</dt><dd>1</dd>" in ask(shortly.address, "/1+")[1]
    assert b"valid URL" in ask(shortly.address)[1] or post(shortly, "ftp://x").status == 200
    assert ask(shortly.address, "/nothing-here")[0] == 404
    status, style = ask(shortly.address, "/static/style.css")
    assert (status, b"h1 a" in style) == (200, True)


def test_the_reloader_and_the_debugger_are_on(shortly: Running, tmp_path: Path) -> None:
    """A view that fails shows the debugger, and the file that is mended heals it."""
    source = tmp_path / "shortly" / "shortly.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace('error, url = "", ""', 'error, url = "", 1 / 0'), encoding="utf-8")
    wait_for_answer(shortly, b"ZeroDivisionError")
    assert b"Werkzeug Debugger" in ask(shortly.address, "/", BROWSER)[1]
    source.write_text(text + "\n(", encoding="utf-8")
    wait_for_answer(shortly, b"SyntaxError")
    source.write_text(text.replace("HERE = ", "import missing_module\nHERE = "), encoding="utf-8")
    wait_for_answer(shortly, b"missing_module")
    source.write_text(text, encoding="utf-8")
    wait_for_answer(shortly, b"<form")
    page = tmp_path / "shortly" / "templates" / "new.html"
    page.write_text(page.read_text(encoding="utf-8").replace("Shorten", "Cut"), encoding="utf-8")
    wait_for_answer(shortly, b"Cut")
    assert os.path.exists(f"/proc/{shortly.process.pid}")  # the process that was started is the supervisor
