"""Kinds of values that are about logs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from potstill.settings.kinds import Schema, matching
from potstill.settings.log_formats import NAMED, parse

SYSLOG = "/dev/log"
_SKIP = re.compile(r"(/[^=\s]*)?(?:=([1-5])([0-9]{2}|xx))?")


@dataclass(frozen=True)
class LogTarget:
    """Where lines go: a word, the path of a file, or a syslog."""

    metavar: str = "WHERE"

    def read(self, given: object) -> str:
        """`auto`, `off`, `-`, `stderr`, a path, or `syslog:` with a path or udp://HOST:PORT behind it."""
        if isinstance(given, str) and given.strip() and given.isprintable():
            text = given.strip()
            if text == "syslog":
                return f"syslog:{SYSLOG}"
            if not text.startswith("syslog:") or re.fullmatch(r"syslog:(/.+|udp://[^/\s]+:[0-9]{1,5})", text):
                return text
        raise ValueError("auto, off, - for standard output, stderr, a path, syslog or syslog:udp://HOST:PORT")

    def show(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"}


@dataclass(frozen=True)
class LogFormat:
    """The name of a format, or one with atoms."""

    metavar: str = "FORMAT"

    def read(self, given: object) -> str:
        if isinstance(given, str) and given.strip():
            parse(given.strip())
            return given.strip()
        raise ValueError(f"one of {', '.join(NAMED)}, or a format with atoms like %(h)s")

    def show(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return matching("[ -~]*[!-~][ -~]*")


class Skip(NamedTuple):
    """Requests without a line: their path (or how it begins), and their status."""

    path: str  # "" for all
    longer: bool  # … and whatever begins with it
    first: int
    last: int


@dataclass(frozen=True)
class Skips:
    """Rules, each a path, a status, or both: /health, /static/*, =304, /api/*=2xx."""

    metavar: str = "[PATH][=STATUS]"

    def read(self, given: object) -> tuple[str, ...]:
        if isinstance(given, str):
            given = given.replace(",", " ").split() if given.strip() != "none" else ()
        if isinstance(given, (list, tuple)) and all(
            isinstance(rule, str) and rule and _SKIP.fullmatch(rule) for rule in given
        ):
            return tuple(given)
        raise ValueError("a path, a status, or both, like /health, /static/*, =304 or /api/*=2xx")

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value) or "none"

    def schema(self) -> Schema:
        text = {"type": "string"}
        return {"anyOf": [text, {"type": "array", "items": text}]}


def skip_of(rule: str) -> Skip:
    """What a rule of `Skips` means."""
    found = _SKIP.fullmatch(rule)
    if found is None:
        raise ValueError(rule)
    path = found[1] or ""
    longer = path.endswith("*")
    if found[2] is None:
        first, last = 0, 999
    elif found[3] == "xx":
        first, last = int(found[2]) * 100, int(found[2]) * 100 + 99
    else:
        first = last = int(found[2] + found[3])
    return Skip(path.removesuffix("*"), longer, first, last)


@dataclass(frozen=True)
class Fraction:
    """A part of one: 0.1 or 10%."""

    metavar: str = "N%"

    def read(self, given: object) -> float:
        value: Any = given
        if isinstance(given, str):
            found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?(%?)", given.strip())
            value = float(found[1]) / (100 if found[2] else 1) if found else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        raise ValueError("a part of one, from 0 to 1 or from 0% to 100%")

    def show(self, value: float) -> str:
        return f"{value * 100:.6f}".rstrip("0").rstrip(".") + "%"

    def schema(self) -> Schema:
        number = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [number, matching(r"[0-9]{1,3}(\.[0-9]{1,6})? ?%?")]}


@dataclass(frozen=True)
class Secret:
    """Text that nobody is shown."""

    metavar: str = "TEXT"

    def read(self, given: object) -> str:
        if isinstance(given, str) and re.fullmatch(r"[!-~]*", given.strip()):
            return given.strip()
        raise ValueError("printable ASCII text without spaces")

    def show(self, value: str) -> str:
        return "(secret)" if value else "none"

    def schema(self) -> Schema:
        return matching("[!-~]*")


@dataclass(frozen=True)
class HostPort:
    """HOST:PORT of somebody else, or nobody."""

    metavar: str = "HOST:PORT"

    def read(self, given: object) -> str:
        if given in ("", "none"):
            return ""
        if isinstance(given, str) and re.fullmatch(
            r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}", given.strip()
        ):
            return given.strip()
        raise ValueError("HOST:PORT, like 127.0.0.1:8125")

    def show(self, value: str) -> str:
        return value or "none"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^(|none|\s*\S+:[0-9]{1,5}\s*)$"}
