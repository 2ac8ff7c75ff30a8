"""How does a server share kept-alive connections between its workers? Counts the sockets of each process.

The connections come one after the other and stay, as those of a load balancer do: who takes too many of
them has too much to do for as long as they live.
"""

from __future__ import annotations

import contextlib
import os

from bench.crowd import gather
from bench.process import Running


def measure_spread(running: Running, connections: int) -> list[int]:
    """How many connections each process holds, without those that hold none."""
    before = {pid: _sockets(pid) for pid in running.pids()}
    with contextlib.ExitStack() as stack:
        for client in gather(running.port, connections, at_once=1):
            stack.enter_context(client)
        held = {pid: _sockets(pid) - count for pid, count in before.items()}
    return sorted((count for count in held.values() if count > 0), reverse=True) or [0]


def _sockets(pid: int) -> int:
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return found
