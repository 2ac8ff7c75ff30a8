"""Kinds of values: what an option takes.

A kind turns what somebody wrote (text, or a number from a program or a file) into the value, and the value
back into text. It answers a bad value with a ValueError that says what is allowed, as the end of a sentence;
`potstill.config` adds its beginning, the place where the value stood.

Left out on purpose: a kind without bounds. Where "none" makes sense there is a word for it or a documented 0.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
DAY_S = 24 * 3600.0
PERCENT_MAX = 100

SIZE_UNITS = {"": 1, "b": 1, "kib": KIB, "mib": MIB, "gib": GIB}
DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


Schema = dict[str, Any]


class Kind(Protocol):
    """`read` gives the value or raises ValueError(what is allowed); what `show` gives can be read again.

    `schema` is the JSON Schema of what may be written in a file; `read` may know more than it does.
    """

    @property
    def metavar(self) -> str: ...

    def read(self, given: object) -> Any: ...

    def show(self, value: Any) -> str: ...

    def schema(self) -> Schema: ...


@dataclass(frozen=True)
class Whole:
    """A whole number between two bounds; `words` are other ways to write special values."""

    minimum: int
    maximum: int
    words: dict[str, int | None] = field(default_factory=dict)
    metavar: str = "N"

    def read(self, given: object) -> int | None:
        if isinstance(given, str):
            if given.strip().lower() in self.words:
                return self.words[given.strip().lower()]
            given = int(given) if re.fullmatch(r"[0-9]{1,18}", given.strip()) else None
        elif given is None and None in self.words.values():
            return None
        if isinstance(given, int) and not isinstance(given, bool) and self.minimum <= given <= self.maximum:
            return given
        also = "".join(f" or {word!r}" for word in self.words)
        raise ValueError(f"a whole number from {self.minimum} to {self.maximum}{also}")

    def show(self, value: int | None) -> str:
        return next((word for word, meaning in self.words.items() if meaning == value), str(value))

    def schema(self) -> Schema:
        number = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        words = [{"enum": list(self.words)}] if self.words else []
        return {"anyOf": [number, *words, matching("[0-9]{1,18}")]}


@dataclass(frozen=True)
class Size:
    """A number of bytes, as `8190`, `16KiB`, `1MiB` or `1GiB`.

    K, M, kB and MB are refused: half of the world means 1000 by them, the other half 1024.
    """

    minimum: int
    maximum: int
    metavar: str = "SIZE"

    def read(self, given: object) -> int:
        if isinstance(given, str):
            match = re.fullmatch(r"([0-9]{1,18}) ?(|b|kib|mib|gib)", given.strip().lower())
            given = int(match[1]) * SIZE_UNITS[match[2]] if match else None
        if isinstance(given, int) and not isinstance(given, bool) and self.minimum <= given <= self.maximum:
            return given
        bounds = f"from {self.show(self.minimum)} to {self.show(self.maximum)}"
        raise ValueError(f"a size {bounds}, written as bytes or with KiB, MiB or GiB (8190, 16KiB, 1GiB)")

    def show(self, value: int) -> str:
        for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
            if value and value % factor == 0:
                return f"{value // factor}{unit}"
        return str(value)

    def schema(self) -> Schema:
        number = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        return {"anyOf": [number, matching("[0-9]{1,18} ?([KkMmGg][Ii][Bb]|[Bb])?")]}


@dataclass(frozen=True)
class Duration:
    """Seconds, as `30`, `30s`, `250ms`, `5m` or `1h`."""

    minimum_s: float
    maximum_s: float = DAY_S
    metavar: str = "TIME"

    def read(self, given: object) -> float:
        seconds: float | None = None
        if isinstance(given, str):
            match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(|ms|s|m|h)", given.strip().lower())
            seconds = float(match[1]) * DURATION_UNITS[match[2]] if match else None
        elif isinstance(given, (int, float)) and not isinstance(given, bool):
            seconds = float(given)
        if seconds is not None and self.minimum_s <= seconds <= self.maximum_s:  # also refuses NaN
            return seconds
        bounds = f"from {self.show(self.minimum_s)} to {self.show(self.maximum_s)}"
        raise ValueError(
            f"a time {bounds}, written in seconds or with ms, s, m or h (30, 250ms, 30s, 5m, 1h)"
        )

    def show(self, value: float) -> str:
        if value and value % 1:
            return f"{value * 1000:.6f}".rstrip("0").rstrip(".") + "ms"
        for unit, factor in (("h", 3600), ("m", 60)):
            if value and value % factor == 0:
                return f"{value / factor:g}{unit}"
        return f"{value:.0f}s"

    def schema(self) -> Schema:
        number = {"type": "number", "minimum": self.minimum_s, "maximum": self.maximum_s}
        return {"anyOf": [number, matching(r"[0-9]{1,12}(\.[0-9]{1,6})? ?([Mm]?[Ss]|[Mm]|[Hh])?")]}


@dataclass(frozen=True)
class Choice:
    """One word of a few."""

    words: tuple[str, ...]
    metavar: str

    def read(self, given: object) -> str:
        if isinstance(given, str) and given.strip().lower() in self.words:
            return given.strip().lower()
        raise ValueError(f"one of {', '.join(self.words)}")

    def show(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Text:
    """Printable text that fits on one line, also none at all."""

    metavar: str = "TEXT"

    def read(self, given: object) -> str:
        if isinstance(given, str) and all("\x20" <= character <= "\x7e" for character in given):
            return given.strip()
        raise ValueError("printable ASCII text on one line")

    def show(self, value: str) -> str:
        return value or "none"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^[ -~]*$"}


@dataclass(frozen=True)
class Directory:
    """A directory that is there and may be written to, or None for the system's own choice."""

    absent: str = "the system's"  # how None is written
    metavar: str = "DIR"

    def read(self, given: object) -> str | None:
        if given is None:
            return None
        if given and isinstance(given, (str, os.PathLike)):
            path = os.path.abspath(os.fspath(given))
            if isinstance(path, str) and os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK):
                return path
        raise ValueError("a directory that exists and may be written to")

    def show(self, value: str | None) -> str:
        return value or self.absent

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Several:
    """Any number of texts of one form, also none; each time the option is given it adds one.

    `separator` is a pattern at which one text, such as an environment variable, is several.
    """

    form: str
    allowed: str
    metavar: str
    separator: str

    def read(self, given: object) -> tuple[str, ...]:
        if isinstance(given, str):
            given = re.split(self.separator, given) if given not in ("", "none") else ()
        if isinstance(given, (list, tuple)) and all(isinstance(part, str) for part in given):
            parts = tuple(part.strip(" ") for part in given)
            if all(re.fullmatch(self.form, part) for part in parts):
                return parts
        raise ValueError(self.allowed)

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value) or "none"

    def schema(self) -> Schema:
        text = {"type": "string", "pattern": f"^({self.form}|none)?$"}
        return {"anyOf": [text, {"type": "array", "items": text}]}


