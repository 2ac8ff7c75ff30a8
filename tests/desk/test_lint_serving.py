"""--lint on a server that runs, and `potstill check --app`: what they say of real applications."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.desk.desks import ask, potstill, write
from tests.process.running import running

pytestmark = pytest.mark.slow

SHOP = """
from flask import Flask, request

app = Flask(__name__)

@app.route("/", methods=["GET", "POST"])
def index():
    return f"read {len(request.get_data())}"

def careless(environ, start_response):
    if environ["PATH_INFO"] == "/raises":
        raise LookupError("no pool")
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", "3"), ("ETag", '"a"'), ("etag", '"b"')])
    return [b"four"]
"""


def test_a_careless_application_is_told_where(tmp_path: Path) -> None:
    write(tmp_path, "shop.py", SHOP)
    command = ["-m", "potstill", "shop:careless", "--lint", "--bind", "127.0.0.1:0"]
    with running(command, tmp_path) as server:
        ask(server.address)
        ask(server.address)
        server.log.wait_for(r"lint: shop\.py:13: the field etag is given 2 times")
        server.log.wait_for(r"lint: shop\.py:13: Content-Length is 3 and the body has 4 octets")
        assert len(server.log.lines("lint: ")) == 2
        assert server.stop() == 0


def test_flask_is_found_right(tmp_path: Path) -> None:
    write(tmp_path, "shop.py", SHOP)
    with running(["-m", "potstill", "shop:app", "--lint", "--bind", "127.0.0.1:0"], tmp_path) as server:
        assert ask(server.address)[1] == b"read 0"
        client = server.client()
        client.request("POST", "/", b"hello")
        assert client.getresponse().read() == b"read 5"
        client.close()
        assert ask(server.address, "/missing")[0] == 404
        assert not server.log.lines("lint: ")
        assert server.stop() == 0


def check(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return potstill(here, "check", *arguments, "--no-bind")


def test_check_asks_for_each_path_once(tmp_path: Path) -> None:
    write(tmp_path, "shop.py", SHOP)
    done = check(tmp_path, "shop:app", "--app", "/", "--app", "/missing")
    assert done.returncode == 0, done.stderr
    assert "lint          /: 200 OK, 6 bytes\n" in done.stdout
    assert "lint          /missing: 404 NOT FOUND, " in done.stdout


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, "shop.py", SHOP)
    done = check(tmp_path, "shop:careless", "--app", "/", "--app", "/raises")
    assert done.returncode == 3
    assert "potstill: /: shop.py:13: Content-Length is 3 and the body has 4 octets (length)" in done.stderr
    assert "potstill: /raises: the application raised\n" in done.stderr
    assert "LookupError: no pool" in done.stderr
