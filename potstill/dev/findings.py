"""What --lint has found, and where in the code: a file and a line for each finding.

A finding is told once for each place, however many requests meet it. The place is the frame nearest to the
violation that is in the project; where only a framework's frames are on the stack, it is the nearest of
those, and where there is none, it is where the application is defined.
"""

from __future__ import annotations

import inspect
import logging
import os
import sysconfig
import threading
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any
from wsgiref import validate

from potstill.dev.facts import is_ours

logger = logging.getLogger("potstill")

# How many different findings are told; a generated application could have any number.
FINDINGS_MAX = 1000

Place = tuple[str, int]
NOWHERE: Place = ("?", 0)


@dataclass(frozen=True)
class Finding:
    """One violation, or what is most likely one."""

    rule: str
    text: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text} ({self.rule})"


class Findings:
    """All of them, in the order in which they were made. Any thread may add one."""

    def __init__(self, *, log: bool = True) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._found: dict[Finding, None] = {}

    def add(self, rule: str, text: str, place: Place) -> None:
        finding = Finding(rule, text, *place)
        with self._lock:
            if finding in self._found or len(self._found) >= FINDINGS_MAX:
                return
            self._found[finding] = None
        if self._log:
            logger.warning("lint: %s", finding)

    @property
    def all(self) -> list[Finding]:
        return list(self._found)


def place_of_call(frame: FrameType | None, otherwise: Place) -> Place:
    """Where the project's code was when it came here, `frame` being the caller's."""
    nearest: Place | None = None
    while frame is not None:
        code = frame.f_code
        if is_ours(code.co_filename) or code.co_filename == validate.__file__:
            if nearest is not None:
                break
        elif is_project(code.co_filename):
            return shortened(code.co_filename), frame.f_lineno
        elif nearest is None:
            nearest = shortened(code.co_filename), frame.f_lineno
        frame = frame.f_back
    return nearest or otherwise


def place_of(value: Any) -> Place:
    """Where a function, a generator, or the class of an object is defined."""
    if inspect.isgenerator(value):
        frame = value.gi_frame
        line = frame.f_lineno if frame is not None else value.gi_code.co_firstlineno
        return shortened(value.gi_code.co_filename), line
    function = inspect.unwrap(value) if inspect.isroutine(value) else getattr(type(value), "__call__", None)  # noqa: B004
    code = getattr(function, "__code__", None)
    return (shortened(code.co_filename), code.co_firstlineno) if isinstance(code, CodeType) else NOWHERE


def is_project(file: str) -> bool:
    """Whether the file is neither installed nor the standard library's."""
    return not file.startswith((*LIBRARIES, "<"))


def shortened(file: str) -> str:
    here = os.getcwd() + os.sep
    return file.removeprefix(here)


LIBRARIES = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