@dataclass(frozen=True)
class Addresses:
    """One address or several; what an address looks like is the business of `potstill.net.address`."""

    metavar: str = "ADDRESS"
    optional: bool = False

    def read(self, given: object) -> tuple[str, ...]:
        """A string may hold several, separated by commas; so one environment variable can hold them all."""
        if self.optional and given in ("", "none", (), []):
            return ()
        parts = given.split(",") if isinstance(given, str) else given
        if isinstance(parts, (list, tuple)) and all(isinstance(part, str) for part in parts):
            addresses = tuple(part.strip() for part in parts)
            if addresses and all(addresses):
                return addresses
        raise ValueError(
            "one or more addresses: HOST:PORT, :PORT, [IPV6]:PORT, unix:/PATH, fd://NUMBER or systemd:NAME"
        )

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value) or "none"

    def schema(self) -> Schema:
        address = {"type": "string", "pattern": r"\S"}
        text = {"type": "string", "pattern": r"\S|^$"} if self.optional else address
        return {"anyOf": [text, {"type": "array", "items": address, "minItems": int(not self.optional)}]}


@dataclass(frozen=True)
class Switch:
    """On or off: `--preload`, `--no-preload`, POTSTILL_PRELOAD=yes."""

    metavar: str = "YES|NO"

    def read(self, given: object) -> bool:
        words = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False}
        words["0"] = False
        if isinstance(given, str):
            given = words.get(given.strip().lower())
        if isinstance(given, bool):
            return given
        raise ValueError("yes or no")

    def show(self, value: bool) -> str:
        return "yes" if value else "no"

    def schema(self) -> Schema:
        words = ["yes", "no", "true", "false", "on", "off", "1", "0"]
        # The words once more for editors, which offer what an enumeration has.
        return {"anyOf": [{"type": "boolean"}, {"enum": words}, matching("|".join(words))]}


