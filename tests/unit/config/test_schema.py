"""The JSON Schema of the file, judged by a validator that knows nothing of us."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from potstill.config import NO_TABLES
from potstill.config.files import TableReader
from potstill.config.schema import json_schema
from potstill.config.showing import plain
from potstill.settings import OPTIONS, Option, Settings
from potstill.settings.kinds import Choice
from tests.support.properties import PATIENTLY

SCHEMA = json_schema(NO_TABLES)
VALIDATOR = Draft7Validator(SCHEMA)


def test_the_schema_is_one() -> None:
    """And has every option, with words for it."""
    Draft7Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == {option.name for option in OPTIONS}
    assert all(rule["description"].endswith(".") for rule in SCHEMA["properties"].values())


def test_the_defaults_are_valid() -> None:
    """A file that says what is the case anyway."""
    written = {option.name: plain(option, getattr(Settings(), option.field)) for option in OPTIONS}
    VALIDATOR.validate({name: value for name, value in written.items() if value is not None})
    VALIDATOR.validate({})


@pytest.mark.parametrize("value", [{}, [1], None, 1.5e300, -(10**30), "\r\n"])
@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_values_of_other_types_are_not(option: Option, value: Any) -> None:
    """Whatever the option: no table, no list of numbers, no absurd number, no blank where text is due."""
    if isinstance(value, str) and (reads(option, value) or option.about.kind.metavar == "DIR"):
        return
    assert not VALIDATOR.is_valid({option.name: value})


def reads(option: Option, value: Any) -> bool:
    try:
        option.about.kind.read(value)
    except ValueError:
        return False
    return True


def test_unknown_names_are_not() -> None:
    """But a table that somebody owns is."""
    assert not VALIDATOR.is_valid({"thread": 1})
    site = TableReader(lambda section: None, lambda: {"type": "array"})
    extended = Draft7Validator(json_schema({"site": site}))
    assert extended.is_valid({"site": []})
    assert not extended.is_valid({"site": 3})


WRITTEN = (
    st.integers(-5, 1 << 62)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.from_regex(r"\s?[0-9]{1,5}(\.[0-9]{1,2})? ?(ms|s|m|h|B|KiB|mib|GIB|K|)\s?", fullmatch=True)
    | st.sampled_from(["auto", "none", "unlimited", "", ":80", "info"])
)


@PATIENTLY
@given(st.sampled_from(OPTIONS), WRITTEN)
def test_what_the_reader_takes_the_schema_takes(option: Option, value: Any) -> None:
    """An editor never underlines what works; words are written small, as they are documented."""
    if not reads(option, value):
        return
    if isinstance(option.about.kind, Choice):
        value = value.strip().lower()
    assert VALIDATOR.is_valid({option.name: value})
