"""A new supervisor takes over from an old one, with its sockets and without a moment in which nobody serves.

The old one starts the command line that it was itself started with, by the interpreter that is now at the
same path, from the same directory. The listening sockets are passed on open, and told by an environment
variable:

    POTSTILL_UPGRADE={"parent": 4711, "ready": 9, "sockets": {"127.0.0.1:8000": [5], "unix:/run/x": [6]}}

When all its workers serve, the new supervisor writes to `ready`, and the old one lets its workers go. If the
new one ends before, the pipe ends, and the old one stays.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from potstill.net.bind import Listener

VARIABLE = "POTSTILL_UPGRADE"
READY = b"ready"


class Inheritance(msgspec.Struct, frozen=True):
    """What an old supervisor hands over to a new one."""

    parent: int
    ready: int
    sockets: dict[str, list[int]]

    def tell_ready(self) -> None:
        """Say that the new supervisor serves."""
        with suppress(OSError):  # the old one is gone, so it need not be told
            os.write(self.ready, READY)
        self.close()

    def close(self) -> None:
        os.close(self.ready)


def inherit(environ: MutableMapping[str, str] = os.environ) -> Inheritance | None:
    """What was handed over to this process, once; None when it was started in the ordinary way."""
    text = environ.pop(VARIABLE, "")
    try:
        found = msgspec.json.decode(text, type=Inheritance) if text else None
    except msgspec.DecodeError:
        return None
    # A variable that a child of the application inherits is not meant for it.
    if found is None or found.parent != os.getppid():
        return None
    os.set_inheritable(found.ready, False)
    return found


@dataclass(frozen=True)
class Successor:
    """A new supervisor that is starting. `pipe` has its word, or its end."""

    pid: int
    pipe: int

    def fileno(self) -> int:
        return self.pipe

    def read_ready(self) -> bool:
        """Whether it serves; False: it has given up. For a readable pipe only."""
        return os.read(self.pipe, len(READY)) == READY

    def close(self) -> None:
        os.close(self.pipe)


def start_successor(listeners: Sequence[Listener]) -> Successor:
    """Start the same command anew. Raises OSError when that cannot be."""
    reading, writing = os.pipe()
    sockets: dict[str, list[int]] = {}
    for listener in listeners:
        sockets.setdefault(listener.address, []).append(listener.socket.fileno())
    told = msgspec.json.encode(Inheritance(os.getpid(), writing, sockets)).decode()
    passed = [writing, *(number for numbers in sockets.values() for number in numbers)]
    try:
        for number in passed:
            os.set_inheritable(number, True)
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, *sys.orig_argv[1:]],
            {**os.environ, VARIABLE: told},
            setsigmask=(),
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        for number in passed:
            os.set_inheritable(number, False)
        os.close(writing)
    return Successor(pid, reading)


def logical_directory() -> str:
    """The current directory by the name that the operator used: a link to a new release is followed."""
    here, named = os.getcwd(), os.environ.get("PWD", "")
    with suppress(OSError):
        if named and os.path.samefile(named, here):
            return named
    return here
