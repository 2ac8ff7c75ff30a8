"""The project's own files, and what the house tests read out of them.

Python is read with `ast`. Cython has no parser for outsiders, so its imports and functions are found line by
line, after strings and comments have been blanked: a definition starts at a `def`, `cdef` or `cpdef` with a
colon behind its parameters and ends before the next line indented no deeper.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "potstill"
CYTHON = {".pyx", ".pxd"}

# Where sources may stand; what is made (build/, results, fuzz/inputs/) is not read.
SOURCE_PLACES = ("potstill", "tests", "bench", "fuzz", "examples", "scripts", "setup.py")
MADE = {"build", "results", "inputs", "__pycache__"}


@dataclass(frozen=True)
class Function:
    name: str
    line: int
    lines: int


def sources(*suffixes: str, below: tuple[str, ...] = SOURCE_PLACES) -> list[Path]:
    """Every file of ours with one of the suffixes, in a stable order."""
    found: list[Path] = []
    for place in below:
        path = ROOT / place
        found += [path] if path.is_file() else path.rglob("*")
    kept = (file for file in found if file.suffix in suffixes and file.is_file())
    return sorted(file for file in kept if not MADE.intersection(file.relative_to(ROOT).parts))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def module_name(path: Path) -> str:
    """potstill/net/bind.py → potstill.net.bind; a package's __init__ has the package's name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


_TEXT = re.compile(
    r"""
    (\"{3}|'{3}) (?:\\.|[^\\])*? \1     # a text over several lines
    | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    | \#[^\n]*
    """,
    re.DOTALL | re.VERBOSE,
)


def blanked(text: str) -> str:
    """The source with every string and comment emptied; line numbers stay."""
    return _TEXT.sub(lambda match: "\n" * match[0].count("\n"), text)


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, absolute dotted name) of everything a source imports: `from a.b import c` is a.b.c.

    Imports inside functions and under TYPE_CHECKING count like any other.
    """
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return imports_in(read(path), package, cython=path.suffix in CYTHON)


def imports_in(text: str, package: str, *, cython: bool) -> list[tuple[int, str]]:
    """The same for a text that stands in `package`, from which its relative imports start."""
    found = []
    for line, dots, module, name in _cython_imports(text) if cython else _python_imports(text):
        parts = package.split(".")[: len(package.split(".")) - dots + 1] if dots else []
        found.append((line, ".".join([*parts, *filter(None, (module, name))])))
    return found


def _python_imports(text: str) -> Iterator[tuple[int, int, str, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, 0, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, node.level, node.module or "", alias.name


_FROM = re.compile(r"\s*from\s+(\.*)([\w.]*)\s+c?import\s+(.*)")
_IMPORT = re.compile(r"\s*c?import\s+(.*)")


def _cython_imports(text: str) -> Iterator[tuple[int, int, str, str]]:
    for number, _, line in logical_lines(text):
        if match := _FROM.match(line):
            dots, module, names = match.groups()
            for name in _names(names):
                yield number, len(dots), module, name
        elif match := _IMPORT.match(line):
            for name in _names(match[1]):
                yield number, 0, name, ""


def _names(text: str) -> list[str]:
    """`(a as b, c)` → a, c."""
    return [name.split()[0] for name in text.strip(" ()").split(",") if name.strip()]


def logical_lines(text: str) -> list[tuple[int, int, str]]:
    """(first line, last line, code): what an open bracket or a backslash continues is one line."""
    found: list[tuple[int, int, str]] = []
    depth, goes_on = 0, False
    for number, line in enumerate(blanked(text).splitlines(), start=1):
        if depth > 0 or goes_on:
            first, _, before = found[-1]
            found[-1] = (first, number, f"{before} {line.strip().rstrip(chr(92))}")
        else:
            found.append((number, number, line.rstrip().rstrip("\\")))
        depth += len(re.findall(r"[(\[{]", line)) - len(re.findall(r"[)\]}]", line))
        goes_on = line.rstrip().endswith("\\")
    return found


def functions(path: Path) -> list[Function]:
    """Every function of a source with its length: head and docstring included, decorators left out."""
    return list(functions_in(read(path), cython=path.suffix in CYTHON))


def functions_in(text: str, *, cython: bool) -> Iterator[Function]:
    if cython:
        yield from _cython_functions(text)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)


_HEAD = re.compile(r"(\s*)(?:async\s+)?c?p?def\b(?!\s+(?:class|struct|enum|union|extern))[^=(]*?(\w+)\s*\(")


def _cython_functions(text: str) -> Iterator[Function]:
    lines = logical_lines(text)
    for index, (first, last, head) in enumerate(lines):
        match = _HEAD.match(head)
        if match is None or ":" not in head.rpartition(")")[2]:
            continue
        for _, end, line in lines[index + 1 :]:
            if not line.strip():
                continue
            if len(line) - len(line.lstrip()) <= len(match[1]):
                break
            last = end
        yield Function(match[2], first, last - first + 1)
