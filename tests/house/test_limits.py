"""The table of limits in docs/threat-model.md says what the code says: every limit, and its default."""

from __future__ import annotations

import re

import pytest

from potstill.settings import OPTIONS, Option
from potstill.settings.kinds import Duration, Size, Whole
from tests.house.tree import ROOT, read

PAGE = ROOT / "docs" / "threat-model.md"
_ROW = re.compile(r"^\| [^|]+ \| `--([a-z-]+)` \| ([^|(]+?)(?: \([^|]*\))? \| [^|]+ \|$", re.M)

# Whatever is a number, a size or a time bounds something; but this one says what there is.
NO_BOUND = {"forwarded-hops"}
BOUNDS = [
    option
    for option in OPTIONS
    if isinstance(option.about.kind, Duration | Size | Whole) and option.name not in NO_BOUND
]


def table() -> dict[str, str]:
    """Option → default, as the page has them."""
    return dict(_ROW.findall(read(PAGE).partition("\n## Limits\n")[2]))


def test_every_limit_is_in_the_table_and_no_other() -> None:
    """A new limit comes with what happens beyond it; one that is gone is not promised any more."""
    assert set(table()) == {option.name for option in BOUNDS}


@pytest.mark.parametrize("option", BOUNDS, ids=lambda option: option.name)
def test_the_default_of_a_limit_is_the_codes(option: Option) -> None:
    """In any way of writing it that the option understands."""
    shown = table()[option.name]
    assert option.about.kind.read(shown) == option.default


def test_the_table_is_found() -> None:
    """Nothing above passes because nothing was read."""
    assert len(table()) > 15
    assert table()["keepalive"] == "75s"


def test_what_proves_a_promise_is_there() -> None:
    """The files that the page names as proof exist."""
    named = set(re.findall(r"`((?:tests|fuzz)/[\w/.]*)`", read(PAGE) + read(ROOT / "SECURITY.md")))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
