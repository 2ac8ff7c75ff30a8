"""The package's public names: each there, each loaded with its first use."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from potstill import middleware

LOADED = """
import sys
import potstill.middleware
names = [name for name in sys.modules if name.startswith("potstill.middleware.")]
assert names == [], names
potstill.middleware.Mount
assert "potstill.middleware.mount" in sys.modules
assert "potstill.middleware.static" not in sys.modules
"""


@pytest.mark.parametrize("name", middleware.__all__)
def test_every_name_leads_to_something(name: str) -> None:
    """Of that very name, from this package."""
    found = getattr(middleware, name)
    assert found.__name__ == name
    assert found.__module__.startswith("potstill.middleware.")
    assert name in dir(middleware)


def test_type_checkers_see_the_same_names() -> None:
    """They read the imports that are never run."""
    assert middleware.__file__ is not None
    tree = ast.parse(Path(middleware.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = [
        (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert [name for _, name in imported] == sorted(middleware.__all__, key=dict(map(reversed, imported)).get)  # type: ignore[arg-type]
    for module, name in imported:
        assert getattr(middleware, name).__module__.startswith(f"{module}")


def test_nothing_is_loaded_before_it_is_used() -> None:
    """So that who wants one middleware pays for one."""
    subprocess.run([sys.executable, "-c", LOADED], check=True, timeout=30)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        middleware.Nothing  # noqa: B018
