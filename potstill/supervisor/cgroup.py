"""What this process may use of the machine, and how many workers that is good for.

`nproc` says how many processors there are; a container often may use less. The limits are in the files of the
control groups, version 2 or 1, of this process's group and of every group above it: the smallest counts. All
files are read below a root directory, so that a test can lay out a machine.

    /proc/self/cgroup              0::/system.slice/shop.service            version 2
                                   4:memory:/docker/3f0c                    version 1, a line a controller
    /sys/fs/cgroup/…/cpu.max       150000 100000                            1.5 processors
    /sys/fs/cgroup/cpu/…/cpu.cfs_quota_us, cpu.cfs_period_us                the same in version 1
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from potstill.settings import WORKERS_MAX

MIB = 1 << 20
# What a worker with an application of ordinary size needs.
MEMORY_OF_WORKER_BYTES = 128 * MIB
# Version 1 writes a number near 2**63 where there is no limit.
NO_LIMIT_BYTES = 1 << 60


@dataclass(frozen=True)
class Machine:
    """What may be used."""

    processors: int  # that this process may run on
    quota: float | None  # processors' worth of time that its groups may use; None: all
    memory_bytes: int  # of the machine
    limit_bytes: int | None  # of its groups; None: all

    @property
    def usable_bytes(self) -> int:
        return min(self.memory_bytes, self.limit_bytes or self.memory_bytes)


def read_machine(processors: int, root: Path = Path("/")) -> Machine:
    """The machine as the files below `root` describe it. What cannot be read is no limit."""
    quotas = [quota for group in groups(root, "cpu") if (quota := quota_of(group)) is not None]
    limits = [limit for group in groups(root, "memory") if (limit := limit_of(group)) is not None]
    found = re.search(r"^MemTotal:\s+(\d+) kB", read(root / "proc/meminfo"), re.MULTILINE)
    memory_bytes = int(found[1]) * 1024 if found else NO_LIMIT_BYTES
    return Machine(processors, min(quotas, default=None), memory_bytes, min(limits, default=None))


def choose_workers(machine: Machine) -> tuple[int, str]:
    """How many workers, and a sentence that says why.

    One for each processor, since a worker computes on one at a time: a quota of 1.5 keeps two busy. Fewer
    where the memory is not enough for so many.
    """
    by_processors = machine.processors
    why = [f"{machine.processors} processor{'' if machine.processors == 1 else 's'}"]
    if machine.quota is not None:
        by_processors = min(by_processors, max(1, math.ceil(machine.quota)))
        why.append(f"a quota of {machine.quota:g}")
    by_memory = max(1, machine.usable_bytes // MEMORY_OF_WORKER_BYTES)
    number = min(by_processors, by_memory, WORKERS_MAX)
    if by_memory < by_processors:
        why.append(
            f"{machine.usable_bytes // MIB} MiB of memory, enough for {by_memory} "
            f"at {MEMORY_OF_WORKER_BYTES // MIB} MiB each"
        )
    return number, f"workers auto: {number}, for {', '.join(why)}"


def share_bytes(share: int | str, machine: Machine) -> int:
    """Bytes of a value like 200000000 or '40%', the latter of what this process may use."""
    if isinstance(share, str):
        return machine.usable_bytes * int(share.removesuffix("%")) // 100
    return share


# The files


def groups(root: Path, controller: str) -> Iterator[Path]:
    """The directories of this process's group and of those above it, for a controller."""
    for line in read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        mounts = root / "sys/fs/cgroup"
        if not names:
            yield from upwards(mounts, path)
            yield from upwards(mounts / "unified", path)
        elif controller in names.split(","):
            yield from upwards(mounts / names, path)
            yield from upwards(mounts / controller, path)


def upwards(mount: Path, path: str) -> Iterator[Path]:
    """From the group to the mount; in a container the path may be the host's, and only the mount is there."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for length in range(len(parts), -1, -1):
        directory = mount.joinpath(*parts[:length])
        if directory.is_dir():
            yield directory


def quota_of(group: Path) -> float | None:
    words = read(group / "cpu.max").split()
    if not words:
        words = [read(group / "cpu.cfs_quota_us").strip(), read(group / "cpu.cfs_period_us").strip()]
    try:
        quota, period = int(words[0]), int(words[1])
    except (IndexError, ValueError):  # `max`, or no such file
        return None
    return quota / period if quota > 0 and period > 0 else None


def limit_of(group: Path) -> int | None:
    text = read(group / "memory.max").strip() or read(group / "memory.limit_in_bytes").strip()
    return int(text) if text.isdecimal() and int(text) < NO_LIMIT_BYTES else None


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
