"""The table against gunicorn's own: every setting, under its flags, with what it takes."""

from __future__ import annotations

from typing import Any

import pytest
from gunicorn.config import KNOWN_SETTINGS

from potstill.moving_in.gunicorn_table import GUNICORN, ROWS, SYNC_TIMEOUT
from potstill.moving_in.mapping import Row, Takes
from potstill.settings import OPTIONS

THEIRS: list[Any] = sorted(KNOWN_SETTINGS, key=lambda setting: setting.name)


def test_every_setting_of_gunicorn_is_in_the_table() -> None:
    """And nothing else is, and nothing twice."""
    assert sorted(row.name for row in ROWS) == [setting.name for setting in THEIRS]
    assert len(GUNICORN) == len(ROWS)


@pytest.mark.parametrize("setting", THEIRS, ids=lambda setting: setting.name)
def test_flags_and_what_they_take_are_gunicorns(setting: Any) -> None:
    """So that a command line is understood as gunicorn understands it."""
    row = GUNICORN[setting.name]
    assert list(row.flags) == (setting.cli or [])
    if setting.cli:
        assert row.takes is takes(setting)


def takes(setting: Any) -> Takes:
    if getattr(setting, "nargs", None) == "?":
        return Takes.PERHAPS
    if setting.action == "store_const" and setting.const is False:
        return Takes.OFF
    return Takes(setting.action or "store")


def test_the_two_tables_agree() -> None:
    """What the option table says of gunicorn's names is what a file is converted to."""
    ours = {
        (row.ours, name.strip("-").replace("_", "-"))
        for row in (*ROWS, SYNC_TIMEOUT)
        for name in (row.name, *row.flags)
    }
    named = [
        (option.field, name.removeprefix("gunicorn: "))
        for option in OPTIONS
        for name in option.about.peers
        if name.startswith("gunicorn: ")
    ]
    assert set(named) <= ours


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_has_an_option_or_a_sentence(row: Row) -> None:
    """Or both: the sentence is for a version that does not have the option."""
    assert row.ours or row.says
    assert not row.says or row.says.endswith((".", "there."))
    assert not row.note or row.note.endswith(".")
