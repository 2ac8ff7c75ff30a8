"""Which files this process has read, and the state each was in when it was read.

A change is a difference to that state; who has been told of it takes the new state for granted. Python files
get their state from the import itself, taken just before the file is read (`importing`), so that a save in
the middle of an import is not lost. Other files, which match a pattern, get theirs when the ledger is made,
before the application is loaded.

New files matter where they match a pattern: they are found because the time of their directory changes. When
the application cannot be loaded, every new Python file matters too: it may be the one that was missed.

Left out: what the process had loaded before the ledger was made (a new worker inherits it just the same), the
standard library, and what --reload-exclude names.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable

from potstill.dev.patterns import Patterns, directories_below

# Time of the last change, size, inode: a rename that puts another file in place changes the last at least.
State = tuple[int, int, int] | None  # None: it is not there

ALWAYS = ("**/templates/**", ".env", ".flaskenv", "potstill.toml")
PYTHON = "**/*.py"


def state_of(path: str) -> State:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Ledger:
    """Written by threads that import and read by the one that watches; each step is one dict operation."""

    def __init__(self, directory: str, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self.directory = os.path.abspath(directory)
        self._exclude = Patterns(exclude, self.directory)
        self._patterns = (*ALWAYS, *include)
        self._include = Patterns(self._patterns, self.directory)
        self._inherited = frozenset(sys.modules)
        self._modules_seen = 0
        self._seen: set[str] = set()  # directories that were walked through
        self.files: dict[str, State] = {}
        self.directories: dict[str, State] = {}  # where a new file would matter
        self._find()

    def note(self, path: str) -> None:
        """The file is about to be read."""
        path = os.path.abspath(path)
        if path not in self.files and not self._leaves_out(path):
            self.files[path] = state_of(path)

    def note_modules(self) -> None:
        """What was imported past `importing`: by an import hook of somebody else's."""
        modules = dict(sys.modules)
        if len(modules) == self._modules_seen:
            return
        self._modules_seen = len(modules)
        for name, module in modules.items():
            file = getattr(module, "__file__", None)
            if name not in self._inherited and isinstance(file, str):
                self.note(file)

    def expect_new_files(self) -> None:
        """The application cannot be loaded: any Python file that appears may be what it needs."""
        self._include = Patterns((*self._patterns, PYTHON), self.directory)
        self._find()

    def changed(self, paths: Iterable[str] | None = None) -> list[str]:
        """Which files differ from their states; all that are known, or those of `paths`."""
        looked_at = list(self.files) if paths is None else [path for path in paths if path in self.files]
        return [path for path in looked_at if state_of(path) != self.files[path]]

    def new_in(self, directories: Iterable[str]) -> list[str]:
        """Files that matter and were not there; directories whose state has not changed are not read."""
        found: list[str] = []
        for directory in directories:
            state = state_of(directory)
            if state == self.directories.get(directory):
                continue
            self.directories[directory] = state
            found += self._new_below(directory)
        return found

    def concerns(self, path: str) -> bool:
        """Whether a change of this file matters, be it new or known."""
        return path in self.files or (self._include.match(path) and not self._leaves_out(path))

    def accept(self, paths: Iterable[str]) -> None:
        """What these files are now is how they are known from here on."""
        for path in paths:
            self.files[path] = state_of(path)

    def _find(self) -> None:
        for path in self._enter(directories_below(self.directory)):
            self.files.setdefault(path, state_of(path))

    def _new_below(self, directory: str) -> list[str]:
        """Files that matter and are new, of the directory itself and of directories that are new in it."""
        found = self._enter(directories_below(directory, self._seen))
        return [path for path in found if path not in self.files]

    def _enter(self, tree: Iterable[tuple[str, list[str]]]) -> list[str]:
        """Know these directories from now on; the files in them that matter."""
        found: list[str] = []
        for directory, files in tree:
            self._seen.add(directory)
            matching = self._matching(directory, files)
            found += matching
            if matching or directory == self.directory or self._include.match(f"{directory}/new.py"):
                self.directories.setdefault(directory, state_of(directory))
        return found

    def _matching(self, directory: str, names: Iterable[str]) -> list[str]:
        paths = (f"{directory}/{name}" for name in names)
        return [path for path in paths if self._include.match(path) and not self._leaves_out(path)]

    def _leaves_out(self, path: str) -> bool:
        return is_standard(path) or self._exclude.match(path)


def is_standard(path: str) -> bool:
    """Whether the file is of the standard library, or no file at all (`<frozen …>`)."""
    if path.endswith(">"):
        return True
    return path.startswith(STANDARD) and "site-packages" not in path and "dist-packages" not in path


STANDARD = (sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep)
