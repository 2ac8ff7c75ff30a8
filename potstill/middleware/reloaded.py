"""A value read from a file, and read again when the file changes.

The file is looked at no more than once a second, by whichever request comes then; the others go on with what
they have, and a new value takes the place of the old one as a whole. What cannot be read or understood never
takes the place of what could: the old value stays, and the log says once why, with file and line.

Replace such a file by renaming a finished one over it. One that is written in place may be read half-done;
it is read again when the rest has been written.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

LOOK_EVERY_S = 1.0
# Nobody's list of networks or users comes near it; a log file named by mistake does.
FILE_BYTES_MAX = 16 * 1024 * 1024

Value = TypeVar("Value")
_Signature = tuple[int, int, int, int, int]


class FileError(ValueError):
    """A line of a file that cannot be taken; the message begins with the file and the line."""

    def __init__(self, path: str, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")


class ReloadedFile(Generic[Value]):
    """The value of a file, at most a second old. Safe to use from any thread, and across forks.

    `parse(path, text)` makes the value; it raises FileError (or another ValueError) for what it does not
    take. Raises the same, or OSError, when the file cannot be read at the beginning: there is no old value
    yet.
    """

    def __init__(
        self, path: str, parse: Callable[[str, str], Value], clock: Callable[[], float] = monotonic
    ) -> None:
        # An absolute path: whoever changes the working directory later does not change the file.
        self.path = os.path.abspath(path)
        self._parse = parse
        self._clock = clock
        self._looking = threading.Lock()
        self._logger = logging.getLogger(__name__)
        self._signature: _Signature | None = None
        self._trouble: object = None
        self._look_again = clock() + LOOK_EVERY_S
        self._value = self._read()

    def value(self) -> Value:
        """The value of the file as it was less than a second ago, or as it was last in order."""
        if self._clock() >= self._look_again and self._looking.acquire(blocking=False):
            try:
                self._look()
                self._look_again = self._clock() + LOOK_EVERY_S
            finally:
                self._looking.release()
        return self._value

    def _look(self) -> None:
        try:
            if _signature(os.stat(self.path)) == self._signature:
                return
            self._value = self._read()
            self._trouble = None
            self._logger.info("read %s again: it has changed", self.path)
        except (OSError, ValueError) as error:
            # The signature of a bad file has been noted, so that it is told once; one that is missing is
            # looked for each second, and told once as well.
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._logger.error("%s; what was read before stays in force", error)

    def _read(self) -> Value:
        # Without O_NONBLOCK the opening of a named pipe would wait for whoever writes to it.
        with open(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            self._signature = _signature(status)
            if not stat.S_ISREG(status.st_mode):
                raise FileError(self.path, 1, "this is not a regular file")
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise FileError(self.path, 1, f"the file is larger than {FILE_BYTES_MAX} bytes")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise FileError(self.path, line, "this line is not UTF-8") from None
        return self._parse(self.path, text)


def _signature(status: os.stat_result) -> _Signature:
    """What differs when a file was replaced or written to: the change time also sees a mtime that was set
    back."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def lines_of(text: str) -> list[tuple[int, str]]:
    """(number, line) of each line with something on it; `#` begins a comment, alone or behind white space."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split()
        comment = next((index for index, word in enumerate(words) if word.startswith("#")), len(words))
        if comment:
            found.append((number, " ".join(words[:comment])))
    return found
