"""A server's process: started on its own core, asked until it answers, weighed, and stopped.

CPU time is that of the whole process tree, from each process's CPU clock. The clock has nanoseconds,
counts threads that have ended, and is read without touching the server; utime and stime of /proc/PID/stat
are the same time in ticks.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.launch import HOST

READY_TIMEOUT_S = 20.0
READY_PAUSE_S = 0.02
STOP_TIMEOUT_S = 3.0
# Quiet is less CPU time than this in such a while: 1 % of a core, more than any server's housekeeping.
QUIET_FOR_S = 0.1
QUIET_CPU_S = 0.001
QUIET_TIMEOUT_S = 5.0
LOG_TAIL_BYTES = 2000
KIB = 1024


class ServerFailedError(Exception):
    """The server did not start, or does not run any more; the text says what it said last."""


@dataclass(frozen=True)
class Memory:
    rss_bytes: int  # resident pages of all processes, shared ones counted in each
    pss_bytes: int  # the same, a shared page divided by those that share it


@dataclass(frozen=True)
class Running:
    """A started server. Its processes are those below `pid`, looked up whenever they are asked for."""

    pid: int
    port: int
    log: Path
    secure: bool = False

    def pids(self) -> list[int]:
        found = [self.pid]
        for pid in found:  # grows while it is walked: children of children
            found.extend(_children(pid))
        return found

    def cpu_s(self) -> float:
        return sum(_cpu_s(pid) for pid in self.pids())

    def memory(self) -> Memory:
        rollups = [_smaps_rollup(pid) for pid in self.pids()]
        return Memory(
            sum(rollup.get("Rss", 0) for rollup in rollups), sum(rollup.get("Pss", 0) for rollup in rollups)
        )

    def last_words(self) -> str:
        """The end of what it wrote, in one line."""
        with contextlib.suppress(OSError):
            text = self.log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            return lines[-1] if lines else "it said nothing"
        return "it said nothing"


def core_busy_s(core: int) -> float:
    """How long a core has been busy since the machine started, whoever used it, in steps of 10 ms."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _waiting, *interrupts = (int(text) for text in ticks[:8])
            return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    command: list[str], core: int, port: int, log: Path, environment: dict[str, str], *, secure: bool = False
) -> Iterator[Running]:
    """The server, answering, while the block runs. Raises ServerFailedError when it does not come up."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    running = Running(process.pid, port, log, secure)
    try:
        _wait_answering(process, running)
        yield running
    finally:
        _stop(process, running)


def _wait_answering(process: subprocess.Popen[bytes], running: Running) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailedError(f"it ended with {process.returncode}: {running.last_words()}")
        if _answers(running):
            return
        time.sleep(READY_PAUSE_S)
    raise ServerFailedError(f"no answer in {READY_TIMEOUT_S:.0f} s: {running.last_words()}")


def client_of(port: int, timeout_s: float, *, secure: bool) -> http.client.HTTPConnection:
    """A client of the server; over TLS it believes any certificate, which was made for this run."""
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(HOST, port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(HOST, port, timeout=timeout_s)


def _answers(running: Running) -> bool:
    """Whether a whole answer comes back; whether it is right is asked later."""
    client = client_of(running.port, READY_TIMEOUT_S, secure=running.secure)
    try:
        client.request("GET", "/")
        client.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()
    return True


def wait_quiet(running: Running) -> None:
    """Waits until the server has worked off what a load generator asked and did not wait for.

    First its queue: a request of our own is answered behind those. Then its CPU time, which stands almost
    still when nothing is left to do. A server that never becomes quiet is measured as it is.
    """
    _answers(running)
    deadline = time.monotonic() + QUIET_TIMEOUT_S
    while time.monotonic() < deadline:
        before_s = running.cpu_s()
        time.sleep(QUIET_FOR_S)
        if running.cpu_s() - before_s < QUIET_CPU_S:
            return


def _stop(process: subprocess.Popen[bytes], running: Running) -> None:
    """Asks the server to end, then ends what is left of its session. Nobody else's processes are in it."""
    everyone = running.pids()
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in everyone:
        with contextlib.suppress(OSError):
            if os.getsid(pid) == process.pid:
                os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.extend(int(child) for child in listing.read_text().split())
    return found


def _cpu_s(pid: int) -> float:
    # What clock_getcpuclockid(3) returns on Linux: the PID's complement above three bits, and 2 in those for
    # the scheduler's own clock.
    clock = (~pid << 3) | 2
    try:
        return time.clock_gettime(clock)
    except OSError:
        return 0.0


def _smaps_rollup(pid: int) -> dict[str, int]:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return {}
    return {name: int(kib) * KIB for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
