"""The options of a remote application say what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from potstill.middleware.proxy.options import RemoteOptions, is_authority


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"connect_timeout_s": 0}, "connect_timeout_s"),
        ({"try_timeout_s": -1}, "try_timeout_s"),
        ({"idle_timeout_s": float("nan")}, "idle_timeout_s"),
        ({"idle_connections_max": -1}, "idle_connections_max"),
        ({"head_bytes_max": 100}, "head_bytes_max"),
        ({"forwarded": "all"}, "x-forwarded, forwarded, both, off"),
        ({"via": "two words"}, "via"),
        ({"host": "a/b"}, "host"),
        ({"host": "a\r\nX: y"}, "host"),
    ],
)
def test_wrong_values_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RemoteOptions(**options)


@pytest.mark.parametrize("text", ["a", "a.example:80", "[::1]:8080", "10.0.0.1", "xn--bcher-kva.example"])
def test_a_host_and_a_port(text: str) -> None:
    assert is_authority(text)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "u@a", "a:b", "a:123456", "[::1", "a\n", "a,b:1:2", "ü"])
def test_what_is_no_host(text: str) -> None:
    assert not is_authority(text)
