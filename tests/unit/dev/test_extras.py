"""What is said when an extra is missing."""

from __future__ import annotations

from potstill.dev.extras import MissingExtra


def test_it_says_what_to_install() -> None:
    assert str(MissingExtra("--profile", "profile")) == (
        '--profile needs potstill[profile]: pip install "potstill[profile]"'
    )
