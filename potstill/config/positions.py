"""Where in a TOML text each key and each value stands.

tomllib says what a file holds, not where. An error that names line and column needs both, so the text is
gone through a second time here. That is little work, because tomllib has gone first: the text is known to be
right, and this scanner only has to tell where things begin and end. Quoted keys are decoded by tomllib.

A *path* leads to a thing as one would index what tomllib returns: `("site", 0, "host")` is the key `host` of
the first `[[site]]`. A table that is written in several places stands where it is named first.

Left out: any judgement. What is done with a text that tomllib refuses is undefined, but for `error_position`.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

Path = tuple[str | int, ...]

# Between keys and values: white space, newlines and comments.
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_BETWEEN_PARTS = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # up to two quotes may stand before those that close it
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_AT = re.compile(r" ?\(at (?:line (\d+), column (\d+)|end of document)\)$")


class Position(NamedTuple):
    """Line and column as editors count them: from 1, in characters."""

    line: int
    column: int


@dataclass(frozen=True)
class Positions:
    """Where the keys and the values of a text begin."""

    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)


def positions(text: str) -> Positions:
    """The places in a text that tomllib has read without an error.

    Every path to a key of any table is in `keys`, an element of an array of tables under its number as well;
    every value that is written behind a `=` or in an array is in `values`.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.found


def error_position(text: str, error: tomllib.TOMLDecodeError) -> tuple[str, Position]:
    """What is wrong with a text, without the place, and the place."""
    match = _AT.search(str(error))
    message = str(error)[: match.start()] if match else str(error)
    if match and match[1]:
        return message, Position(int(match[1]), int(match[2]))
    lines = text.replace("\r\n", "\n").split("\n")
    return message, Position(len(lines), len(lines[-1]) + 1)


class _Scanner:
    """One walk through a text; `at` is the offset of what comes next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = Positions()
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        # How many elements each array of tables has so far: a header goes on in the last one.
        self._elements: dict[Path, int] = {}

    def document(self) -> None:
        """Key-value pairs, each below the header that stands before it."""
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self._ahead("[["):
                table = self._header(2, array=True)
            elif self._ahead("["):
                table = self._header(1, array=False)
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self, brackets: int, *, array: bool) -> Path:
        self.at += brackets
        parts = self._key()
        self.at += brackets
        path: Path = ()
        for part, offset in parts[:-1]:
            path = self._inside((*path, part), offset)
        part, offset = parts[-1]
        path = (*path, part)
        self._note_key(path, offset)
        if not array:
            return path
        number = self._elements.get(path, 0)
        self._elements[path] = number + 1
        self._note_key((*path, number), offset)
        return (*path, number)

    def _inside(self, path: Path, offset: int) -> Path:
        """The table that a part of a header leads into; of an array of tables, the last one."""
        self._note_key(path, offset)
        return (*path, self._elements[path] - 1) if path in self._elements else path

    def _pair(self, table: Path) -> None:
        path = table
        for part, offset in self._key():
            path = (*path, part)
            self._note_key(path, offset)
        self._skip(_BLANK)
        self.at += len("=")
        self._value(path)

    def _key(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset; what follows it is next."""
        parts = []
        self._skip(_BLANK)
        while True:
            offset = self.at
            parts.append((self._decoded(self._take(_KEY_PART)), offset))
            if not self._skip(_BETWEEN_PARTS):
                self._skip(_BLANK)
                return parts

    def _decoded(self, part: str) -> str:
        return next(iter(tomllib.loads(f"{part}=0"))) if part[0] in "\"'" else part

    def _value(self, path: Path) -> None:
        self._skip(_BLANK)
        self.found.values[path] = self._position(self.at)
        if self._ahead("["):
            self._array(path)
        elif self._ahead("{"):
            self._inline_table(path)
        elif self._ahead('"') or self._ahead("'"):
            self._take(_STRING)
        else:
            self._take(_SCALAR)

    def _array(self, path: Path) -> None:
        self.at += len("[")
        self._skip(_BLANK)
        number = 0
        while not self._ahead("]"):
            self._value((*path, number))
            number += 1
            self._comma()
        self.at += len("]")

    def _inline_table(self, path: Path) -> None:
        self.at += len("{")
        self._skip(_BLANK)
        while not self._ahead("}"):
            self._pair(path)
            self._comma()
        self.at += len("}")

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self._ahead(","):
            self.at += len(",")
            self._skip(_BLANK)

    # Leaves

    def _ahead(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"not TOML at {self._position(self.at)}")
        self.at = match.end()
        return match[0]

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match is not None

    def _note_key(self, path: Path, offset: int) -> None:
        self.found.keys.setdefault(path, self._position(offset))

    def _position(self, offset: int) -> Position:
        line = bisect_right(self._lines, offset)
        return Position(line, offset - self._lines[line - 1] + 1)
