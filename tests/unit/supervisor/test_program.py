"""Programs as they are started: a file, a module."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from potstill.supervisor.program import Program


@pytest.fixture(autouse=True)
def _own_argv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv[:])
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.chdir(tmp_path)


def test_a_file_finds_its_neighbours_and_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/potstill_beside.py").write_text("value = 'beside'")
    (tmp_path / "web/run.py").write_text(
        "import sys, potstill_beside\n"
        "with open('told', 'w') as file:\n"
        "    print(__name__, sys.argv[1:], potstill_beside.value, file=file)\n"
    )
    Program(str(tmp_path / "web/run.py"), "", ("a", "b")).run()
    assert (tmp_path / "told").read_text() == "__main__ ['a', 'b'] beside\n"
    del sys.modules["potstill_beside"]


def test_a_module_is_run_as_python_m_does(tmp_path: Path) -> None:
    (tmp_path / "potstill_module.py").write_text(
        "import sys\nwith open('told', 'w') as file:\n    print(__name__, sys.argv[1:], file=file)\n"
    )
    Program(str(tmp_path / "potstill_module.py"), "potstill_module", ("c",)).run()
    assert (tmp_path / "told").read_text() == "__main__ ['c']\n"


def test_what_the_program_raises_is_raised(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text("raise SystemExit(3)")
    with pytest.raises(SystemExit):
        Program(str(tmp_path / "run.py"), "", ()).run()
