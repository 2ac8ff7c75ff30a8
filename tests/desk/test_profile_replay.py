"""--profile, --record and `potstill replay` with real servers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.desk.desks import ask, potstill, write
from tests.process.running import Running, running

pytestmark = pytest.mark.slow

SHOP = """
import time

def wait_for_nothing(until):
    while time.perf_counter() < until:
        pass

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        wait_for_nothing(time.perf_counter() + 0.6)
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["REQUEST_METHOD"].encode(), b" ", body]
"""


def serve(here: Path, *options: str) -> list[str]:
    write(here, "shop.py", SHOP)
    return ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", *options]


def replayed(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return potstill(here, "replay", *arguments)


def test_a_slow_request_is_profiled_and_a_quick_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    with running(serve(tmp_path, "--profile", "profiles", "--profile-over", "500ms"), tmp_path) as server:
        assert ask(server.address, "/quick") == (200, b"GET ")
        assert ask(server.address, "/slow") == (200, b"GET ")
        line = server.log.wait_for(r"GET /slow took \d\.\d+ s; its profile is in ")
        page = Path(line.rpartition(" ")[2])
        assert "wait_for_nothing" in page.read_text(encoding="utf-8")
        assert len(list((tmp_path / "profiles").iterdir())) == 1
        assert server.stop() == 0


def post(server: Running, path: str, body: bytes) -> bytes:
    client = server.client()
    client.request("POST", path, body, {"X-Shop": "a"})
    answer = client.getresponse().read()
    client.close()
    return answer


@pytest.mark.parametrize("workers", [(), ("--workers", "2")], ids=str)
def test_recorded_requests_are_sent_again(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """To another server, which records what it gets: the two recordings are alike."""
    with running(serve(tmp_path, "--record", "first", *workers), tmp_path) as server:
        assert post(server, "/cart?a=1", b"hello") == b"POST hello"
        assert ask(server.address, "/other")[0] == 200
        server.stop()
    with running(serve(tmp_path, "--record", "second"), tmp_path) as server:
        url = f"http://127.0.0.1:{server.address[1]}"
        done = replayed(tmp_path, "first", "--to", url)
        assert done.returncode == 0, done.stderr
        assert [line.split("  ")[:3] for line in done.stdout.splitlines()] == [
            ["POST /cart?a=1", "200", "10 bytes"],
            ["GET /other", "200", "4 bytes"],
        ]
        chosen = replayed(tmp_path, "first", "--to", url, "--only", "POST /cart", "--times", "3")
        assert len(chosen.stdout.splitlines()) == 3
        server.stop()
    first, second = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("first", "second")
    )
    for before, after in zip(first, second, strict=False):
        assert (before["method"], before["target"], before["body"]) == (
            after["method"],
            after["target"],
            after["body"],
        )
    assert ["X-Shop", "a"] in second[0]["fields"]


def test_a_recording_that_cannot_be(tmp_path: Path) -> None:
    with running(serve(tmp_path, "--record", "no/such/place"), tmp_path) as server:
        assert server.code() == 2
        assert server.log.lines("potstill: --record no/such/place: No such file or directory")


def test_replay_says_what_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, "broken", "no json\n")
    done = replayed(tmp_path, "broken")
    assert done.returncode == 2
    assert "potstill: broken: line 1 is no recorded request" in done.stderr
    write(tmp_path, "empty", "")
    assert replayed(tmp_path, "empty", "--only", "(").returncode == 2
    assert replayed(tmp_path, "missing").returncode == 2
