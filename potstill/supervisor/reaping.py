"""Children that have ended or stopped, ours and as PID 1 those of others; and signals to those of ours."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """What has become of a child."""

    pid: int
    status: int

    @property
    def stopped(self) -> bool:
        return os.WIFSTOPPED(self.status)

    @property
    def continued(self) -> bool:
        return os.WIFCONTINUED(self.status)

    @property
    def code(self) -> int:
        """As a shell has it: the exit code, or 128 and the signal."""
        if os.WIFSIGNALED(self.status):
            return 128 + os.WTERMSIG(self.status)
        return os.WEXITSTATUS(self.status)

    @property
    def words(self) -> str:
        """`ended with 3` or `was killed by SIGKILL`."""
        if not os.WIFSIGNALED(self.status):
            return f"ended with {os.WEXITSTATUS(self.status)}"
        number = os.WTERMSIG(self.status)
        known = number in set(signal.Signals)
        return f"was killed by {signal.Signals(number).name if known else f'signal {number}'}"


def reap() -> Iterator[Change]:
    """What there is to know about any child now; does not wait."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield Change(pid, status)


def send(pid: int, number: int) -> None:
    """The process may be gone already, though not reaped by anyone else."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