@dataclass(frozen=True)
class OnOff:
    """On or off, given as a value because on is the default: `--request-buffering off`."""

    metavar: str = "ON|OFF"

    def read(self, given: object) -> bool:
        try:
            return Switch().read(given)
        except ValueError:
            raise ValueError("on or off") from None

    def show(self, value: bool) -> str:
        return "on" if value else "off"

    def schema(self) -> Schema:
        return Switch().schema()


@dataclass(frozen=True)
class Mode:
    """Permission bits as an octal number, or None for what comes of itself."""

    none: str  # what None is called
    metavar: str = "OCTAL"

    def read(self, given: object) -> int | None:
        if given is None:
            return None
        if isinstance(given, str) and re.fullmatch(r"(0o)?[0-7]{1,4}", given.strip()):
            return int(given, 8)
        if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 0o777:
            return given
        raise ValueError("an octal number of permission bits, like 660 or 0660")

    def show(self, value: int | None) -> str:
        return self.none if value is None else f"{value:04o}"

    def schema(self) -> Schema:
        return {"anyOf": [matching("(0o)?[0-7]{1,4}"), {"type": "integer", "minimum": 0, "maximum": 0o777}]}


@dataclass(frozen=True)
class Share:
    """A part of something in percent, or a number of bytes; 0 is none at all."""

    size: Size = field(default_factory=lambda: Size(0, 1024 * GIB))
    metavar: str = "SIZE|N%"

    def read(self, given: object) -> int | str:
        """Bytes, or the percentage as it was written: of what, only the running process knows."""
        if isinstance(given, str) and (match := re.fullmatch(r"([0-9]{1,3}) ?%", given.strip())):
            if 1 <= int(match[1]) <= PERCENT_MAX:
                return f"{int(match[1])}%"
            raise ValueError("a share from 1% to 100%")
        try:
            return self.size.read(given)
        except ValueError as error:
            raise ValueError(f"a share like 40%, or {error}") from None

    def show(self, value: int | str) -> str:
        return value if isinstance(value, str) else self.size.show(value)

    def schema(self) -> Schema:
        return {"anyOf": [matching("[0-9]{1,3} ?%"), self.size.schema()]}


@dataclass(frozen=True)
class Paths:
    """Paths of requests, each from its slash."""

    metavar: str = "PATH"

    def read(self, given: object) -> tuple[str, ...]:
        """A string may hold several, separated by commas."""
        if given in ("", "none"):
            return ()
        parts = given.split(",") if isinstance(given, str) else given
        if isinstance(parts, (list, tuple)) and all(isinstance(part, str) for part in parts):
            paths = tuple(part.strip(" ") for part in parts)
            if all(re.fullmatch(r"/[\x21-\x7e]*", path) for path in paths):
                return paths
        raise ValueError("one or more paths, each beginning with a slash, like /health")

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value) or "none"

    def schema(self) -> Schema:
        path = {"type": "string", "pattern": "^/[!-~]*$"}
        several = {"type": "string", "pattern": r"^(none|/[!-~]*( *, */[!-~]*)*)?$"}
        return {"anyOf": [several, {"type": "array", "items": path}]}


@dataclass(frozen=True)
class Reference:
    """`module:function`, or none; whether it is there, its user finds out."""

    metavar: str = "MODULE:FUNCTION"

    def read(self, given: object) -> str:
        if isinstance(given, str):
            parts = given.strip(" ").split(":")
            names = [name for part in parts for name in part.split(".")]
            if not given or len(parts) == 2 and all(name.isidentifier() for name in names):
                return given.strip(" ")
        raise ValueError("module:function, like shop.hooks:open_pool")

    def show(self, value: str) -> str:
        return value or "none"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^( *[^\s:]+:[^\s:]+ *)?$"}


@dataclass(frozen=True)
class Path:
    """The path of a request, from its slash; empty: none."""

    metavar: str = "PATH"

    def read(self, given: object) -> str:
        if isinstance(given, str) and re.fullmatch(r"(/[\x21\x22\x24-\x3e\x40-\x7e]*)?", given):
            return given
        raise ValueError("a path that begins with a slash, like /-/ready")

    def show(self, value: str) -> str:
        return value or "none"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^(/[!-~]*)?$"}


def matching(pattern: str) -> Schema:
    """The schema of a text that is written so, in the dialect of JSON Schema."""
    return {"type": "string", "pattern": rf"^\s*({pattern})\s*$"}
