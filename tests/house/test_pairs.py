"""What belongs together stands together: a module and its tests, a compiled module and its stub."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import module_name, read, relative, sources

MODULES = sources(".py", ".pyx", below=("potstill",))
CORE = sources(".pyx", below=("potstill/core",))
TESTS = {path.stem for path in sources(".py", below=("tests",))}

# The package's doors are tested through what they open, plain values through who makes them.
TESTED_AS = {
    "potstill/__init__.py": "library",
    "potstill/__main__.py": "cli",
    "potstill/core/options.py": "assemble",
    "potstill/core/by_hand.pyx": "schedule",
    "potstill/moving_in/mapping.py": "writing",
    "potstill/settings/about.py": "settings",
    "potstill/observe/live.py": "top",
    "potstill/supervisor/parts.py": "loop",
    "potstill/supervisor/haste.py": "supervisor_desk",
    "potstill/simple/__main__.py": "run_simple",
    "potstill/frameworks/flask.py": "frameworks",
    "potstill/frameworks/django/management/commands/potstill.py": "frameworks",
    "potstill/frameworks/django/runserver/management/commands/runserver.py": "frameworks",
}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_source_file_has_its_test_file(path: Path) -> None:
    """potstill/net/bind.py is tested in some test_bind.py, test_net_bind.py or test_bind_….py."""
    if path.name == "__init__.py" and path.parent.name != "potstill":
        return
    stem = TESTED_AS.get(relative(path), path.stem)
    names = (f"test_{stem}", f"test_{path.parent.name}_{stem}")
    assert any(test == name or test.startswith(f"{name}_") for test in TESTS for name in names)


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_every_compiled_module_has_its_stub(path: Path) -> None:
    """Type checkers and editors cannot read a shared object: they read the .pyi beside it."""
    assert path.with_suffix(".pyi").exists()


def promised(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """The dotted names that a stub defines; protocols are for type checkers alone."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name
        elif isinstance(node, ast.AnnAssign) and not prefix:
            yield ast.unparse(node.target)
        elif isinstance(node, ast.ClassDef) and "Protocol" not in map(ast.unparse, node.bases):
            yield prefix + node.name
            yield from promised(node.body, f"{prefix}{node.name}.")


@pytest.mark.parametrize("path", [path for path in CORE if path.with_suffix(".pyi").exists()], ids=relative)
def test_every_stub_keeps_its_promises(path: Path) -> None:
    """What a stub names is there when the module is imported."""
    module = importlib.import_module(module_name(path))
    names = promised(ast.parse(read(path.with_suffix(".pyi"))).body)
    assert [name for name in names if attribute(module, name) is None] == []


def attribute(module: object, name: str) -> object:
    for part in name.split("."):
        module = getattr(module, part, None)
    return module


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_every_compiled_module_opens_with_its_strategy(path: Path) -> None:
    """The first lines say what the module does, and how."""
    first = next(line for line in read(path).splitlines() if not line.startswith("# cython:"))
    assert first.startswith(("#", '"""', 'r"""'))
