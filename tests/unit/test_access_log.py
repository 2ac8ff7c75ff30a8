"""Settings → what the core is told about the access log."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from potstill.assemble import access_log
from potstill.assemble.access_log import access_log_options, prepare_access_log, without_terminal
from potstill.settings import Settings
from potstill.settings.log_formats import parse


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is one."""
    monkeypatch.setattr(access_log, "is_terminal", lambda descriptor: descriptor == 1)


def test_there_is_none_where_nobody_reads_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "is_terminal", lambda descriptor: False)
    assert access_log_options(Settings()) is None
    assert access_log_options(Settings(access_log="off")) is None


@pytest.mark.usefixtures("terminal")
def test_in_a_terminal_it_is_on_and_in_colour() -> None:
    options = access_log_options(Settings())
    assert options is not None
    assert (options.target, options.steps) == ("-", parse("terminal"))
    other = access_log_options(Settings(access_log_format="json"))
    assert other is not None
    assert other.steps == parse("json")
    assert access_log_options(without_terminal(Settings())) is None


@pytest.mark.usefixtures("terminal")
def test_a_file_is_not_a_terminal(tmp_path: Path) -> None:
    options = access_log_options(Settings(access_log=str(tmp_path / "a.log")))
    assert options is not None
    assert options.steps == parse("common")


def test_rules_are_taken_apart_and_paths_made_whole() -> None:
    options = access_log_options(Settings(access_log="logs/a.log", access_log_skip=("/health", "=304")))
    assert options is not None
    assert options.target == os.path.abspath("logs/a.log")
    assert options.skip == (("/health", False, 0, 999), ("", False, 304, 304))


def test_a_file_is_made_before_it_is_needed(tmp_path: Path) -> None:
    """So that it can be another user's, and so that what is wrong is said at the start."""
    file = tmp_path / "a.log"
    assert prepare_access_log(Settings(access_log=str(file))) == str(file)
    assert stat.S_ISREG(file.stat().st_mode)
    assert prepare_access_log(Settings(access_log="-")) == ""
    with pytest.raises(FileNotFoundError):
        prepare_access_log(Settings(access_log=str(tmp_path / "nowhere" / "a.log")))
