"""A TOML file: what it holds, where, and how plain values are written in one.

tomllib reads and `positions` finds; here they meet the file system and become errors that begin with
`file:line:column`. Writing is a few lines, for `potstill config` and `potstill import-config` write plain
values only.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from potstill.config.positions import Path, Position, Positions, error_position, positions

# A configuration is a few kilobytes; what is larger is the wrong file.
FILE_BYTES_MAX = 1 << 20


class TomlError(ValueError):
    """The file cannot be read; the text begins with the file, and the place in it where there is one."""


@dataclass(frozen=True)
class Document:
    """A file that was read. `name` is the file as its reader called it."""

    name: str
    data: Mapping[str, Any]
    positions: Positions

    def key_place(self, *path: str | int) -> str:
        """`potstill.toml:3:1`: where the key at `path` stands, or the nearest table above it."""
        return self._place(self.positions.keys, path)

    def value_place(self, *path: str | int) -> str:
        """Where the value at `path` stands, or else its key."""
        at = self.positions.values.get(path)
        return placed(self.name, at) if at else self.key_place(*path)

    def _place(self, found: Mapping[Path, Position], path: Path) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in found:
                return placed(self.name, found[path[:length]])
        return self.name


def placed(name: str, at: Position) -> str:
    return f"{name}:{at.line}:{at.column}"


def read_document(path: str) -> Document:
    """The file at `path`; TomlError when it cannot be opened, is no text, too large, or is not TOML."""
    try:
        with open(path, "rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise TomlError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > FILE_BYTES_MAX:
        raise TomlError(f"{path}: is larger than {FILE_BYTES_MAX} bytes; that is no configuration")
    return parse_document(path, raw)


def parse_document(name: str, raw: bytes) -> Document:
    """The document that `raw` holds; TomlError with the place of what is not TOML."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode().split("\n")
        at = Position(len(before), len(before[-1]) + 1)
        raise TomlError(f"{placed(name, at)}: is not UTF-8, as TOML is written in") from None
    try:
        return Document(name, tomllib.loads(text), positions(text))
    except tomllib.TOMLDecodeError as error:
        message, at = error_position(text, error)
        raise TomlError(f"{placed(name, at)}: {message}") from None
    except RecursionError:
        raise TomlError(f"{name}: is nested too deeply") from None


def toml_value(value: object) -> str:
    """A value as it is written in TOML; dates and tables, which no option takes, in words."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # JSON escapes what TOML wants escaped, but for DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else str(value)
        case list() | tuple():
            return f"[{', '.join(map(toml_value, value))}]"
        case dict():
            return "a table"
        case _:
            return str(value)
