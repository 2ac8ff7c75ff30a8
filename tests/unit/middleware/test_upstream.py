"""How an upstream server is named."""

from __future__ import annotations

import pytest

from potstill.middleware.upstream import Upstream, UpstreamError, parse_upstream


@pytest.mark.parametrize(
    ("text", "target", "authority", "path"),
    [
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080", "10.0.0.1:8080", None),
        ("http://app.internal", "http://app.internal:80", "app.internal", None),
        ("https://app.internal", "https://app.internal:443", "app.internal", None),
        ("https://app.internal:8443/", "https://app.internal:8443", "app.internal:8443", ""),
        ("http://[2001:db8::1]:8080/shop/", "http://[2001:db8::1]:8080/shop", "[2001:db8::1]:8080", "/shop"),
        ("http://docker_name:80", "http://docker_name:80", "docker_name", None),
        ("unix:/run/app.sock", "unix:/run/app.sock", "localhost", None),
        ("unix:/run/app.sock:/shop", "unix:/run/app.sock:/shop", "localhost", "/shop"),
        ("unix:///run/app.sock", "unix:/run/app.sock", "localhost", None),
    ],
)
def test_addresses(text: str, target: str, authority: str, path: str | None) -> None:
    """What is connected to, what the Host field says, and whether a path is prescribed."""
    upstream = parse_upstream(text)
    assert (upstream.target, upstream.authority, upstream.path) == (target, authority, path)


def test_a_weight_stands_behind_the_address() -> None:
    assert parse_upstream("http://a weight=7").weight == 7
    assert parse_upstream("http://a").weight == 1


def test_an_address_of_a_name_keeps_the_name() -> None:
    """Host and certificate are the name's, whatever address is connected to."""
    server = parse_upstream("dns+https://app.internal").at("10.0.0.9")
    assert (server.target, server.authority, server.name) == (
        "https://10.0.0.9:443",
        "app.internal",
        "app.internal",
    )
    assert not server.from_dns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no scheme ''"),
        ("10.0.0.1:8080", "no scheme"),
        ("ftp://a", "no scheme 'ftp'"),
        ("http://", "no host"),
        ("http://a:0", "no port"),
        ("http://a:70000", "Port out of range"),
        ("http://user:secret@a", "more than host, port and path"),
        ("http://a/?x=1", "more than host, port and path"),
        ("http://a/../b", "not a path"),
        ("http://a/b\tc", "weight=N"),
        ("http://a_b!", "no host"),
        ("http://a weight=0", "weight=N"),
        ("http://a weight=-1", "weight=N"),
        ("http://a weight=1001", "weight=N"),
        ("http://a slow=1", "weight=N"),
        ("unix:run/app.sock", "full path"),
        ("unix:/run/app.sock:shop", "not a path"),
        ("dns+http://10.0.0.1", "without dns+"),
        ("http://[::1", "Invalid IPv6"),
    ],
)
def test_wrong_addresses_are_explained(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        parse_upstream(text)


def test_what_was_not_sent_was_not_answered() -> None:
    error = UpstreamError(503, "nobody", unsent=True)
    assert error.unanswered
    assert error.blamed
    assert not UpstreamError(502, "half").unanswered


def test_an_upstream_is_a_value() -> None:
    assert parse_upstream("http://a:80") == Upstream("http", "a", 80, "a")
