"""What must stay absent (docs/ARCHITECTURE.md), each as a test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, ROOT, blanked, functions, imports, module_name, read, relative, sources

CORE = sources(".py", ".pyx", ".pxd", below=("potstill/core",))
SURROUNDINGS = re.compile(r"\bos\.environ\b|\bgetenv\b|\bsys\.argv\b|\benvironb\b")


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_core_is_given_plain_values(path: Path) -> None:
    """The core reads no environment variable, no argv, no settings and no configuration file."""
    assert SURROUNDINGS.findall(blanked(read(path))) == []
    for _, name in imports(path):
        assert name.split(".")[:2] not in (["potstill", "settings"], ["potstill", "config"])
        assert name not in {"os.environ", "sys.argv"}
        assert name.split(".")[0] not in {"click", "msgspec", "tomllib", "configparser"}


def test_middleware_stands_alone() -> None:
    """A middleware works under any WSGI server, because it imports nothing of ours outside its own room."""
    for path in sources(".py", below=("potstill/middleware",)):
        ours = [name for _, name in imports(path) if name.split(".")[0] == "potstill"]
        assert [name for name in ours if not name.startswith("potstill.middleware")] == []


def test_nothing_rebinds_a_module_global() -> None:
    """Module globals are constants: state belongs to an object that has an owner.

    The core may fill a C table while it is imported, in a function that is called there and nowhere else.
    """
    for path in sources(".py", ".pyx", below=("potstill",)):
        text = blanked(read(path))
        lines = text.splitlines()
        for function in functions(path):
            body = lines[function.line - 1 : function.line - 1 + function.lines]
            if any(re.match(r"\s+global\s", line) for line in body):
                calls = re.findall(rf"^(.*)\b{function.name}\(", text, re.MULTILINE)
                at_import = [call for call in calls if not re.match(r"\s*(cdef|def)\b", call)]
                assert at_import == [""], f"{relative(path)}:{function.line} {function.name}"


def test_tests_wait_for_events_and_never_sleep() -> None:
    """A sleep is too short on a busy machine and too long on every other one."""
    call = re.compile(r"\b(time\.)?sleep\(")
    here = Path(__file__)
    for path in sources(".py", below=("tests",)):
        imported = {name for _, name in imports(path)}
        if path != here and {"time", "time.sleep"} & imported:
            assert not call.search(blanked(read(path))), relative(path)


LOOK_AROUND = """
import importlib, json, logging, os, signal, sys, threading
def state():
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": sorted(os.listdir("/proc/self/fd"), key=int),
        "signals": {number: repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())},
        "handlers": [repr(handler) for handler in logging.getLogger().handlers],
        "directory": os.getcwd(),
    }
before = state()
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
after = state()
print(json.dumps([key for key in before if before[key] != after[key]]))
"""


def test_importing_has_no_side_effects() -> None:
    """Importing every module starts no thread, opens no descriptor and sets no signal handler."""
    paths = sources(".py", ".pyx", below=("potstill",))
    names = [module_name(path) for path in paths if path.name != "__main__.py"]
    command = [sys.executable, "-c", LOOK_AROUND, json.dumps(names)]
    changed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert changed.returncode == 0, changed.stderr
    assert json.loads(changed.stdout) == []


HEAVY = "import sys; before = set(sys.modules); import potstill; print(*sorted(set(sys.modules) - before))"


def test_importing_the_package_is_cheap() -> None:
    """`import potstill` loads a few lines; the core, click and sockets come with their first use."""
    command = [sys.executable, "-c", HEAVY]
    loaded = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    ).stdout.split()
    assert [name for name in loaded if name.startswith("potstill.")] == []
    heavy = {
        "click",
        "msgspec",
        "socket",
        "ssl",
        "logging",
        "threading",
        "asyncio",
        "importlib.metadata",
        "typing",
    }
    assert heavy.intersection(loaded) == set()


def test_the_package_holds_no_compiled_leftovers() -> None:
    """A shared object without its source is imported all the same: it must not outlive it."""
    for shared in PACKAGE.rglob("*.so"):
        assert shared.with_name(shared.name.split(".")[0] + ".pyx").exists(), relative(shared)
