"""Routes from the command line, as a user has them: one command, several applications, a directory."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from tests.process.running import Running, running

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"WHO {environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]
"""
SERVE = ["-m", "potstill", "--bind", "127.0.0.1:0"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "large.bin").write_bytes(bytes(range(256)) * 4000)
    (tmp_path / "public" / "a.css").write_text("css")
    (tmp_path / "shop.py").write_text(APP.replace("WHO", "shop"))
    (tmp_path / "backoffice.py").write_text(APP.replace("WHO", "backoffice"))
    return tmp_path


def answer(server: Running, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    client = server.client()
    client.request("GET", path, headers={"Connection": "close", **headers})
    response = client.getresponse()
    body = response.read()
    client.close()
    return response.status, body, response.headers


def test_several_applications_and_a_directory(place: Path) -> None:
    """As the README shows it."""
    flags = ["--mount", "/admin=backoffice:app", "--static", "/static=public", "--redirect", "/old=/new"]
    with running([*SERVE, "shop:app", *flags, "--allow", "127.0.0.1"], place) as server:
        assert server.get("/a") == b"shop |/a"
        assert server.get("/admin/b") == b"backoffice /admin|/b"
        assert server.get("/administrator") == b"shop |/administrator"
        assert server.get("/static/large.bin") == bytes(range(256)) * 4000
        status, body, headers = answer(server, "/static/large.bin", Range="bytes=1-3")
        assert (status, body, headers["Content-Range"]) == (206, b"\x01\x02\x03", "bytes 1-3/1024000")
        assert answer(server, "/old/x?y")[2]["Location"] == "/new/x?y"
        assert server.stop() == 0


def test_only_a_directory(place: Path) -> None:
    """No application is needed to serve files; the start line says what is served."""
    with running([*SERVE, "--static", "/=public"], place) as server:
        assert server.get("/a.css") == b"css"
        assert "serving its routes on http://" in server.log.wait_for("serving")
        assert server.stop() == 0


def test_who_is_not_allowed(place: Path) -> None:
    """403 for everything, the directory included."""
    with running([*SERVE, "shop:app", "--static", "/s=public", "--deny", "127.0.0.0/8"], place) as server:
        for path in ("/", "/s/a.css"):
            assert answer(server, path)[0] == 403
        assert server.stop() == 0


SITES = """
app = "shop:app"

[[site]]
host = ["static.example", "*.static.example"]
[site.routes]
"/" = { static = "public", cache = "1h" }

[[site]]
security-headers = true
[site.routes]
"/admin" = { app = "backoffice:app", threads = 2, deny = ["127.0.0.0/8"] }
"/twice" = { app = "backoffice:app" }
"""


def test_sites_from_a_file(place: Path) -> None:
    """Hosts, paths and rules as potstill.toml says; APP answers for the rest of the other hosts."""
    (place / "potstill.toml").write_text(SITES)
    with running(SERVE, place) as server:
        status, body, headers = answer(server, "/a.css", Host="x.static.example")
        assert (status, body, headers["Cache-Control"]) == (200, b"css", "max-age=3600")
        assert answer(server, "/none", Host="static.example")[0] == 404
        assert answer(server, "/admin")[0] == 403
        assert server.get("/twice/x") == b"backoffice /twice|/x"
        status, body, headers = answer(server, "/y")
        assert (body, headers["X-Content-Type-Options"]) == (b"shop |/y", "nosniff")
        assert server.stop() == 0


def test_wrong_sites_are_named_by_line_and_column(place: Path) -> None:
    """All of them, by `serve` and by `check`."""
    wrong = SITES.replace('cache = "1h"', 'cache = "long"').replace("threads = 2", "thread = 2")
    (place / "potstill.toml").write_text(wrong)
    for verb in ("serve", "check"):
        with running(["-m", "potstill", verb], place) as server:
            assert server.code() == 2
            rule, key = [line for line in server.log.lines() if "potstill.toml:" in line]
            assert rule.startswith("potstill: potstill.toml:7:36: cache: 'long' is not a cache rule: a time")
            assert key == (
                "potstill: potstill.toml:12:47: there is no key 'thread' here; did you mean 'threads'?"
            )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--static", "/x=nothing"], "--static /x=nothing: static: 'nothing' is not a directory"),
        (["--mount", "x=a:b"], "--mount: ('x=a:b',) is not PATH=APP, as in /admin=backoffice:app"),
        (["shop:app", "--allow", "everybody"], "--allow: access rule 'everybody'"),
        (["--mount", "/x=shop:ap"], "has no 'ap'; did you mean 'app'?"),
    ],
)
def test_wrong_routes_are_usage_errors(place: Path, flags: list[str], message: str) -> None:
    """Exit code 2, and the flag as it was written."""
    with running([*SERVE, *flags], place) as server:
        assert server.code() == 2
        assert message in "\n".join(server.log.lines())


PROXIED = """
app = "shop:app"
forwarded-trust = ["127.0.0.0/8"]

[[site]]
host = "closed.example"
default = "deny"
refuse = 444
[site.routes]
"/" = { app = "shop:app" }

[[site]]
allow = ["203.0.113.0/24"]
[site.routes]
"/" = { app = "shop:app" }
"""


def test_clients_behind_a_proxy_and_hosts_that_are_hung_up_on(place: Path) -> None:
    """The rules see the client that the trusted proxy names; 444 is no answer at all."""
    (place / "potstill.toml").write_text(PROXIED)
    with running(SERVE, place) as server:
        assert answer(server, "/a", **{"X-Forwarded-For": "203.0.113.7"})[:2] == (200, b"shop |/a")
        assert answer(server, "/a", **{"X-Forwarded-For": "192.0.2.7"})[0] == 403
        for _ in range(3):
            with pytest.raises(http.client.RemoteDisconnected):
                answer(server, "/a", Host="closed.example")
        assert server.stop() == 0
