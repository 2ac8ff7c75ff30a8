"""What of a new configuration a running server cannot take over."""

from __future__ import annotations

from potstill.settings import OPTIONS, Option, Settings


def needing_restart(old: Settings, new: Settings) -> tuple[Option, ...]:
    """The options that differ and that no reload changes, in the order of the table."""
    return tuple(
        option
        for option in OPTIONS
        if not option.about.reload and getattr(old, option.field) != getattr(new, option.field)
    )
