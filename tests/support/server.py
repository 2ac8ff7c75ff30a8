"""Potstill as a process of its own, on a port that the test knows before the server does.

The test binds the listening socket itself and hands it down by number (`--bind fd://N`): no port is guessed,
none is read from a log line, and a connection made too early simply waits in the backlog. So readiness is one
request and its answer; nothing polls and nothing sleeps.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
START_S = 20.0
STOP_S = 20.0
LOG_S = 5.0
BACKLOG = 512
READY = b"GET /ready HTTP/1.1\r\nHost: ready.test\r\nConnection: close\r\n\r\n"


class Log:
    """What the server writes on standard error, read by a thread of its own so that the pipe never fills."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="server-log", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            with self._changed:
                self._lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, timeout_s: float = LOG_S, since: int = 0) -> str:
        """The first line, past or to come, in which the regular expression is found.

        `since` leaves out as many lines: `len(log.lines())` from before what is waited for.
        """
        deadline = monotonic() + timeout_s
        seen = since
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if re.search(pattern, line):
                        return line
                seen = len(self._lines)
                left_s = deadline - monotonic()
                if self._ended or left_s <= 0 or not self._changed.wait(left_s):
                    break
        raise AssertionError(f"no line of the log has {pattern!r}; its end:\n{self.tail()}")

    def lines(self, pattern: str = "", since: int = 0) -> list[str]:
        """The lines so far in which the regular expression is found; `since` as in `wait_for`."""
        with self._changed:
            return [line for line in self._lines[since:] if re.search(pattern, line)]

    def tail(self, count: int = 40) -> str:
        """The last lines, for the message of a failed assertion."""
        return "\n".join(self.lines()[-count:])

    def join(self, timeout_s: float = LOG_S) -> None:
        """Wait for the end of the stream, so that `lines` is complete."""
        self._thread.join(timeout_s)


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, its process, its log."""

    address: tuple[str, int]
    process: subprocess.Popen[bytes]
    log: Log


@contextmanager
def serve_process(app: str, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`python -m potstill APP OPTIONS`, answering; ended by SIGTERM, and its exit code must be 0.

    `environment` is added to this process's own. Raises AssertionError, with the end of the log, when the
    server does not answer within START_S, does not end within STOP_S, or ends with another code.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        address = listener.getsockname()[:2]
        process = subprocess.Popen(
            [sys.executable, "-m", "potstill", app, "--bind", f"fd://{listener.fileno()}", *options],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            pass_fds=(listener.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    # Our copy of the listening socket is closed now: if the server dies, its clients are refused and need not
    # wait.
    assert process.stderr is not None
    log = Log(process.stderr)
    server = Server((str(address[0]), int(address[1])), process, log)
    with process.stderr, ending(server):
        wait_until_answering(server)
        yield server


def wait_until_answering(server: Server) -> None:
    """Ask once, and wait for the first bytes of any answer."""
    try:
        with socket.create_connection(server.address, timeout=START_S) as probe:
            probe.sendall(READY)
            answer = probe.recv(12)
    except OSError as error:
        answer = str(error).encode()
    if not answer.startswith(b"HTTP"):
        # Most likely it is ending, and its last words say why.
        server.log.join(LOG_S)
    assert answer.startswith(b"HTTP/1."), f"the server does not answer ({answer!r}):\n{server.log.tail()}"


@contextmanager
def ending(server: Server) -> Iterator[None]:
    """End the server with the block; how it ended is an error only if the block did not fail already."""
    try:
        yield
    except BaseException:
        stop(server)
        raise
    code = stop(server)
    assert code == 0, f"exit code {code} after SIGTERM:\n{server.log.tail()}"


def stop(server: Server) -> int:
    """SIGTERM, and SIGKILL for one that does not listen. Returns the exit code."""
    server.process.send_signal(signal.SIGTERM)
    try:
        code = server.process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.process.kill()
        code = server.process.wait(STOP_S)
    server.log.join()
    return code
