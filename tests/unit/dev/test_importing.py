"""Imports are noted with the state of what was read."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from potstill.dev.importing import note_imports
from potstill.dev.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path_hooks", sys.path_hooks[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(str(tmp_path))
    ledger = Ledger(str(tmp_path))
    note_imports(ledger)
    yield ledger
    for name in set(sys.modules) - before:
        del sys.modules[name]
    sys.path_importer_cache.clear()


def test_an_imported_file_is_noted_before_it_is_read(ledger: Ledger, tmp_path: Path) -> None:
    """What it becomes while it runs is a change: the module writes a new version of itself."""
    path = tmp_path / "potstill_prices.py"
    path.write_text("with open(__file__, 'a') as f: f.write('# again')\n")
    importlib.import_module("potstill_prices")
    assert ledger.changed() == [str(path)]


def test_a_file_with_a_syntax_error_is_noted_too(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "potstill_wrong.py"
    path.write_text("(")
    with pytest.raises(SyntaxError):
        importlib.import_module("potstill_wrong")
    assert str(path) in ledger.files


def test_a_file_that_is_taken_from_its_cache_is_noted_too(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "potstill_cached.py"
    path.write_text("value = 1")
    os.utime(path, (1000, 1000))
    importlib.import_module("potstill_cached")
    assert list((tmp_path / "__pycache__").iterdir())
    del sys.modules["potstill_cached"]
    ledger.files.clear()
    importlib.import_module("potstill_cached")
    assert str(path) in ledger.files


def test_modules_work_as_ever(ledger: Ledger, tmp_path: Path) -> None:
    """Packages, resources, and the sources that tracebacks show."""
    (tmp_path / "potstill_pkg").mkdir()
    (tmp_path / "potstill_pkg/__init__.py").write_text("from . import part\n")
    (tmp_path / "potstill_pkg/part.py").write_text("value = 7\n")
    (tmp_path / "potstill_pkg/data.txt").write_text("seven")
    package = importlib.import_module("potstill_pkg")
    assert package.part.value == 7
    assert importlib.import_module("importlib.resources").files(package).joinpath("data.txt").read_text()
    assert importlib.import_module("inspect").getsource(package.part) == "value = 7\n"


def test_two_saves_within_a_second_are_not_taken_for_each_other(ledger: Ledger, tmp_path: Path) -> None:
    """Same length, same second: a compiled file of the first would pass for the second."""
    path = tmp_path / "potstill_twice.py"
    for value in (1, 2, 3):
        path.write_text(f"value = {value}")
        assert importlib.import_module("potstill_twice").value == value
        del sys.modules["potstill_twice"]
