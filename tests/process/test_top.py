"""`potstill top` and `potstill metrics`, in a terminal and without one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.process.looking import REQUESTS, Watched, watched
from tests.process.shop import workers_of
from tests.support.engine import wait_until
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 110, 24


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "potstill", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class Terminal:
    """A terminal with `potstill top` in it; its screen is read as a person reads it."""

    def __init__(self, server: Watched) -> None:
        pid = str(server.server.process.pid)
        environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT)}
        arguments = ["-m", "potstill", "top", pid, "--interval", "0.1"]
        self._child = pexpect.spawn(
            sys.executable, arguments, dimensions=(HEIGHT, WIDTH), env=environment, cwd=str(ROOT)
        )
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self._screen)

    def press(self, key: str) -> None:
        self._child.send(key)

    def wait(self, pattern: str) -> str:
        """The screen, once it shows that."""

        def shows() -> bool:
            self._read()
            return re.search(pattern, self.shown, re.M) is not None

        try:
            wait_until(shows)
        except AssertionError:
            raise AssertionError(f"the screen does not show {pattern!r}:\n{self.shown}") from None
        return self.shown

    @property
    def shown(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    def _read(self) -> None:
        try:
            self._stream.feed(self._child.read_nonblocking(65536, timeout=0.05))
        except (pexpect.TIMEOUT, pexpect.EOF):
            return

    def code(self) -> int | None:
        """How it has ended."""
        self._child.expect(pexpect.EOF, timeout=20)
        self._child.close()
        return int(self._child.exitstatus) if self._child.exitstatus is not None else None


def test_top_shows_what_is_going_on(tmp_path: Path) -> None:
    """Rates, workers, requests in flight, and the stack of one of them; q leaves."""
    with watched(tmp_path) as server:
        client = server.server.asked("/door")
        terminal = Terminal(server)
        shown = terminal.wait(r"running\s+GET\s+127\.0\.0\.1:\d+\s+/door")
        assert f"shop:app  pid {server.server.process.pid}  healthy" in shown
        assert all(re.search(rf"^ +\d +{pid} +ready ", shown, re.M) for pid in workers_of(server.server))
        server.load(300)
        terminal.wait(r"^ +300 in all +2xx ")
        terminal.press("s")
        shown = terminal.wait(r'open\("door"\)\.read\(\)')
        assert re.search(r"^GET /door  for \d+\.\d\d s", shown, re.M)
        terminal.press("q")
        terminal.wait("requests/s|no requests lately")
        with (tmp_path / "door").open("w") as door:
            door.write("go on")
        terminal.wait("nothing is in the application")
        client.close()
        terminal.press("q")
        assert terminal.code() == 0


def test_scripts_get_the_same(tmp_path: Path) -> None:
    with watched(tmp_path, workers=1) as server:
        server.load(9)
        pid = str(server.server.process.pid)
        wait_until(lambda: server.status()["requests"]["total"] == 9)
        found = json.loads(command("top", pid, "--once", "--json").stdout)
        assert found["status"]["requests"]["total"] == 9
        assert "9 in all" in command("top", server.admin, "--once").stdout
        assert f"{REQUESTS} 9\n" in command("metrics", pid).stdout
        assert command("metrics", pid, "--openmetrics").stdout.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("top", str(os.getpid())), 1, "has no admin listener: start it with --admin"),
        (("top", "unix:/nowhere/at/all", "--once"), 1, "does not answer"),
        (("metrics", "nowhere"), 1, "neither HOST:PORT nor unix:/PATH"),
        (("top", "1", "--json"), 2, "--json goes with --once"),
    ],
)
def test_what_cannot_be_seen_is_said(arguments: tuple[str, ...], code: int, words: str) -> None:
    run = command(*arguments)
    assert (run.returncode, run.stdout) == (code, "")
    assert words in run.stderr
