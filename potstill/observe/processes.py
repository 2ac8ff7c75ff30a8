"""What the kernel says of a process. Of one that is gone: nothing, which is 0."""

from __future__ import annotations

import os

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_S = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat behind the name, which may itself hold spaces and parentheses: proc(5).
USER, SYSTEM = 11, 12


def resident_bytes(pid: int) -> int:
    """What the process has in memory now."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def cpu_seconds(pid: int) -> float:
    """What the process has used of processors since its start, with its threads and without its children."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[USER]) + int(fields[SYSTEM])) / TICKS_S
    except (OSError, IndexError):
        return 0.0
