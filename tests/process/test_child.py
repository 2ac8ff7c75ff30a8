"""The life of a worker: hooks, warm-up, preloading, from outside."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.process.running import running
from tests.process.shop import SHOP, serving, stopped, workers_of, write
from tests.support.server import STOP_S

pytestmark = pytest.mark.slow

HOOKS = """
import os, sys

def note(name, *arguments):
    os.write(2, f"hook {name} {arguments} in {os.getpid()}\\n".encode())

for each in ("on_starting when_ready pre_fork post_fork worker_ready worker_exit on_reload on_exit").split():
    globals()[each] = lambda *arguments, each=each: note(each, *arguments)

def fail(*arguments):
    raise LookupError("no pool")
"""
NAMES = (
    "on-starting",
    "when-ready",
    "pre-fork",
    "post-fork",
    "worker-ready",
    "worker-exit",
    "on-reload",
    "on-exit",
)


def test_hooks_are_called_in_their_order_and_place(tmp_path: Path) -> None:
    """Those of the supervisor there, those of a worker there with its number."""
    (tmp_path / "hooks.py").write_text(HOOKS, encoding="utf-8")
    options = [part for name in NAMES for part in (f"--{name}", f"hooks:{name.replace('-', '_')}")]
    with serving(tmp_path, *options, workers=1) as server:
        first = workers_of(server)[0]
        server.log.wait_for("hook when_ready")
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload is done", STOP_S)
        server.log.wait_for("hook worker_exit")
        assert stopped(server) == 0
        here = server.process.pid
        (second,) = set(workers_of(server)) - {first}
        called = [line.removeprefix("hook ") for line in server.log.lines("^hook ")]
    assert called[:5] == [
        f"on_starting () in {here}",
        f"pre_fork (1,) in {here}",
        f"post_fork (1,) in {first}",
        f"worker_ready (1,) in {first}",
        f"when_ready () in {here}",
    ]
    assert called[5:9] == [
        f"on_reload () in {here}",
        f"pre_fork (2,) in {here}",
        f"post_fork (2,) in {second}",
        f"worker_ready (2,) in {second}",
    ]
    assert called[9:] == [
        f"worker_exit (1,) in {first}",
        f"worker_exit (2,) in {second}",
        f"on_exit () in {here}",
    ]


@pytest.mark.parametrize("name", ["on-starting", "post-fork"])
def test_a_hook_that_fails_before_anybody_serves_ends_the_start(tmp_path: Path, name: str) -> None:
    """Exit code 3, with its traceback."""
    write(tmp_path)
    (tmp_path / "hooks.py").write_text(HOOKS, encoding="utf-8")
    command = ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", "--workers", "2"]
    with running([*command, f"--{name}", "hooks:fail"], tmp_path) as server:
        assert server.code() == 3
        assert len(server.log.lines("LookupError: no pool")) == 1


def test_a_worker_that_cannot_warm_up_never_serves(tmp_path: Path) -> None:
    """At the start that is the end, in a reload the old workers stay."""
    write(
        tmp_path, SHOP.replace('"200 OK"', '"500 Broken" if environ["PATH_INFO"] == "/health" else "200 OK"')
    )
    command = ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", "--warmup", "/health"]
    for workers in ([], ["--workers", "1"]):
        with running([*command, *workers], tmp_path) as server:
            assert server.code() == 3
            assert server.log.lines("the application answered the warm-up request /health with '500 Broken'")
    good = tmp_path / "good"
    good.mkdir()
    write(good)
    with serving(good, "--warmup", "/health", "--warmup", "/") as server:
        assert len(server.log.lines(r"worker \d: warm-up /health: 200 OK, \d+ bytes, \d+ ms")) == 2
        old = workers_of(server)
        write(good, SHOP.replace('"200 OK"', '"500 Broken"'))
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload failed: the workers that serve stay")
        assert int(server.get()) in old


def test_preloading(tmp_path: Path) -> None:
    """Imported once, before the fork; what does not survive that is named; a reload is an upgrade."""
    write(
        tmp_path,
        SHOP + "import threading\nos.write(2, b'imported in %d\\n' % os.getpid())\n"
        "threading.Thread(target=threading.Event().wait, name='telemetry', daemon=True).start()\n",
    )
    with serving(tmp_path, "--preload") as server:
        assert server.log.lines("^imported in") == [f"imported in {server.process.pid}"]
        server.log.wait_for("preload: the thread 'telemetry' does not run in workers")
        server.log.wait_for(r"preload: \d+\.\d of \d+\.\d MiB of each worker's memory are shared")
        assert int(server.get()) in workers_of(server)
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload: with --preload that takes a new supervisor")
        line = server.log.wait_for(r"new supervisor with pid \d+ serves", STOP_S)
        assert server.process.wait(STOP_S) == 0
        assert len(server.log.lines("^imported in")) == 2
        __import__("os").kill(int(line.split("pid ")[1].split()[0]), signal.SIGTERM)
        server.log.join(STOP_S)
