"""What a new configuration would change, and whether a running server can take it over."""

from __future__ import annotations

from typing import NamedTuple

from potstill.settings import OPTIONS, Option, Settings


class Differences(NamedTuple):
    """The options that differ, in the order of the table."""

    now: tuple[Option, ...]
    restart: tuple[Option, ...]


def reload_differences(old: Settings, new: Settings) -> Differences:
    """What a reload from `old` to `new` changes: what it may change now, and what needs a restart."""
    changed = [option for option in OPTIONS if getattr(old, option.field) != getattr(new, option.field)]
    return Differences(
        tuple(option for option in changed if option.about.reload),
        tuple(option for option in changed if not option.about.reload),
    )
