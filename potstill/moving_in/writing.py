"""What was said there → the text of a potstill.toml.

First the lines that have an equivalent, in the order in which they were said, each with its place; then, as
comments, those that have none, with what to do instead. A value is written only if our option takes it, so
that the text can be read as it is; what contradicts itself is named in a remark.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from potstill import __version__
from potstill.config.layers import Given, contradictions, did_you_mean, read
from potstill.config.showing import plain
from potstill.config.toml import toml_value
from potstill.moving_in.mapping import Found, Function, Instead, Row, Said
from potstill.settings import BY_FIELD, Settings

WIDTH = 100
# A longer value or expression of theirs is cut in a comment.
VALUE_MAX, SOURCE_MAX = 70, 150


@dataclass
class Line:
    """An option of ours, with the value its kind has made, and what there is to say about it."""

    field: str
    value: Any
    places: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Comment:
    """An option of theirs that has no equivalent."""

    said: Said
    advice: str


def written(found: Found) -> str:
    """The whole text."""
    lines, comments = sorted_out(found)
    remarks = [*found.remarks, *made_consistent(lines)]
    return "\n".join([*heading(found), *body(lines), *rest(found, comments, remarks)]) + "\n"


# Deciding


def sorted_out(found: Found) -> tuple[dict[str, Line], list[Comment]]:
    """What has an equivalent, by field, and what has none."""
    lines: dict[str, Line] = {}
    comments: list[Comment] = []
    for said in found.said:
        row = found.rows.get(said.name)
        if row is None:
            hint = did_you_mean(said.name, found.rows)
            comments.append(
                Comment(said, f"This converter does not know that option of {found.server}{hint}")
            )
            continue
        try:
            add(lines, equivalent(said, row))
        except Instead as advice:
            comments.append(Comment(said, str(advice)))
    return lines, comments


def equivalent(said: Said, row: Row) -> Line:
    """The line of ours, or Instead."""
    if not row.ours:
        raise Instead(row.says)
    option = BY_FIELD.get(row.ours)
    if option is None:
        raise Instead(row.says or f"This version of Potstill has no {row.ours.replace('_', '-')}.")
    if said.value is None:
        raise Instead("Leave it out: None is the default.")
    given = row.convert(said.value)
    try:
        value = read(Given(option.field, given, said.place, option.name))
    except ValueError as error:
        raise Instead(f"Not taken over: {error}.") from None
    if plain(option, value) is None:
        raise Instead(f"Leave it out: {option.show(value)} is what it is without.")
    notes = [row.note] if row.note else []
    if said.source:
        notes.append(f"Computed on this machine: {cut(said.source, SOURCE_MAX)}")
    return Line(row.ours, value, [said.place], notes)


def add(lines: dict[str, Line], line: Line) -> None:
    """Lists add up; of anything else the last word counts, and a note says that there was another."""
    before = lines.get(line.field)
    if before is None:
        lines[line.field] = line
        return
    if isinstance(line.value, tuple):
        new = tuple(item for item in line.value if item not in before.value)
        before.value = (*before.value, *new)
    else:
        before.value = line.value
        before.notes.append(f"The value is that of {line.places[0]}; there was another before.")
    before.places += line.places
    before.notes += [note for note in line.notes if note not in before.notes]


def made_consistent(lines: dict[str, Line]) -> list[str]:
    """Raise the limit on a head above those on its parts; the contradictions that are left, as remarks."""
    settings = settings_of(lines)
    largest = max(settings.limit_request_line, settings.limit_request_field_size)
    if largest > settings.limit_request_head:
        note = "Raised, so that the limits on its parts can be reached."
        lines["limit_request_head"] = Line("limit_request_head", largest, [], [note])
    return [f"To be decided: {problem}." for problem in contradictions(settings_of(lines))]


def settings_of(lines: dict[str, Line]) -> Settings:
    return Settings(**{line.field: line.value for line in lines.values()})


# Writing


def heading(found: Found) -> Iterator[str]:
    yield from comment(
        f"Made from {found.origin} by potstill {__version__}, as {found.server} understands it."
    )
    yield from comment("Look it through, and let `potstill check` say whether it works here.")
    yield ""


def body(lines: dict[str, Line]) -> Iterator[str]:
    for line in sorted(lines.values(), key=lambda line: not BY_FIELD[line.field].positional):
        option = BY_FIELD[line.field]
        for note in line.notes:
            yield from comment(note)
        value = toml_value(plain(option, line.value))
        place = f"  # {', '.join(line.places)}" if line.places else ""
        yield f"{option.name} = {value}{printable(place)}"
    if "app" not in lines:
        yield from comment('Name the application here, as app = "module:name", or on the command line.')


def rest(found: Found, comments: list[Comment], remarks: list[str]) -> Iterator[str]:
    if comments:
        yield ""
        yield from comment(f"What has no equivalent here, or needs none, as {found.server} was told it:")
    for each in comments:
        yield "#"
        yield from comment(
            f"{each.said.name} = {shortened(each.said.value)}  ({each.said.place})", wrap=False
        )
        yield from comment(each.advice, indent="  ")
    for remark in remarks:
        yield "#"
        yield from comment(remark)


def comment(text: str, indent: str = "", *, wrap: bool = True) -> Iterator[str]:
    """Text as comments, whatever it holds: no line of it may become a line of the file."""
    plain_text = printable(text)
    prefix = f"# {indent}"
    if not wrap:
        yield prefix + plain_text
        return
    yield from textwrap.wrap(
        plain_text, WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_long_words=False
    ) or [prefix.rstrip()]


def printable(text: str) -> str:
    """Without what TOML forbids in a comment and a terminal might obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def shortened(value: object) -> str:
    text = value.text if isinstance(value, Function) else toml_like(value)
    return cut(text, VALUE_MAX)


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def toml_like(value: object) -> str:
    """A value of theirs, for a comment."""
    match value:
        case Function(text):
            return text
        case None:
            return "None"
        case dict():
            return f"{{{', '.join(f'{key} = {toml_like(item)}' for key, item in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(toml_like, value))}]"
        case _:
            return toml_value(value)
