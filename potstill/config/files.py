"""Which file configures this run, and what it says.

    --config FILE, -c FILE     that file, and no other
    POTSTILL_CONFIG=FILE       the same, when there is no --config
    potstill.toml              of the current directory
    pyproject.toml             of the current directory, if it has [tool.potstill]

Options stand at the top of the file under the names they have on the command line, without the dashes in
front. A table is an error unless its name is among the `Tables` that the caller knows: whoever owns a kind of
table (`[[site]]`) passes a reader for it, and finds what it made of it in `Configuration.tables`.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from potstill.config.layers import FILE_VARIABLE, ConfigurationError, Given, Layer, did_you_mean, peer_of
from potstill.config.toml import Document, TomlError, read_document, toml_value
from potstill.settings import OPTIONS

FILE, PROJECT = "potstill.toml", "pyproject.toml"
PROJECT_TABLE = ("tool", "potstill")
BY_NAME = {option.name: option for option in OPTIONS}
# Files of other servers, by what their names end in.
FOREIGN = re.compile(r"(?i)\.(py|ini)$")


@dataclass(frozen=True)
class Section:
    """A table, or an array of tables, that is no option: what stands at `path` of the document."""

    name: str
    value: Any
    document: Document
    path: tuple[str | int, ...]

    def key_place(self, *path: str | int) -> str:
        """`potstill.toml:12:1`: where the key at `path` below this section stands, to begin an error with."""
        return self.document.key_place(*self.path, *path)

    def value_place(self, *path: str | int) -> str:
        """Where the value at `path` below this section stands."""
        return self.document.value_place(*self.path, *path)


@dataclass(frozen=True)
class TableReader:
    """What to do with the tables of one name, and what makes their JSON Schema.

    `read` is given the section and returns what `Configuration.tables` shall hold, or raises
    ConfigurationError with all that is wrong, each sentence beginning with a place.
    """

    read: Callable[[Section], Any]
    schema: Callable[[], Mapping[str, Any]]


Tables = Mapping[str, TableReader]


@dataclass(frozen=True)
class FromFile:
    """What a file gives. Its problems are sentences for the one error that `resolve` raises."""

    name: str | None = None
    layer: Layer = ()
    tables: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


NO_FILE = FromFile()


def from_file(named: str | None, environ: Mapping[str, str], tables: Tables) -> FromFile:
    """What the file that configures this run says; NO_FILE when there is none. Never raises."""
    try:
        if named:
            return read_named(named, "--config", tables)
        if environ.get(FILE_VARIABLE):
            return read_named(environ[FILE_VARIABLE], f"environment {FILE_VARIABLE}", tables)
        return read_found(tables)
    except TomlError as error:
        return FromFile(problems=(str(error),))


def read_named(path: str, place: str, tables: Tables) -> FromFile:
    """A file that somebody named has to be there and has to be ours."""
    if FOREIGN.search(path):
        return FromFile(path, problems=(f"{place}: {foreign(path)}",))
    if os.path.isdir(path) or not os.path.exists(path):
        what = "is a directory" if os.path.isdir(path) else "does not exist"
        return FromFile(path, problems=(f"{place}: {path} {what}; name a file like {FILE}",))
    document = read_document(path)
    if os.path.basename(path) != PROJECT:
        return read_options(document, (), tables)
    if not has_table(document):
        return FromFile(path, problems=(f"{path}: has no table [{'.'.join(PROJECT_TABLE)}]",))
    return read_options(document, PROJECT_TABLE, tables)


def read_found(tables: Tables) -> FromFile:
    """What the current directory has: not its parents, for a server is configured where it is started."""
    if os.path.isfile(FILE):
        found = read_options(read_document(FILE), (), tables)
        return replace(found, doubts=doubts_about_project())
    if not os.path.isfile(PROJECT):
        return NO_FILE
    project = read_document(PROJECT)
    return read_options(project, PROJECT_TABLE, tables) if has_table(project) else NO_FILE


def doubts_about_project() -> tuple[str, ...]:
    """A word about a [tool.potstill] that nobody reads. The rest of that file is not our business."""
    try:
        project = read_document(PROJECT)
    except TomlError:
        return ()
    if not has_table(project):
        return ()
    return (f"{project.key_place(*PROJECT_TABLE)}: is ignored, because there is a {FILE} as well",)


def has_table(document: Document) -> bool:
    tool = document.data.get("tool")
    return isinstance(tool, dict) and "potstill" in tool


def foreign(path: str) -> str:
    """What to say to somebody who brings the configuration of another server."""
    server = "gunicorn" if path.lower().endswith(".py") else "uWSGI"
    return (
        f"{path} looks like a configuration of {server}, and Potstill reads TOML; convert it, look it "
        f"through, and start again without -c:\n\n    potstill import-config {shlex.quote(path)} > {FILE}\n"
    )


def read_options(document: Document, root: tuple[str, ...], tables: Tables) -> FromFile:
    """The options and tables below `root`, with a problem for each key that is neither."""
    data: Any = document.data
    for name in root:
        data = data[name]
    if not isinstance(data, dict):
        return FromFile(document.name, problems=(f"{document.value_place(*root)}: is not a table",))
    layer: list[Given] = []
    read: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in data.items():
        if key in BY_NAME:
            layer.append(given(document, (*root, key), value))
        elif key in tables:
            try:
                read[key] = tables[key].read(Section(key, value, document, (*root, key)))
            except ConfigurationError as error:
                problems += error.problems
        else:
            place = document.key_place(*root, key)
            problems.append(f"{place}: {unknown(key, value, tables)}")
    return FromFile(document.name, layer, read, tuple(problems))


def given(document: Document, path: tuple[str, ...], value: object) -> Given:
    place = document.value_place(*path)
    line = place.rpartition(":")[0]
    option = BY_NAME[path[-1]]
    count = len(value) if isinstance(value, list) else 0
    parts = [f"{document.value_place(*path, number)}: {option.name}" for number in range(count)]
    return Given(
        option.field, value, line, f"{place}: {option.name}", written=toml_value(value), parts=tuple(parts)
    )


def unknown(key: str, value: object, tables: Tables) -> str:
    """Why a key is wrong, and what it should perhaps be."""
    plain = key.lower().replace("_", "-")
    if plain in BY_NAME:
        return f"there is no option {key!r}; it is written {plain!r}"
    peer = peer_of(key)
    if peer is not None:
        server, option = peer
        return f"there is no option {key!r}; {server}'s {plain} is {option.name!r} here"
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        hint = did_you_mean(plain, tables)
        return f"there is no table {key!r}{hint or '; options stand at the top of the file, in no table'}"
    return f"there is no option {key!r}{did_you_mean(plain, [*BY_NAME, *tables])}"
