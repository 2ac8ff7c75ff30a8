"""Who sits at the desk, and who only looks like it."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from potstill.dev.visitors import at_desk, away_from_desk
from tests.unit.dev.raising import environ


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "shop.localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"],
)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
def test_who_asks_from_here_by_a_local_name(host: str, address: str) -> None:
    assert at_desk(environ(HTTP_HOST=host, REMOTE_ADDR=address))


@pytest.mark.parametrize(
    "more",
    [
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": "::ffff:10.0.0.7"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "unix"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "localhost.evil.example"},
        {"HTTP_HOST": "127.0.0.1.evil.example"},
        {"HTTP_HOST": "evillocalhost"},
        {"HTTP_HOST": "localhost:8000@evil.example"},
        {"HTTP_HOST": "0.0.0.0:8000"},
        {"HTTP_HOST": ""},
        {"HTTP_HOST": "localhost\n"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_X_FORWARDED_HOST": "localhost"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"HTTP_VIA": "1.1 nginx"},
    ],
    ids=str,
)
def test_who_does_not(more: dict[str, str]) -> None:
    assert not at_desk(environ(**more))


def test_which_listeners_others_can_reach(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as here:
        assert away_from_desk([here]) == ""
        with closing(socket.create_server(("0.0.0.0", 0))) as everywhere:
            assert away_from_desk([here, everywhere]) == f"0.0.0.0:{everywhere.getsockname()[1]}"
    with closing(socket.socket(socket.AF_UNIX)) as local:
        local.bind(str(tmp_path / "x"))
        assert away_from_desk([local]) == f"unix:{tmp_path / 'x'}"
