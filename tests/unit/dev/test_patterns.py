"""Patterns of file names, and what is looked at below a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from potstill.dev.patterns import Patterns, directories_below


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        (".env", "/shop/.env", True),
        (".env", "/shop/conf/.env", False),
        ("./.env", "/shop/.env", True),
        ("**/.env", "/shop/.env", True),
        ("**/.env", "/shop/conf/.env", True),
        ("*.yaml", "/shop/a.yaml", True),
        ("*.yaml", "/shop/conf/a.yaml", False),
        ("**/*.yaml", "/shop/conf/deep/a.yaml", True),
        ("**/templates/**", "/shop/templates/a.html", True),
        ("**/templates/**", "/shop/cart/templates/cart/a.html", True),
        ("**/templates/**", "/shop/templates.py", False),
        ("conf/?.ini", "/shop/conf/a.ini", True),
        ("conf/?.ini", "/shop/conf/ab.ini", False),
        ("a+b.txt", "/shop/a+b.txt", True),
        ("a.txt", "/shop/abtxt", False),
        ("/etc/shop/*.ini", "/etc/shop/a.ini", True),
        ("**/*.py", "/elsewhere/a.py", False),
    ],
)
def test_what_a_pattern_matches(pattern: str, path: str, matches: bool) -> None:
    assert Patterns([pattern], "/shop").match(path) is matches


def test_no_pattern_matches_nothing() -> None:
    assert not Patterns([], "/shop").match("/shop/a.py")


def test_environments_and_caches_are_not_looked_into(tmp_path: Path) -> None:
    for place in ("web", ".git", "node_modules/left", "__pycache__", "environment/lib"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "environment/pyvenv.cfg").touch()
    (tmp_path / "web/views.py").touch()
    found = dict(directories_below(str(tmp_path)))
    assert found == {str(tmp_path): [], str(tmp_path / "web"): ["views.py"]}
