"""What a reload may change."""

from __future__ import annotations

from msgspec.structs import replace

from potstill.config.reloading import reload_differences
from potstill.settings import Settings


def test_nothing_differs_from_itself() -> None:
    """Two configurations that were read at different times may be equal."""
    assert reload_differences(Settings(), Settings()) == ((), ())


def test_what_the_sockets_were_opened_with_needs_a_restart() -> None:
    """Everything else may change while the server runs; both are named in the order of the table."""
    new = replace(Settings(), threads=9, bind=(":1",), keepalive=1.0, backlog=5)
    now, restart = reload_differences(Settings(), new)
    assert [option.field for option in now] == ["threads", "keepalive"]
    assert [option.field for option in restart] == ["bind", "backlog"]
