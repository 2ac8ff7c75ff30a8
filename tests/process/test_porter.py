"""As PID 1 of a container: strangers are reaped, and an upgrade does not end the container."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.process.running import Running
from tests.process.shop import SHOP, write
from tests.support.server import ROOT, STOP_S

pytestmark = pytest.mark.slow

UNSHARE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
# Leaves a grandchild behind, whose parent ends: it becomes a child of PID 1.
ORPHAN = """
    if environ["PATH_INFO"] == "/orphan":
        import subprocess, sys
        subprocess.run(["sh", "-c", "true & exit 0"], check=True)
    start_"""


def allowed() -> bool:
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run([*UNSHARE, "true"], capture_output=True, timeout=STOP_S, check=False).returncode == 0
    )


@contextmanager
def container(here: Path) -> Iterator[Running]:
    """The command as PID 1. Signals go to the process inside, which `inside` finds."""
    write(here, SHOP.replace("    start_", ORPHAN.lstrip("\n"), 1))
    command = [sys.executable, "-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", "--workers", "2"]
    process = subprocess.Popen(
        [*UNSHARE, *command],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            server = Running(process)
            assert server.urls
            yield server
        finally:
            if process.poll() is None:
                process.kill()


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="utf-8").split()]


def wait_until_none(find: Callable[[], list[int]]) -> None:
    """Until nothing is found any more: a stranger is a zombie for the moment before it is reaped."""
    deadline, pause = monotonic() + STOP_S, threading.Event()
    while found := find():
        assert monotonic() < deadline, found
        pause.wait(0.01)


def zombies_below(pid: int) -> list[int]:
    return [
        child for child in children(pid) if " Z " in Path(f"/proc/{child}/stat").read_text(encoding="utf-8")
    ]


@pytest.mark.skipif(not allowed(), reason="this machine lets nobody make a namespace of processes")
def test_pid_1_reaps_strangers_and_stops(tmp_path: Path) -> None:
    """What the application leaves behind does not pile up."""
    with container(tmp_path) as server:
        (first,) = children(server.process.pid)
        assert "pid 1)" in server.log.lines("Ctrl[+]C")[0]
        for _ in range(5):
            assert server.get("/orphan")
        wait_until_none(lambda: zombies_below(first))
        os.kill(first, signal.SIGTERM)
        assert server.code() == 0


@pytest.mark.skipif(not allowed(), reason="this machine lets nobody make a namespace of processes")
def test_pid_1_stays_when_it_is_upgraded(tmp_path: Path) -> None:
    """It passes signals on to its successor, and ends as that does."""
    with container(tmp_path) as server:
        (first,) = children(server.process.pid)
        seen = len(server.log.lines())
        os.kill(first, signal.SIGUSR2)
        server.log.wait_for("Ctrl[+]C stops it", STOP_S, since=seen)
        server.log.wait_for("stopped on handover", STOP_S)
        assert server.get()
        os.kill(first, signal.SIGHUP)
        server.log.wait_for("reload is done", STOP_S)
        os.kill(first, signal.SIGTERM)
        assert server.code() == 0
        assert len(server.log.lines(r"\] INFO stopped on SIGTERM$")) == 1
    assert re.search("stopped on SIGTERM", server.log.tail())
