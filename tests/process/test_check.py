"""`potstill check`, as an operator meets it: every step told, nothing left behind, and the exit codes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT

pytestmark = pytest.mark.slow

FREE = ("--bind", "127.0.0.1:0")
CHECK_S = 20


def check(here: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One run, in the directory."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("POTSTILL_")}
    return subprocess.run(
        [sys.executable, "-m", "potstill", "check", *arguments],
        cwd=here,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CHECK_S,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with an application in it."""
    (tmp_path / "shop.py").write_text("def app(environ, start_response):\n    return []\n", encoding="utf-8")
    return tmp_path


def test_all_is_right(here: Path) -> None:
    """Settings, each address, the application; the unix socket is gone afterwards."""
    (here / "potstill.toml").write_text('app = "shop:app"\nthreads = 3\n', encoding="utf-8")
    done = check(here, *FREE, "--bind", "unix:shop.sock", POTSTILL_KEEPALIVE="3s")
    assert (done.returncode, done.stderr) == (0, "")
    settings, tcp, unix, application, verdict = done.stdout.splitlines()
    assert settings.split(maxsplit=1)[1].endswith("settings are right, 4 of them given, potstill.toml read")
    assert tcp.startswith("address       127.0.0.1:0 can be listened on (http://127.0.0.1:")
    assert unix == "address       unix:shop.sock can be listened on (unix:shop.sock)"
    assert application.startswith("application   shop:app is a function, loaded in ")
    assert verdict == "check         all is right"
    assert not (here / "shop.sock").exists()


def test_an_address_that_is_taken(here: Path) -> None:
    """Exit code 1 and who has it; the application is looked at all the same. --no-bind leaves it alone."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = check(here, "shop:app", "--bind", address, "--bind", "127.0.0.1:0")
        assert done.returncode == 1
        assert f"potstill: {address} is taken by " in done.stderr
        assert str(os.getpid()) in done.stderr
        assert "127.0.0.1:0 can be listened on" in done.stdout
        assert "application   shop:app is a function" in done.stdout
        assert done.stdout.endswith("check         failed\n")
        done = check(here, "shop:app", "--bind", address, "--no-bind")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"address       {address}: not tried" in done.stdout


def test_an_address_that_is_named_twice(here: Path) -> None:
    """Each is free alone, and serving them would fail."""
    done = check(here, "shop:app", "--bind", "unix:shop.sock", "--bind", "unix:shop.sock")
    assert done.returncode == 1
    assert "unix:shop.sock can be listened on" in done.stdout
    assert "unix:shop.sock is taken" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["shop:application", *FREE], 2, "has no 'application'"),
        (["shelf:app", *FREE], 2, "there is no module 'shelf'"),
        (["broken:app", *FREE], 3, "ZeroDivisionError"),
        (FREE, 2, "none is named"),
        (["shop:app", "--threads", "0"], 2, "--threads: '0' is not"),
        (["shop:app", "-c", "gunicorn.conf.py"], 2, "potstill import-config gunicorn.conf.py"),
    ],
)
def test_what_is_wrong_has_the_exit_code_of_serve(
    here: Path, arguments: list[str], code: int, words: str
) -> None:
    """And its words, on standard error."""
    (here / "broken.py").write_text("1 / 0", encoding="utf-8")
    done = check(here, *arguments)
    assert done.returncode == code
    assert words in done.stderr


def test_what_the_application_leaves_running_does_not_hold_it(here: Path) -> None:
    """A thread that never ends is named, and the check ends within its bound, with its exit code."""
    threads = "import threading\nthreading.Thread(target=threading.Event().wait, name='ticker').start()\n"
    (here / "busy.py").write_text(threads + "def app(e, s): return []\n", encoding="utf-8")
    done = check(here, "busy:app", *FREE)
    assert done.returncode == 0
    assert "still running: ticker" in done.stderr


HOOKS = "def note():\n    raise SystemExit('not to be called')\n"


def test_hooks_are_loaded_and_not_called(here: Path) -> None:
    """Each is told; a wrong name has its option in front."""
    (here / "moments.py").write_text(HOOKS, encoding="utf-8")
    right = ("--workers", "1", "--when-ready", "moments:note")
    done = check(here, "shop:app", *FREE, *right)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hook          --when-ready is moments:note\n" in done.stdout
    done = check(here, "shop:app", *FREE, *right, "--on-exit", "moments:nte")
    assert done.returncode == 2
    assert "potstill: --on-exit: module 'moments' has no 'nte'; did you mean 'note'?" in done.stderr
    (here / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    done = check(here, "shop:app", *FREE, "--workers", "1", "--pre-fork", "broken:note")
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr
    assert "the module of --pre-fork raised while it was loaded" in done.stderr


def test_who_will_serve(here: Path) -> None:
    """A user that is not there is exit code 1; who we are already is right."""
    done = check(here, "shop:app", *FREE, "--user", "nobody-of-that-name")
    assert done.returncode == 1
    assert "this machine has no such user" in done.stderr
    done = check(here, "shop:app", *FREE, "--user", str(os.getuid()), "--group", str(os.getgid()))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"user          {os.getuid()}:{os.getgid()} is who will serve\n" in done.stdout
