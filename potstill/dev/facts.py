"""An exception and the request in which it was raised, as plain values that can be told in any form.

Values of variables are shortened, and one whose name speaks of a secret is not shown. Nothing here raises: an
object whose repr fails is shown as one whose repr fails.
"""

from __future__ import annotations

import importlib
import linecache
import os
import re
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# How much of each is shown.
LINES_AROUND = 4
VALUES_MAX = 40
VALUE_CHARACTERS_MAX = 400
CAUSES_MAX = 10
FRAMES_MAX = 100

SECRET = re.compile(r"passw|secret|token|api_?key|private|credential|authorization|cookie|session", re.I)
HIDDEN = "(not shown)"

Line = tuple[int, str]


@dataclass(frozen=True)
class Place:
    """A frame of the stack: where, the lines around, and what its variables were."""

    file: str
    line: int
    function: str
    source: tuple[Line, ...]
    values: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The line itself."""
        return next((text.strip() for number, text in self.source if number == self.line), "")


@dataclass(frozen=True)
class Raised:
    """One exception; `why` says how it led to the one that is told before it."""

    kind: str
    message: str
    places: tuple[Place, ...]
    why: str = ""
    notes: tuple[str, ...] = ()


def chain_of(error: BaseException) -> list[Raised]:
    """The exception, then what it came from, the nearest first."""
    chain: list[Raised] = []
    why, current, seen = "", error, set[int]()
    while len(chain) < CAUSES_MAX and id(current) not in seen:
        seen.add(id(current))
        kind = type(current)
        name = (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
        notes = tuple(map(str, getattr(current, "__notes__", ())))
        chain.append(Raised(name, shown(current, str), tuple(places_of(current)), why, notes))
        if current.__cause__ is not None:
            why, current = "It was raised from:", current.__cause__
        elif current.__context__ is not None and not current.__suppress_context__:
            why, current = "It was raised while this one was being handled:", current.__context__
    return chain


def places_of(error: BaseException) -> Iterator[Place]:
    """The frames of an exception, the outermost first; without those that are this server's."""
    frames = list(frames_of(error.__traceback__))
    for frame, line in frames[-FRAMES_MAX:]:
        code = frame.f_code
        source = lines_around(code.co_filename, line, frame.f_globals)
        yield Place(code.co_filename, line, code.co_qualname, source, values_of(frame.f_locals))
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        linecache.checkcache(error.filename)
        yield Place(error.filename, error.lineno, "", lines_around(error.filename, error.lineno), ())


def frames_of(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        if not is_ours(trace.tb_frame.f_code.co_filename):
            yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def is_ours(file: str) -> bool:
    """Whether a frame is this server's, or the import system's on its behalf."""
    return file.startswith((PACKAGE + os.sep, "<frozen importlib")) or file == importlib.__file__


def lines_around(file: str, line: int, module_globals: dict[str, Any] | None = None) -> tuple[Line, ...]:
    lines = linecache.getlines(file, module_globals)
    first = max(0, line - 1 - LINES_AROUND)
    return tuple(enumerate((text.rstrip("\n") for text in lines[first : line + LINES_AROUND]), first + 1))


def values_of(variables: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    named = [name for name in list(variables) if not (name.startswith("__") and name.endswith("__"))]
    return tuple((name, value_of(name, variables.get(name))) for name in named[:VALUES_MAX])


def value_of(name: str, value: object) -> str:
    return HIDDEN if SECRET.search(name) and value is not None else shown(value, _short.repr)


def shown(value: object, way: Any) -> str:
    try:
        text = str(way(value))
    except Exception as error:  # theirs: a __repr__ of an object that is only half made, for example
        return f"({type(value).__qualname__}: its repr raises {type(error).__qualname__})"
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}…"


def request_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """The request line, the client, and the header fields."""
    script, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
    facts = {
        "request": f"{environ.get('REQUEST_METHOD', '')} {script}{path}{query}",
        "client": f"{environ.get('REMOTE_ADDR', '')}:{environ.get('REMOTE_PORT', '')}",
        "scheme": str(environ.get("wsgi.url_scheme", "")),
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            facts[name.replace("_", "-").title()] = str(environ[name])
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            facts[name[5:].replace("_", "-").title()] = HIDDEN if SECRET.search(name) else shown(value, str)
    return facts


_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = VALUE_CHARACTERS_MAX
