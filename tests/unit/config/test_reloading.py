"""What a reload may change."""

from __future__ import annotations

from msgspec.structs import replace

from potstill.config.reloading import needing_restart
from potstill.settings import Settings


def test_nothing_differs_from_itself() -> None:
    """Two configurations that were read at different times may be equal."""
    assert needing_restart(Settings(), Settings()) == ()


def test_what_the_sockets_were_opened_with_needs_a_restart() -> None:
    """In the order of the table; what a reload changes is not among it."""
    new = replace(Settings(), threads=9, bind=(":1",), keepalive=1.0, backlog=5)
    assert [option.field for option in needing_restart(Settings(), new)] == ["bind", "backlog"]
