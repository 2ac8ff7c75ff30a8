"""Options that need an extra of the package, which may be missing."""

from __future__ import annotations


class MissingExtra(Exception):
    """The text names the option and the extra."""

    def __init__(self, option: str, extra: str) -> None:
        super().__init__(f'{option} needs potstill[{extra}]: pip install "potstill[{extra}]"')
