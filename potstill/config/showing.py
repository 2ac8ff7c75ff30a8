"""A configuration as text for people, as TOML for a file, as JSON for programs; origins included."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from potstill.config.layers import Configuration
from potstill.config.toml import toml_value
from potstill.settings import GROUPS, OPTIONS, Option, max_connections_auto
from potstill.settings.log_kinds import Secret

FORMATS = ("text", "toml", "json")


def show(configuration: Configuration, form: str) -> str:
    """All options with their values and where those came from, in one of FORMATS."""
    match form:
        case "toml":
            return "\n".join(toml_lines(configuration))
        case "json":
            return json.dumps(as_json(configuration), indent=2)
        case _:
            return report(configuration)


def report(configuration: Configuration) -> str:
    """In columns."""
    rows = []
    for option in OPTIONS:
        value = getattr(configuration.settings, option.field)
        rows.append((option.name, shown(option, value), configuration.origins[option.field]))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:{widths[0]}}  {value:{widths[1]}}  {origin}" for name, value, origin in rows)


def shown(option: Option, value: Any) -> str:
    if option.field == "max_connections" and value is None:
        return f"auto ({max_connections_auto()})"
    return option.show(value)


def toml_lines(configuration: Configuration) -> Iterator[str]:
    """A file that means the same; what has no way to be written is a comment."""
    for group in GROUPS:
        yield f"# {group}"
        for option in (option for option in OPTIONS if option.about.group == group):
            value = getattr(configuration.settings, option.field)
            written = plain(option, value)
            line = f"# {option.name}: {shown(option, value)}"
            if written is not None:
                line = f"{option.name} = {toml_value(written)}"
            yield f"{line:39} # {configuration.origins[option.field]}"
        yield ""
    for name in configuration.tables:
        yield f"# The tables {name!r} of {configuration.file} are not shown."


def as_json(configuration: Configuration) -> dict[str, Any]:
    options = {
        option.name: {
            "value": plain(option, getattr(configuration.settings, option.field)),
            "origin": configuration.origins[option.field],
        }
        for option in OPTIONS
    }
    return {"file": configuration.file, "options": options}


def plain(option: Option, value: Any) -> bool | int | str | list[str] | None:
    """A value as a file would have it, so that its kind reads the same; None if there is no such thing."""
    if isinstance(option.about.kind, Secret):
        return None if value else ""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, tuple):
        return list(value)
    text = option.show(value)
    if value is None and not reads_as_none(option, text):
        return None
    return value if text == str(value) else text


def reads_as_none(option: Option, text: str) -> bool:
    try:
        return option.about.kind.read(text) is None
    except ValueError:
        return False
