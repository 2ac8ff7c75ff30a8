"""Error pages and the debugger of a running server: where they are, and all the places where they are not."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from tests.desk.desks import ask, desk, write
from tests.process.running import running

pytestmark = pytest.mark.slow

SHOP = """
def price(item):
    password = "hunter2"
    return item["price"]

def app(environ, start_response):
    if environ["PATH_INFO"] == "/late":
        start_response("200 OK", [("Content-Length", "10")])
        def blocks():
            yield b"half"
            price({"late": 1})
        return blocks()
    return [price({"apple": 7})]
"""
BROWSER = "Accept: text/html,*/*;q=0.8"
RESOURCE = "/?__debugger__=yes&cmd=resource&f=debugger.js"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, "shop.py", SHOP)
    return tmp_path


def test_text_json_and_html(here: Path) -> None:
    with desk(here, "--no-debugger") as server:
        status, text = ask(server.address)
        assert (status, text.splitlines()[-1]) == (500, b"KeyError: 'price'")
        found = json.loads(ask(server.address, "/", "Accept: application/json")[1])
        assert found["error"]["type"] == "KeyError"
        assert b"<mark>" in ask(server.address, "/", BROWSER)[1]


def test_a_page_with_values_and_the_log_with_the_traceback(here: Path) -> None:
    with desk(here) as server:
        text = ask(server.address, "/cart?a=1")[1]
        assert b"request: GET /cart?a=1\n" in text
        assert b"      item = {'apple': 7}\n" in text
        assert b"      password = (not shown)\n" in text
        server.log.wait_for(r"ERROR GET /cart\?a=1 raised")
        server.log.wait_for("KeyError: 'price'")


def test_half_an_answer_is_cut_and_not_completed(here: Path) -> None:
    with desk(here) as server:
        status, body = ask(server.address, "/late", BROWSER)
        assert (status, body) == (200, b"half")


def test_the_console_runs_what_is_typed_behind_its_pin(here: Path) -> None:
    with desk(here) as server:
        pin = server.log.wait_for(r"debugger PIN: [\d-]+$").rpartition(" ")[2]
        page = ask(server.address, "/", BROWSER)[1].decode()
        secret = re.findall(r'SECRET = "(\w+)"', page)[0]
        frame = re.findall(r'id="frame-(\d+)"', page)[-1]
        typed = f"/?__debugger__=yes&cmd=item%5B%27apple%27%5D%2A6&frm={frame}&s={secret}"
        assert b">42<" not in ask(server.address, typed)[1]
        entry = f"/?__debugger__=yes&cmd=pinauth&pin={pin}&s={secret}"
        with socket.create_connection(server.address) as client:
            client.sendall(f"GET {entry} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            told = client.makefile("rb").read().decode()
        cookie = re.findall(r"(?i)set-cookie: ([^;]+)", told)[0]
        assert b">42<" in ask(server.address, typed, f"Cookie: {cookie}")[1]
        # Not for anybody whom a proxy lets through, with the same secret and cookie.
        assert b">42<" not in ask(server.address, typed, f"Cookie: {cookie}", "X-Forwarded-For: ::1")[1]


def test_who_comes_through_a_proxy_sees_nothing(here: Path) -> None:
    with desk(here) as server:
        for field in ("X-Forwarded-For: ::1", "Forwarded: for=127.0.0.1", "X-Real-IP: ::1", "Via: 1.1 nginx"):
            for accept in (BROWSER, "Accept: application/json", "Accept: */*"):
                status, body = ask(server.address, "/", accept, field)
                assert (status, b"price" in body, b"__debugger__" in body) == (500, False, False)
            assert b"pinauth" not in ask(server.address, RESOURCE, field)[1]


def test_a_name_that_was_pointed_here_sees_nothing(here: Path) -> None:
    """A page of evil.example whose name now leads to 127.0.0.1."""
    with desk(here) as server, socket.create_connection(server.address) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        )
        answer = client.makefile("rb").read()
        assert b" 500 " in answer
        assert b"price" not in answer


def test_a_console_knows_flasks_request(here: Path) -> None:
    """What a view can ask, its console can ask too."""
    write(
        here,
        "shop.py",
        "from flask import Flask, request\napp = Flask(__name__)\n"
        "@app.route('/cart')\ndef cart():\n    return 7 / 0\n",
    )
    with desk(here) as server:
        pin = server.log.wait_for(r"debugger PIN: [\d-]+$").rpartition(" ")[2]
        page = ask(server.address, "/cart", BROWSER)[1].decode()
        secret, frame = re.findall(r'SECRET = "(\w+)"', page)[0], re.findall(r'id="frame-(\d+)"', page)[-1]
        client = server.client()
        client.request("GET", f"/?__debugger__=yes&cmd=pinauth&pin={pin}&s={secret}")
        cookie = client.getresponse().headers["Set-Cookie"].partition(";")[0]
        client.close()
        typed = f"/?__debugger__=yes&cmd=request.path&frm={frame}&s={secret}"
        assert b"/cart" in ask(server.address, typed, f"Cookie: {cookie}")[1]


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0", ":0", "unix:shop.sock"])
def test_elsewhere_it_is_refused_with_the_reason(here: Path, bind: str) -> None:
    with running(["-m", "potstill", "--dev", "shop:app", "--bind", bind], here) as server:
        assert server.code() == 2
        assert server.log.lines("--dev is refused at .*for whoever reaches them.*--no-debugger")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--debugger",),
        ("--workers", "1"),
        ("--workers", "2"),
        ("--workers", "1", "--preload"),
    ],
    ids=str,
)
def test_without_dev_there_is_no_debugger_and_no_page(here: Path, options: tuple[str, ...]) -> None:
    command = ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", *options]
    with running(command, here, FLASK_DEBUG="1", WERKZEUG_RUN_MAIN="true") as server:
        for path in ("/", RESOURCE, "/console", "/?__debugger__=yes"):
            status, body = ask(server.address, path, BROWSER)
            assert status == 500
            assert b"KeyError" not in body
            assert b"pinauth" not in body
        assert not server.log.lines("PIN")
        server.stop()


@pytest.mark.parametrize("options", [("--dev", "--workers", "2"), ("--dev", "--preload")], ids=str)
def test_dev_is_one_process(here: Path, options: tuple[str, ...]) -> None:
    with running(["-m", "potstill", "shop:app", *options], here) as server:
        assert server.code() == 2
        assert server.log.lines("with --dev|--dev is one worker")


def test_the_library_has_no_dev(here: Path) -> None:
    """The process is the program's there, and may be one of a hundred behind a load balancer."""
    program = "import potstill, shop\npotstill.serve(shop.app, dev=True)\n"
    with running(["-c", program], here) as server:
        assert server.code() == 1
        assert server.log.lines("ValueError: dev: only the command `potstill` can do that")
