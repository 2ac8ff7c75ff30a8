"""A supervisor whose workers serve sites: all of them the same ones, new ones after a reload, one count."""

from __future__ import annotations

import http.client
import signal
from pathlib import Path

import pytest

from tests.process.running import Running, running
from tests.process.shop import SERVES, SHOP, stopped

pytestmark = pytest.mark.slow

WORKERS = 2
PAIRS_MAX, QUOTA = 20, 50
COMMAND = ["-m", "potstill", "--bind", "127.0.0.1:0", "--workers", str(WORKERS)]
SITES = """
app = "shop:app"

[[site]]
host = "static.example"
[site.routes]
"/" = { static = "public" }

[[site]]
[site.routes]
"/limited" = { app = "shop:app", rate = "QUOTA/h" }
""".replace("QUOTA", str(QUOTA))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "a.css").write_text("first", encoding="utf-8")
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    return tmp_path


def ask(server: Running, path: str, host: str = "here") -> tuple[int, bytes]:
    client = server.client()
    client.request("GET", path, headers={"Host": host, "Connection": "close"})
    response: http.client.HTTPResponse = client.getresponse()
    body = response.read()
    client.close()
    return response.status, body


def reload(server: Running) -> None:
    """And wait until nothing of the old crew is left."""
    seen = len(server.log.lines())
    server.signal(signal.SIGHUP)
    server.log.wait_for("reload is done", since=seen)


def both_workers(server: Running, below: str = "") -> tuple[set[bytes], int]:
    """Who has answered once both have, and how many requests that took."""
    found: set[bytes] = set()
    for number in range(PAIRS_MAX):
        holder = server.client()
        holder.request("GET", f"{below}/held?50000", headers={"Connection": "close"})
        found.add(ask(server, f"{below}/")[1])  # mostly by the worker that is not held
        found.add(holder.getresponse().read())
        holder.close()
        if len(found) == WORKERS:
            return found, 2 * (number + 1)
    raise AssertionError(f"only {found} answered {2 * PAIRS_MAX} requests")


def test_a_file_of_sites_is_served_and_reloaded(place: Path) -> None:
    """Hosts, paths and APP; and after SIGHUP what the file says by then."""
    (place / "potstill.toml").write_text(SITES, encoding="utf-8")
    with running(COMMAND, place) as server:
        assert ask(server, "/a.css", "static.example") == (200, b"first")
        assert ask(server, "/a.css", "new.example")[1].isdigit()
        before, _ = both_workers(server)
        (place / "potstill.toml").write_text(SITES.replace("static.", "new."), encoding="utf-8")
        reload(server)
        assert ask(server, "/a.css", "new.example") == (200, b"first")
        assert ask(server, "/a.css", "static.example")[1].isdigit()
        assert both_workers(server)[0].isdisjoint(before)
        assert stopped(server) == 0


def test_wrong_sites_are_refused_by_a_reload(place: Path) -> None:
    """With their place; what was served is served on by the same workers."""
    (place / "potstill.toml").write_text(SITES, encoding="utf-8")
    with running(COMMAND, place) as server:
        assert ask(server, "/a.css", "static.example") == (200, b"first")
        serving = len(server.log.lines(SERVES))
        (place / "potstill.toml").write_text(SITES.replace("public", "nowhere"), encoding="utf-8")
        server.signal(signal.SIGHUP)
        server.log.wait_for(r"reload refused: potstill\.toml:7:18: static: 'nowhere' is not a directory")
        assert ask(server, "/a.css", "static.example") == (200, b"first")
        assert len(server.log.lines(SERVES)) == serving
        assert stopped(server) == 0


def test_a_rate_is_counted_over_all_workers(place: Path) -> None:
    """Whoever answers them, and a reload that leaves the route alone forgives nothing."""
    (place / "potstill.toml").write_text(SITES, encoding="utf-8")
    with running(COMMAND, place) as server:
        _, counted = both_workers(server, "/limited")
        left = [ask(server, "/limited")[0] for _ in range(QUOTA - counted + 5)]
        assert left == [200] * (QUOTA - counted) + [429] * 5
        reload(server)
        assert ask(server, "/limited")[0] == 429
        assert stopped(server) == 0


def test_a_directory_needs_no_application(place: Path) -> None:
    """From every worker, and after a reload as well."""
    with running([*COMMAND, "--static", "/files=public"], place) as server:
        assert ask(server, "/files/a.css") == (200, b"first")
        assert ask(server, "/")[0] == 404
        (place / "public" / "a.css").write_text("second", encoding="utf-8")
        reload(server)
        assert ask(server, "/files/a.css") == (200, b"second")
        assert stopped(server) == 0
