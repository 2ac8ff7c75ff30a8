"""The words of a move: what was said there, and what a table has to say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum


class MovingInError(Exception):
    """The configuration of the other server cannot be read; the text is for whoever wrote it."""


class Instead(Exception):
    """This value has no equivalent. The text says what to do instead, in a sentence or two."""


@dataclass(frozen=True)
class Function:
    """A value of a Python file that is a function, or whatever else has no form in TOML."""

    text: str


@dataclass(frozen=True)
class Said:
    """An option of the other server with its value, as somebody has set it."""

    name: str
    value: object
    place: str  # "gunicorn.conf.py:12", "command line"
    # How the value was computed, when it does not stand there literally.
    source: str = ""


class Takes(Enum):
    """What an option takes on a command line."""

    VALUE = "store"
    VALUES = "append"
    NOTHING = "store_true"
    OFF = "store_false"  # an option that switches off what its setting is named after
    PERHAPS = "?"


@dataclass(frozen=True)
class Row:
    """An option of another server: the field of ours that means the same, or a sentence about what to do.

    `convert` makes a value of ours from one of theirs, or raises Instead. `note` is what should be known of a
    line that has an equivalent. An option of ours that this version does not have makes the line a comment,
    with `says` or the plain fact.
    """

    name: str
    ours: str = ""
    says: str = ""
    convert: Callable[[object], object] = lambda value: value
    note: str = ""
    flags: tuple[str, ...] = ()
    takes: Takes = Takes.VALUE
    also: tuple[str, ...] = ()  # other names of the same


def by_name(rows: tuple[Row, ...]) -> Mapping[str, Row]:
    return {name: row for row in rows for name in (row.name, *row.also)}


@dataclass(frozen=True)
class Found:
    """All that was said in the configuration of one server, by the name it has in the text that is written.

    `remarks` are sentences about what was not said: where the defaults of the servers differ.
    """

    server: str
    origin: str
    rows: Mapping[str, Row]
    said: list[Said] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
