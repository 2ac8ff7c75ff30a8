"""The process that runs a gunicorn.conf.py: what it tells, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT

pytestmark = pytest.mark.slow


def run(here: Path, location: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "potstill.moving_in.conf_runner", location],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_values_are_told_and_prints_are_not(tmp_path: Path) -> None:
    """Standard output has the answer alone, whatever the file prints and whatever its values are."""
    (tmp_path / "helper.py").write_text("workers = 3", encoding="utf-8")
    (tmp_path / "conf").write_text(
        "import os, sys\nfrom helper import workers\nprint('hello')\nos.write(1, b'raw')\n"
        "assert __name__ == '__config__' and __file__.endswith('conf')\n"
        "bind = {'a': (1, 2.5), 'b': None}\n_private = 1\nspecial = object()\nclass Logger: pass\n"
        "deep = []\nfor _ in range(20): deep = [deep]\n"
        "def on_exit(server): pass\n",
        encoding="utf-8",
    )
    done = run(tmp_path, "conf")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("deep")[0][0][0]
    assert told == {
        "workers": 3,
        "bind": {"dict": {"a": [1, 2.5], "b": None}},
        "special": {"text": "object of object"},
        "Logger": {"text": "function Logger"},
        "on_exit": {"text": "function on_exit"},
    }
    assert set(done.stderr.split()) == {"hello", "raw"} or "hello" in done.stderr


@pytest.mark.parametrize("location", ["file:conf.py", "python:package.conf"])
def test_locations_that_gunicorn_knows(tmp_path: Path, location: str) -> None:
    """A file or a module of the current directory."""
    (tmp_path / "package").mkdir()
    for name in ("conf.py", "package/conf.py"):
        (tmp_path / name).write_text("threads = 2", encoding="utf-8")
    assert json.loads(run(tmp_path, location).stdout) == {"threads": 2}


def test_a_file_that_raises(tmp_path: Path) -> None:
    """Its traceback is shown, without our frames, and there is no answer."""
    (tmp_path / "conf.py").write_text("1 / 0", encoding="utf-8")
    done = run(tmp_path, "conf.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("  File ") == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
