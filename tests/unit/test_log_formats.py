"""Formats of the access log, taken apart."""

from __future__ import annotations

import pytest

from potstill.core.line import LineFormat
from potstill.settings.log_formats import ATOMS, KEYED, NAMED, OURS, Escape, Step, parse


@pytest.mark.parametrize("atom", ATOMS)
def test_every_atom_is_one_that_the_core_can_write(atom: str) -> None:
    """The table of names is here, what they do is there."""
    LineFormat(parse(f"%({atom})s"), 1)


@pytest.mark.parametrize("kind", KEYED)
def test_every_kind_of_key_too(kind: str) -> None:
    LineFormat(parse(f"%({{some-thing}}{kind})s"), 1)


def test_what_is_ours_is_an_atom() -> None:
    assert ATOMS.keys() >= OURS


@pytest.mark.parametrize("name", NAMED)
def test_every_format_with_a_name_can_be_taken_apart(name: str) -> None:
    assert parse(name) == parse(NAMED[name]) or name == "logfmt"


def test_where_a_value_stands_decides_how_it_is_escaped() -> None:
    assert parse('"%(a)s" %(f)s %(s)s') == (
        Step("text", '"'),
        Step("a", "", Escape.QUOTED, '"'),
        Step("text", '" '),
        Step("f", "", Escape.BARE, " "),
        Step("text", " "),
        Step("s", "", Escape.NONE, ""),
    )
    assert [step.escape for step in parse('{"a":"%(a)s"}')] == [Escape.NONE, Escape.JSON, Escape.NONE]


@pytest.mark.parametrize(
    "wrong", ["%(nothing)s", "%s", "%", "%({a}x)s", "%({ä}i)s", "%(h)s\n", "é", "%({a}i"]
)
def test_what_is_no_format_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="format"):
        parse(wrong)
