"""What Cache-Control says of a file: a few words for people, a field for caches.

    1h                    Cache-Control: max-age=3600
    1y immutable          Cache-Control: max-age=31536000, immutable
    5m private            Cache-Control: max-age=300, private
    no-cache              may be kept, but is asked about each time
    no-store              is not kept anywhere
    none                  no Cache-Control at all: every cache guesses

A rule holds for all files, or a table gives one for each pattern; the first pattern that fits counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
WORDS = ("immutable", "public", "private", "must-revalidate", "no-transform", "no-cache", "no-store")
IMMUTABLE = "1y public immutable"
# The word for the pattern below among the patterns of `immutable`.
HASHED = "hashed"
# A hash in the file's name, as bundlers write it: 8 or more hexadecimal digits between a dash, dot or
# underscore and the ending. Digits alone are a date or a number, letters alone a word.
HASHED_NAME = re.compile(
    r"(?:^|.*[-._])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}(?:\.\w+)+", re.ASCII
)

_AGE = re.compile(r"(\d{1,9})([smhdwy])", re.ASCII)


def cache_control(rule: str) -> str:
    """The field's value; empty for none. ValueError that says what is allowed."""
    text = rule.strip().lower()
    if text == "none":
        return ""
    directives: list[str] = []
    for word in text.replace(",", " ").split():
        age = _AGE.fullmatch(word)
        if age is not None:
            directives.append(f"max-age={int(age[1]) * UNITS_S[age[2]]}")
        elif word in WORDS:
            directives.append(word)
        else:
            directives.clear()
            break
    if not directives or sum(each.startswith("max-age") for each in directives) > 1:
        raise ValueError(
            f"{rule!r} is not a cache rule: a time such as 60s, 5m, 1h, 30d or 1y and words out of "
            f"{', '.join(WORDS)}, or none"
        )
    return ", ".join(directives)


class CacheRules:
    """Cache-Control by a file's path.

    Args:
        rules: one rule, or a mapping of patterns to rules, such as {"*.html": "no-cache", "*": "1h"}. A
            pattern with a slash is held against the path from the root, another against the file's name.
        immutable: patterns of files that never change under their name, or the word `hashed` for names that
            carry a hash. They come first.

    Raises ValueError for a rule that cannot be read.
    """

    def __init__(self, rules: str | Mapping[str, str], immutable: Iterable[str] = (HASHED,)) -> None:
        table = rules if isinstance(rules, Mapping) else {"*": rules}
        rows = [*((pattern, IMMUTABLE) for pattern in immutable), *table.items()]
        self._rows = [(*_pattern(pattern), cache_control(rule)) for pattern, rule in rows]

    def of(self, path: str) -> str:
        """The value for a file, by its path from the root; empty where no pattern fits."""
        name = path.rpartition("/")[2]
        for pattern, whole, value in self._rows:
            if pattern.fullmatch(path if whole else name):
                return value
        return ""


def _pattern(text: str) -> tuple[re.Pattern[str], bool]:
    """The compiled pattern, and whether it is about the whole path."""
    if text == HASHED:
        return HASHED_NAME, False
    return re.compile(translate(text.removeprefix("/"))), "/" in text
