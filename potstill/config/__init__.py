"""Files, environment and command line → Settings; all errors at once, each with the place it came from.

configure        the whole road: what `potstill` does at start, and again at a reload
positions, toml  a TOML file with the line and the column of each key
files            which file, and what it says
layers           what each place gives, which one wins, and everything that is wrong
showing          the outcome as text, TOML or JSON
schema           the JSON Schema of the file
reloading        what differs between two configurations, and whether a reload may change it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from potstill.config.files import Section, TableReader, Tables, from_file
from potstill.config.layers import (
    Configuration,
    ConfigurationError,
    command_line_layer,
    doubtful_variables,
    environment_layer,
    keyword_layer,
    resolve,
)

__all__ = [
    "Configuration",
    "ConfigurationError",
    "Section",
    "TableReader",
    "Tables",
    "configure",
    "keyword_layer",
    "resolve",
]

# For those who know of no tables besides the options.
NO_TABLES: Tables = MappingProxyType({})


def configure(
    environ: Mapping[str, str],
    command_line: Mapping[str, object],
    *,
    file: str | None = None,
    tables: Tables = NO_TABLES,
) -> Configuration:
    """What the file, the environment and the command line amount to, the last being the strongest.

    `file` is what --config names; without it, the file is looked for. `command_line` has what was written
    there, by field. Raises ConfigurationError with all problems of all places.
    """
    content = from_file(file, environ, tables)
    bound = "bind" in command_line or any(given.field == "bind" for given in content.layer)
    layers = [content.layer, environment_layer(environ, port=not bound), command_line_layer(command_line)]
    resolved = resolve(layers, content.problems)
    doubts = (*content.doubts, *doubtful_variables(environ))
    return replace(resolved, file=content.name, tables=content.tables, doubts=doubts)
