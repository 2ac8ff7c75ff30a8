"""Does a server sleep when nobody asks? Counts the system calls of all its threads with strace.

strace interrupts what it attaches to, so a waiting thread may restart its wait: what begins in the first
moments after attaching is not counted. The floor, which waits in one epoll_wait for ever, shows that this
is right: it must have 0.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.process import Running

# Servers may look about for a while after the last request; then they should sleep.
SETTLE_S = 5.0
ATTACH_S = 1.0
LISTEN_S = 10.0
STOP_TIMEOUT_S = 10.0
NAMED_MAX = 4


def measure_silence(running: Running) -> tuple[dict[str, float], str]:
    """The figures (none where strace cannot be used) and which system calls they are."""
    if shutil.which("strace") is None:
        return {}, "not measured: there is no strace"
    time.sleep(SETTLE_S)
    with tempfile.TemporaryDirectory(prefix="bench-strace-") as directory:
        log = Path(directory) / "calls"
        said = _trace(running.pids(), log)
        if not log.exists():
            return {}, f"not measured: {said}"
        calls = _calls(log.read_text(errors="replace").splitlines())
    names = ", ".join(f"{name} {count}" for name, count in calls.most_common(NAMED_MAX))
    return {"system_calls": calls.total()}, names


def _trace(pids: list[int], log: Path) -> str:
    """Traces for as long as it takes and returns what strace said if it could not."""
    targets = [argument for pid in pids for argument in ("-p", str(pid))]
    tracer = subprocess.Popen(
        [
            "strace",
            "--follow-forks",
            "--absolute-timestamps=format:unix,precision:us",
            "-o",
            str(log),
            *targets,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    try:
        tracer.wait(ATTACH_S + LISTEN_S)
    except subprocess.TimeoutExpired:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(STOP_TIMEOUT_S)
    with tracer.stderr as output:
        return output.read().strip().splitlines()[-1:][0] if tracer.returncode else ""


_CALL = re.compile(r"^(?:\d+\s+)?(\d+\.\d+)\s+(\w+)\(")


def _calls(lines: list[str]) -> Counter[str]:
    """System calls that began after the time for attaching; a line with "resumed" is the end of one."""
    begun = [(float(found[1]), found[2]) for line in lines if (found := _CALL.match(line))]
    if not begun:
        return Counter()
    first = min(time_s for time_s, _ in begun)
    return Counter(name for time_s, name in begun if time_s > first + ATTACH_S and name != "restart_syscall")
