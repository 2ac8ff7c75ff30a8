"""Imports only go down: a room imports from lower floors and from itself (docs/ARCHITECTURE.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, imports, imports_in, module_name, relative, sources

FLOORS = {
    "cli": 6,
    "library": 6,
    "simple": 6,
    "supervisor": 5,
    "worker": 4,
    "assemble": 4,
    "gateway": 3,
    "middleware": 3,
    "observe": 3,
    "dev": 3,
    "frameworks": 4,
    "moving_in": 3,
    "core": 2,
    "config": 2,
    "net": 1,
    "settings": 1,
}
# The two doors hand over to a room, and no room hands back: nothing but the version is read from them.
DOORS = {"": 7, "__main__": 7}
READ_FROM_THE_DOOR = {"potstill.__version__"}

SOURCES = sources(".py", ".pyi", ".pyx", ".pxd", below=("potstill",))


def room(name: str) -> str:
    """potstill.net.bind → net; potstill and what its __init__ defines → the empty name."""
    first = name.split(".")[1] if "." in name else ""
    return first if first in FLOORS or first in DOORS else ""


def test_every_room_has_its_floor() -> None:
    """A new room is a decision: it gets its floor here and its line in docs/ARCHITECTURE.md."""
    rooms = {
        path.name.split(".")[0] for path in PACKAGE.iterdir() if path.name not in {"py.typed", "__pycache__"}
    }
    assert rooms - {"__init__", "__main__"} <= FLOORS.keys()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_go_down(path: Path) -> None:
    """Rooms on one floor do not import each other, and nobody imports from above."""
    floors = FLOORS | DOORS
    own = room(module_name(path))
    wrong = [
        f"{relative(path)}:{line} imports {name}"
        for line, name in imports(path)
        if name.split(".")[0] == "potstill" and name not in READ_FROM_THE_DOOR
        if room(name) != own and floors[room(name)] >= floors[own]
    ]
    assert wrong == []


def test_the_reader_of_imports_sees_all_forms() -> None:
    """The rule is worth what its eyes are worth: each way to import is found, at its line."""
    text = """\
from potstill.a cimport (b as x,
    c)   # cimport potstill.nothing
cimport potstill.d
from .e import f
import os, potstill.g as g
text = "import potstill.nothing"
"""
    assert imports_in(text, "potstill.core", cython=True) == [
        (1, "potstill.a.b"),
        (1, "potstill.a.c"),
        (3, "potstill.d"),
        (4, "potstill.core.e.f"),
        (5, "os"),
        (5, "potstill.g"),
    ]
