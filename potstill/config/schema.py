"""The JSON Schema of potstill.toml, for editors: names, kinds, bounds, help and defaults, from the table.

Draft 7, which is what editors' TOML extensions understand. It knows less than the reader: whether a directory
exists, or two values contradict each other, is for `potstill check` to say.
"""

from __future__ import annotations

from typing import Any

from potstill.config.files import Tables
from potstill.config.showing import plain
from potstill.settings import OPTIONS, Option

DRAFT = "http://json-schema.org/draft-07/schema#"


def json_schema(tables: Tables) -> dict[str, Any]:
    """The schema of a file that may have these tables."""
    return {
        "$schema": DRAFT,
        "title": "potstill.toml",
        "description": "The configuration of Potstill, a WSGI server.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{option.name: of_option(option) for option in OPTIONS},
            **{name: dict(reader.schema()) for name, reader in tables.items()},
        },
    }


def of_option(option: Option) -> dict[str, Any]:
    default = plain(option, option.default)
    known = {} if default is None else {"default": default}
    return {"description": option.help, **option.about.kind.schema(), **known}
