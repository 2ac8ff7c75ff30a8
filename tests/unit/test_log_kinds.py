"""Kinds of values about logs: what they take, and how they say no."""

from __future__ import annotations

from typing import Any

import pytest

from potstill.settings.kinds import Addresses, Kind
from potstill.settings.log_kinds import (
    Fraction,
    HostPort,
    LogFormat,
    LogTarget,
    Secret,
    Skip,
    Skips,
    skip_of,
)

GOOD: list[tuple[Kind, object, Any]] = [
    (LogTarget(), "-", "-"),
    (LogTarget(), "logs/access.log", "logs/access.log"),
    (LogTarget(), "syslog", "syslog:/dev/log"),
    (LogTarget(), "syslog:udp://10.0.0.1:514", "syslog:udp://10.0.0.1:514"),
    (LogFormat(), "combined", "combined"),
    (LogFormat(), '"%(r)s"', '"%(r)s"'),
    (Skips(), "/health, =304", ("/health", "=304")),
    (Skips(), ["/a*=2xx"], ("/a*=2xx",)),
    (Skips(), "none", ()),
    (Fraction(), "10%", 0.1),
    (Fraction(), "0.5", 0.5),
    (Fraction(), 1, 1.0),
    (Secret(), "abc", "abc"),
    (HostPort(), "[::1]:8125", "[::1]:8125"),
    (HostPort(), "none", ""),
    (Addresses(optional=True), "none", ()),
    (Addresses(optional=True), ["unix:/run/a"], ("unix:/run/a",)),
]
BAD: list[tuple[Kind, object]] = [
    (LogTarget(), ""),
    (LogTarget(), 7),
    (LogTarget(), "syslog:tcp://x:1"),
    (LogFormat(), "%(what)s"),
    (LogFormat(), None),
    (Skips(), "health"),
    (Skips(), "/a=600"),
    (Skips(), 7),
    (Fraction(), "2"),
    (Fraction(), "101%"),
    (Fraction(), True),
    (Secret(), "a b"),
    (HostPort(), "8125"),
    (Addresses(optional=True), [7]),
]


@pytest.mark.parametrize(("kind", "given", "value"), GOOD)
def test_what_is_right_is_read_and_can_be_written_again(kind: Kind, given: object, value: Any) -> None:
    assert kind.read(given) == value
    if not isinstance(kind, Secret):
        assert kind.read(kind.show(value)) == value


@pytest.mark.parametrize(("kind", "given"), BAD)
def test_what_is_wrong_is_refused(kind: Kind, given: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        kind.read(given)


def test_a_secret_is_not_shown() -> None:
    assert "abc" not in Secret().show("abc")


@pytest.mark.parametrize(
    ("rule", "skip"),
    [
        ("/health", Skip("/health", False, 0, 999)),
        ("/static/*", Skip("/static/", True, 0, 999)),
        ("=304", Skip("", False, 304, 304)),
        ("/api*=5xx", Skip("/api", True, 500, 599)),
    ],
)
def test_a_rule_is_taken_apart(rule: str, skip: Skip) -> None:
    assert skip_of(rule) == skip
