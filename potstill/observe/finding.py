"""Where a running server can be asked: its admin address, by the number of its process.

A process with an admin listener keeps a file in memory, whose name anyone finds among its open
descriptors who may look at the process at all; what it holds are the addresses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

NAME = "potstill-admin"


class NotFoundError(Exception):
    """There is no admin listener; the text says what to do."""


def leave_mark(addresses: Sequence[str]) -> int:
    """The descriptor of a file that says so; it is the caller's to close."""
    descriptor = os.memfd_create(NAME, os.MFD_CLOEXEC)
    os.write(descriptor, json.dumps(list(addresses)).encode())
    return descriptor


def find_addresses(pid: int) -> list[str]:
    """The addresses of the admin listener of a process, as URLs. Raises NotFoundError."""
    directory = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(directory):
            if f"/memfd:{NAME} " in f"{target_of(directory, name)} ":
                with open(f"{directory}/{name}", "rb") as mark:
                    found: list[str] = json.loads(mark.read())
                    return found
    except FileNotFoundError:
        raise NotFoundError(f"there is no process {pid}") from None
    except PermissionError:
        raise NotFoundError(
            f"process {pid} is another user's: ask as that user, or name its address"
        ) from None
    raise NotFoundError(
        f"process {pid} has no admin listener: start it with --admin 127.0.0.1:9000 or --admin unix:/PATH "
        "(of a server with workers, the number is that of the supervisor, which is in its start line)"
    )


def target_of(directory: str, name: str) -> str:
    try:
        return os.readlink(f"{directory}/{name}")
    except FileNotFoundError:  # closed meanwhile
        return ""
