"""Who holds a port: what to tell somebody whose port is taken.

The kernel's table of TCP sockets gives the inode of the listening one, and /proc/PID/fd the process that has
it open. Without the right to look into that process the answer is None; nothing here ever raises.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

LISTENING = "0A"  # TCP_LISTEN in include/net/tcp_states.h of Linux


class Holder(NamedTuple):
    """A process, by the name that `ps` shows."""

    name: str
    pid: int


def holder_of_port(port: int, proc: Path = Path("/proc")) -> Holder | None:
    """The process that listens on the TCP port, if it can be seen; of several the lowest number."""
    sockets = {f"socket:[{inode}]" for inode in listening_inodes(port, proc)}
    if not sockets:
        return None
    numbers = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())
    for pid in numbers:
        if sockets & open_files(proc / str(pid) / "fd"):
            return Holder(read(proc / str(pid) / "comm").strip() or "a process", pid)
    return None


def listening_inodes(port: int, proc: Path) -> set[str]:
    """A line is `sl local:PORT remote:PORT state …`, in hexadecimal; the inode is its tenth word."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in read(proc / "net" / table).splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                found.add(words[9])
    return found


def open_files(directory: Path) -> set[str]:
    targets: set[str] = set()
    try:
        names = os.listdir(directory)
    except OSError:  # another user's process, or one that has just ended
        return targets
    for name in names:
        try:
            targets.add(os.readlink(directory / name))
        except OSError:
            continue
    return targets


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
