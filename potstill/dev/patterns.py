"""Patterns of file names, `**/templates/**` or `.env`, and the files below a directory that match them.

`*` and `?` stay within one part of a path, `**/` is any number of directories. A pattern is matched against
the path relative to the directory; one that is absolute, against the whole path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator

# What a project directory holds besides its project.
NOT_OURS = frozenset({"node_modules", "__pycache__", "site-packages"})
# Each worker looks through the tree when it starts. What lies beyond is not found by patterns; when it is
# imported, it is watched all the same.
DIRECTORIES_MAX = 5_000

_TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|.", re.DOTALL)
_MEANINGS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Patterns:
    """Says which paths match one of several patterns."""

    def __init__(self, patterns: Iterable[str], directory: str) -> None:
        written = [os.path.normpath(pattern) if "**" not in pattern else pattern for pattern in patterns]
        absolute = [each if each.startswith("/") else f"{directory}/{each}" for each in written]
        self._regex = re.compile("|".join(map(translated, absolute))) if absolute else None

    def match(self, path: str) -> bool:
        return self._regex is not None and self._regex.fullmatch(path) is not None


def translated(pattern: str) -> str:
    """The regular expression of a pattern."""
    tokens = _TOKENS.findall(pattern)
    return "".join(_MEANINGS.get(token) or re.escape(token) for token in tokens)


def directories_below(directory: str, known: Container[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """(directory, names of its files) for a project: without hidden ones, environments and caches.

    Those below it that are `known` are left out, with all that is in them.
    """
    seen = 0
    for path, directories, files in os.walk(directory):
        seen += 1
        if seen > DIRECTORIES_MAX:
            return
        if path != directory and "pyvenv.cfg" in files:
            directories.clear()
            continue
        directories[:] = [
            each
            for each in directories
            if not each.startswith(".") and each not in NOT_OURS and f"{path}/{each}" not in known
        ]
        yield path, files
