"""How a client is called."""

from __future__ import annotations

import pytest

from potstill.core.peer import name_of


@pytest.mark.parametrize(
    ("addr", "port", "name"),
    [("192.0.2.7", "50123", "192.0.2.7:50123"), ("2001:db8::7", "1", "[2001:db8::7]:1"), ("", "", "unix")],
)
def test_a_client_has_a_name(addr: str, port: str, name: str) -> None:
    assert name_of(addr, port) == name
