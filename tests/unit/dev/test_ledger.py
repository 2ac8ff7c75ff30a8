"""Which files a worker has read, in which state, and what counts as a change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from potstill.dev.ledger import Ledger, is_standard


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/cart.html").write_text("cart")
    (tmp_path / ".env").write_text("A=1")
    (tmp_path / "shop.py").write_text("app = 1")
    return tmp_path


def found_in(ledger: Ledger) -> list[str]:
    return ledger.changed() + ledger.new_in(list(ledger.directories))


def test_templates_and_environment_are_known_from_the_start(shop: Path) -> None:
    ledger = Ledger(str(shop))
    assert set(ledger.files) == {str(shop / "templates/cart.html"), str(shop / ".env")}
    assert found_in(ledger) == []


def test_the_first_state_of_a_file_is_the_one_that_counts(shop: Path) -> None:
    """A second import does not make a change between the two unseen."""
    ledger, path = Ledger(str(shop)), shop / "shop.py"
    ledger.note(str(path))
    path.write_text("app = 22")
    ledger.note(str(path))
    assert ledger.changed() == [str(path)]
    ledger.accept([str(path)])
    assert ledger.changed() == []


@pytest.mark.parametrize("change", ["write", "rename", "delete", "touch"])
def test_every_way_to_change_a_file(shop: Path, change: str) -> None:
    ledger, path = Ledger(str(shop)), shop / "shop.py"
    ledger.note(str(path))
    if change == "write":
        path.write_text("app = 22")
    elif change == "rename":  # as editors save: same content, same size, even the same time
        other, times = shop / ".shop.py.swp", path.stat()
        other.write_text("app = 1")
        os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
        other.rename(path)
    elif change == "delete":
        path.unlink()
    else:
        os.utime(path, (1, 1))
    assert ledger.changed() == [str(path)]


def test_new_files_matter_where_a_pattern_says_so(shop: Path) -> None:
    ledger = Ledger(str(shop), include=["conf/*.ini"])
    (shop / "templates/new.html").touch()
    (shop / "unknown.txt").touch()
    (shop / "new.py").touch()
    assert found_in(ledger) == [str(shop / "templates/new.html")]
    ledger.accept([str(shop / "templates/new.html")])
    assert found_in(ledger) == []
    (shop / "templates/deep").mkdir()
    (shop / "templates/deep/a.html").touch()
    assert found_in(ledger) == [str(shop / "templates/deep/a.html")]


def test_a_broken_application_makes_every_new_python_file_matter(shop: Path) -> None:
    """`No module named 'prices'`: the next thing to happen is that prices.py appears."""
    ledger = Ledger(str(shop))
    ledger.expect_new_files()
    assert str(shop / "shop.py") in ledger.files
    (shop / "prices.py").touch()
    assert found_in(ledger) == [str(shop / "prices.py")]


def test_what_is_excluded_never_changes(shop: Path) -> None:
    ledger = Ledger(str(shop), exclude=["shop.py", "**/templates/**"])
    ledger.note(str(shop / "shop.py"))
    assert set(ledger.files) == {str(shop / ".env")}
    assert not ledger.concerns(str(shop / "templates/cart.html"))


def test_the_standard_library_and_inherited_modules_are_left_out(shop: Path) -> None:
    ledger = Ledger(str(shop))
    ledger.note_modules()
    assert not [path for path in ledger.files if "/potstill/" in path]
    assert is_standard(os.__file__)
    assert is_standard("<frozen os>")
    assert not is_standard(pytest.__file__)


def test_a_deleted_directory_is_no_error(shop: Path) -> None:
    ledger = Ledger(str(shop))
    (shop / "templates/cart.html").unlink()
    (shop / "templates").rmdir()
    assert found_in(ledger) == [str(shop / "templates/cart.html")]
