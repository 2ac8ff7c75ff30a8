"""Who gets the next request."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from potstill.middleware.balance_member import Member
from potstill.middleware.balance_policy import (
    Candidates,
    key_function,
    least_connections,
    rendezvous,
    round_robin,
)
from tests.support.upstream import environ_of


def nobody(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return []


def members(**weights: int) -> Candidates:
    return [(Member(name, nobody, weight), float(weight)) for name, weight in weights.items()]


def test_round_robin_is_interleaved_by_weight() -> None:
    """nginx's example: 5, 1, 1 come as a a b a c a a, not as five a in a row."""
    candidates = members(a=5, b=1, c=1)
    assert "".join(round_robin(candidates).name for _ in range(14)) == "aabacaa" * 2


def test_round_robin_among_equals_is_a_circle() -> None:
    candidates = members(a=1, b=1, c=1)
    assert "".join(round_robin(candidates).name for _ in range(6)) == "abcabc"


def test_least_connections() -> None:
    candidates = members(a=1, b=1, c=2)
    for (member, _), busy in zip(candidates, (2, 1, 4), strict=True):
        member.in_flight = busy
    assert least_connections(candidates).name == "b"


def test_least_connections_counts_by_weight() -> None:
    """Of 30 requests under way, a member of double weight has double as many."""
    candidates = members(a=1, b=2)
    for _ in range(30):
        least_connections(candidates).in_flight += 1
    assert [member.in_flight for member, _ in candidates] == [10, 20]


def test_least_connections_turns_among_equals() -> None:
    """Requests that come one after the other must not all go to the first."""
    candidates = members(a=1, b=1)
    assert "".join(least_connections(candidates).name for _ in range(4)) == "abab"


KEYS = [f"user{number}" for number in range(3000)]


def test_the_same_key_goes_to_the_same_member() -> None:
    """In every process, so the hash is none of Python's own."""
    candidates = members(a=1, b=1, c=1)
    chosen = [rendezvous(candidates, key).name for key in KEYS]
    assert chosen == [rendezvous(list(reversed(candidates)), key).name for key in KEYS]
    assert "".join(chosen[:12]) == "".join(rendezvous(members(a=1, b=1, c=1), key).name for key in KEYS[:12])


def test_keys_are_spread_by_weight() -> None:
    counted = Counter(rendezvous(members(a=1, b=2), key).name for key in KEYS)
    assert counted["a"] == pytest.approx(1000, rel=0.1)


def test_a_member_that_leaves_moves_its_own_keys_only() -> None:
    three, two = members(a=1, b=1, c=1), members(a=1, b=1)
    for key in KEYS:
        before = rendezvous(three, key).name
        assert before == "c" or rendezvous(two, key).name == before


@pytest.mark.parametrize(
    ("text", "more", "key"),
    [
        ("address", {}, "192.0.2.7"),
        ("address", {"REMOTE_ADDR": None}, ""),
        ("path", {"SCRIPT_NAME": "/shop"}, "/shop/x"),
        ("header:X-User", {"HTTP_X_USER": "eve"}, "eve"),
        ("header:X-User", {}, "192.0.2.7"),
        ("cookie:session", {"HTTP_COOKIE": "a=b; session=s1; c=d"}, "s1"),
        ("cookie:session", {"HTTP_COOKIE": "xsession=s1; session"}, "192.0.2.7"),
        ("cookie:session", {}, "192.0.2.7"),
    ],
)
def test_keys(text: str, more: dict[str, Any], key: str) -> None:
    assert key_function(text)(environ_of(path="/x", **more)) == key


@pytest.mark.parametrize("text", ["", "ip", "header:", "cookie", "header"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="header:NAME and cookie:NAME"):
        key_function(text)
