"""Words of a cache rule → Cache-Control."""

from __future__ import annotations

import pytest

from potstill.middleware.cache_rules import CacheRules, cache_control

READ = [
    ("60s", "max-age=60"),
    ("5m", "max-age=300"),
    ("1h", "max-age=3600"),
    ("7d", "max-age=604800"),
    ("2w", "max-age=1209600"),
    ("1y immutable", "max-age=31536000, immutable"),
    ("1Y, Public, Immutable", "max-age=31536000, public, immutable"),
    ("5m private must-revalidate", "max-age=300, private, must-revalidate"),
    ("no-cache", "no-cache"),
    ("no-store", "no-store"),
    ("0s", "max-age=0"),
    ("none", ""),
]
REFUSED = ["", "forever", "60", "1.5h", "-1s", "1h 2h", "1h max-age=5", "none 1h", "1h\r\nX: y", "٣s"]
# Names with a hash in them, and names that only look a little like it.
HASHED = [
    "app.4e8c2f1a.js",
    "app-4e8c2f1ab0.min.js",
    "style_0123456789abcdef.css",
    "4e8c2f1a.png",
    "a.b.c1d2e3f4.js.map",
]
PLAIN = [
    "app.js",
    "report-20240101.pdf",
    "jquery-3.7.1.js",
    "facade-deadbeef.css",
    "a.4e8c2f1.js",
    "4e8c2f1a",
    "app.4E8C2F1A.js",
]


@pytest.mark.parametrize(("rule", "value"), READ)
def test_rules_are_read(rule: str, value: str) -> None:
    """A time, and words of RFC 9111 and RFC 8246."""
    assert cache_control(rule) == value


@pytest.mark.parametrize("rule", REFUSED)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    """The error shows how rules are written."""
    with pytest.raises(ValueError, match="is not a cache rule: a time such as"):
        cache_control(rule)


@pytest.mark.parametrize("name", HASHED)
def test_names_with_a_hash_never_change(name: str) -> None:
    """What bundlers write may be kept for ever."""
    assert CacheRules("1h").of(f"assets/{name}") == "max-age=31536000, public, immutable"


@pytest.mark.parametrize("name", PLAIN)
def test_other_names_may_change(name: str) -> None:
    """A date, a version, a word or a short number is no hash."""
    assert CacheRules("1h").of(name) == "max-age=3600"


def test_the_first_pattern_that_fits_counts() -> None:
    """A pattern with a slash is about the whole path, another about the name."""
    rules = CacheRules({"*.html": "no-cache", "/fonts/*": "1y", "*": "5m"}, immutable=["build/*"])
    assert rules.of("a/b/index.html") == "no-cache"
    assert rules.of("fonts/x.woff2") == "max-age=31536000"
    assert rules.of("my/fonts/x.woff2") == "max-age=300"
    assert rules.of("build/app.js") == "max-age=31536000, public, immutable"


def test_no_pattern_is_no_field() -> None:
    """And `none` says so in words."""
    assert CacheRules({"*.css": "1h"}, immutable=()).of("a.js") == ""
    assert CacheRules("none", immutable=()).of("a.js") == ""
