"""A server's process from outside: its memory, its processor time, its open files. Linux's /proc."""

from __future__ import annotations

import os
import re
import resource
import threading
from pathlib import Path

from tests.support.server import Server

KIB = 1024
MIB = 1024 * KIB


def memory_peak(server: Server) -> int:
    """The most resident memory it has had since `reset_peak`, bytes."""
    return _status(server, "VmHWM")


def memory(server: Server) -> int:
    """Its resident memory now, bytes."""
    return _status(server, "VmRSS")


def reset_peak(server: Server) -> int:
    """Let `memory_peak` count from now on; returns what it begins with (proc(5), clear_refs)."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    return memory_peak(server)


def _status(server: Server, name: str) -> int:
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.M)
    assert found is not None
    return int(found[1]) * KIB


def cpu_s(server: Server) -> float:
    """Processor time of all its threads so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_used_in(server: Server, seconds: float) -> float:
    """Processor time that it uses in so long a while."""
    before = cpu_s(server)
    threading.Event().wait(seconds)
    return cpu_s(server) - before


def open_files(server: Server) -> list[str]:
    """What its descriptors point at; one that has just been closed is left out."""
    found = []
    for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            found.append(os.readlink(entry))
        except FileNotFoundError:
            continue
    return found


def leave_descriptors(server: Server, free: int) -> None:
    """Let it have so many descriptors more; the limit is one on their numbers, and those have gaps."""
    taken = {int(entry.name) for entry in Path(f"/proc/{server.process.pid}/fd").iterdir()}
    number = 0
    while free:
        free -= number not in taken
        number += 1
    limit(server, resource.RLIMIT_NOFILE, number)


def limit(server: Server, what: int, soft: int) -> None:
    """Set one of its limits, such as resource.RLIMIT_NOFILE, from outside; the hard one stays."""
    _, hard = resource.prlimit(server.process.pid, what)
    resource.prlimit(server.process.pid, what, (soft, hard))
