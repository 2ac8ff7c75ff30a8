"""Serving what a file says: found, named, converted from another server's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.running import running
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

APPLICATION = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"from the file"]
"""
CONVERT_S = 30


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with an application in it."""
    (tmp_path / "shop.py").write_text(APPLICATION, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "arguments"),
    [
        ("potstill.toml", 'app = "shop:app"\nbind = "127.0.0.1:0"\nthreads = 3\n', []),
        ("pyproject.toml", '[tool.potstill]\napp = "shop:app"\nbind = "127.0.0.1:0"\nthreads = 3\n', []),
        ("other.toml", 'bind = "127.0.0.1:0"\nthreads = 3\n', ["-c", "other.toml", "shop:app"]),
    ],
)
def test_it_serves_what_the_file_says(here: Path, name: str, text: str, arguments: list[str]) -> None:
    """`potstill` alone is enough; the start line shows the application and the threads of the file."""
    (here / name).write_text(text, encoding="utf-8")
    with running(["-m", "potstill", *arguments], here) as server:
        assert server.get() == b"from the file"
        server.log.wait_for(r"serving shop:app on http://127\.0\.0\.1:\d+ \(3 threads", 1)
        assert server.stop() == 0


def test_a_wrong_file_serves_nothing(here: Path) -> None:
    """Exit code 2, with the place."""
    (here / "potstill.toml").write_text('app = "shop:app"\nthread = 3\n', encoding="utf-8")
    with running(["-m", "potstill"], here) as server:
        assert server.code() == 2
        assert "potstill: potstill.toml:2:1: there is no option 'thread'" in server.log.tail()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gunicorn.conf.py", "wsgi_app = 'shop:app'\nbind = '127.0.0.1:' + str(0)\nthreads = 1 + 2\n"),
        ("uwsgi.ini", "[uwsgi]\nmodule = shop\ncallable = app\nhttp = 127.0.0.1:0\nthreads = 3\n"),
    ],
)
def test_it_serves_what_another_servers_file_said(here: Path, name: str, text: str) -> None:
    """Converted, kept, and served: the whole move."""
    (here / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "potstill", "import-config", name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        command, cwd=here, env=environment, stdout=subprocess.PIPE, timeout=CONVERT_S, check=True
    )
    (here / "potstill.toml").write_bytes(made.stdout)
    with running(["-m", "potstill"], here) as server:
        assert server.get() == b"from the file"
        assert server.stop() == 0
