"""What is said to uWSGI: in an ini file.

The file is read as uWSGI reads it: a line is `key = value` or `key` alone, which means `key = true`; keys may
be repeated; `;` and `#` begin a comment. `%(name)` is what a key said before, `$(NAME)` a variable of the
environment, `%n` and its like are about the file and the machine. Conditions, loops and includes are not
followed; they stay as comments that say so.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping

from potstill.moving_in.mapping import Found, MovingInError, Said
from potstill.moving_in.uwsgi_table import UWSGI
from potstill.settings import BY_FIELD

SECTION = "uwsgi"
FILE_BYTES_MAX = 1 << 20
# What substitution makes of a line is bounded: each line may name the one before it twice.
VALUE_MAX = 10_000
ONE_THREAD = "uWSGI's default: a worker works on one request at a time"
ONE_WORKER = "uWSGI's default: one process"
PRELOADED = (
    "uWSGI loads the application before it forks unless lazy-apps says otherwise. Here each worker does, "
    "which takes more memory and is safer: no thread, socket or lock is inherited."
)

CPUS = "%k"
# Lines that give a value to another name than their own: `set-placeholder = project=shop`.
SETTERS = frozenset({"set", "set-placeholder", "set-ph"})
PLACEHOLDER = UWSGI["set-placeholder"]

_PLACEHOLDER = re.compile(r"%\(([^)]*)\)|\$\(([^)]*)\)|%([a-zA-Z])")


def from_ini(path: str, environ: Mapping[str, str]) -> Found:
    """What `path` says, or `path:section`. Raises MovingInError."""
    file, section = (path, SECTION) if os.path.exists(path) else with_section(path)
    entries = parsed(file, section)
    if not entries:
        raise MovingInError(f"{file} has no section [{section}], or nothing in it")
    said = with_callable(substituted(entries, file, environ))
    names = {each.name for each in said}
    if "threads" not in names:
        said.append(Said("threads", 1, ONE_THREAD))
    if not names & {"processes", "workers"} and "workers" in BY_FIELD:
        said.append(Said("processes", 1, ONE_WORKER))
    eager = names & {"processes", "workers"} and not names & {"lazy-apps", "lazy"}
    rows = dict.fromkeys(used_as_placeholders(entries), PLACEHOLDER) | dict(UWSGI)
    return Found("uWSGI", path, rows, said, [PRELOADED] if eager else [])


def used_as_placeholders(entries: list[Said]) -> set[str]:
    """The names that other lines take a value from: `project` of `chdir = /srv/%(project)`."""
    return {match[1] for said in entries for match in _PLACEHOLDER.finditer(str(said.value)) if match[1]}


def with_section(path: str) -> tuple[str, str]:
    file, colon, section = path.rpartition(":")
    return (file, section) if colon and section else (path, SECTION)


def parsed(file: str, section: str) -> list[Said]:
    """The lines of one section."""
    try:
        with open(file, encoding="utf-8-sig", errors="replace") as lines:
            text = lines.read(FILE_BYTES_MAX)
    except OSError as error:
        raise MovingInError(f"{file}: cannot be read: {error.strerror or error}") from error
    entries = []
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.strip("[] \t") == section
        elif inside and stripped and stripped[0] not in ";#":
            key, equals, value = stripped.partition("=")
            entries.append(Said(key.strip(), value.strip() if equals else "true", f"{file}:{number}"))
    return entries


def substituted(entries: list[Said], file: str, environ: Mapping[str, str]) -> list[Said]:
    """The same with their placeholders replaced; one that nobody knows is left as it is."""
    known: dict[str, str] = {}
    magic = magic_of(file)

    def meaning(match: re.Match[str]) -> str:
        name, variable, letter = match.groups()
        if name is not None:
            return known.get(name, match[0])
        if variable is not None:
            return environ.get(variable, match[0])
        return magic.get(letter, match[0])

    out = []
    for said in entries:
        raw = str(said.value)
        # A number of processes that is the number of CPUs means more than that number here and now.
        value = raw if raw == CPUS else _PLACEHOLDER.sub(meaning, raw)[:VALUE_MAX]
        if said.name in SETTERS:
            key, _, assigned = value.partition("=")
            known[key.strip()] = assigned.strip()
        else:
            known[said.name] = value
        out.append(Said(said.name, value, said.place, source="" if value == raw else raw))
    return out


def magic_of(file: str) -> dict[str, str]:
    """uWSGI's magic variables, those that are about the file and the machine."""
    path = os.path.abspath(file)
    directory, name = os.path.split(path)
    stem, _, extension = name.partition(".")
    return {
        "c": os.path.basename(directory),
        "d": f"{directory}/",
        "e": extension,
        "h": socket.gethostname(),
        "k": str(os.cpu_count() or 1),
        "n": stem,
        "o": file,
        "p": path,
        "s": name,
        "v": os.getcwd(),
    }


def with_callable(said: list[Said]) -> list[Said]:
    """`module` and `wsgi-file` with the `callable` that stands in a line of its own."""
    names = [each for each in said if each.name == "callable"]
    loaders = {"module", "wsgi", "wsgi-file", "file"}
    if not names or not any(each.name in loaders and ":" not in str(each.value) for each in said):
        return said
    function = str(names[-1].value)
    joined = []
    for each in said:
        if each.name in loaders and ":" not in str(each.value):
            place = f"{each.place}, {names[-1].place}"
            joined.append(Said(each.name, f"{each.value}:{function}", place))
        elif each.name != "callable":
            joined.append(each)
    return joined
