"""One run of a CGI program: its process, its three pipes, and its end.

The request's body goes in while the response comes out, for a program may answer before it has read
everything, and may write more than a pipe holds. Output is read only when the server asks for it, so a fast
program waits for a slow client. Standard error goes to the log. The program has a process group of its own:
when its time is over, or the client has left, the whole group is ended, with SIGTERM first.

One thread at a time. Nothing here blocks without a poll that knows when the time is over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from select import POLLIN, POLLOUT, poll
from time import monotonic
from typing import IO, Any

log = logging.getLogger("potstill.cgi")

BLOCK_BYTES = 65536
# How often it is looked whether the client still waits for what the program is thinking about.
LOOK_S = 1.0
# What a program may leave in the log, by line and in all; the rest is dropped, and the log says so.
ERROR_LINE_BYTES_MAX = 4096
ERROR_BYTES_MAX = 1 << 20
# Between SIGTERM and SIGKILL, and after the end of the output until a program is taken to hang (Apache: 3 s).
GRACE_S = 3.0


class ScriptTimeoutError(Exception):
    """The program took too long."""


class Script:
    """A running program. Ended by `close`, in any case."""

    def __init__(
        self,
        path: Path,
        variables: Mapping[bytes, bytes],
        source: Any,
        length: int,
        deadline: float,
        client_gone: Callable[[], object] | None = None,
    ) -> None:
        """Starts it, in its own directory. `source` is a `wsgi.input` with `length` octets; at the deadline
        (monotonic seconds) everything must be over; `client_gone` tells whether somebody still waits. Raises
        OSError when it cannot be run.
        """
        self.name = path.name
        self._source = source
        self._left = length
        self._deadline = deadline
        self._client_gone = client_gone
        self._unsent = memoryview(b"")
        self._errors = _ErrorLog(path.name)
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [path],
            cwd=path.parent,
            env=variables,
            stdin=subprocess.PIPE if length else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._ended = False
        self._poll = poll()
        for pipe, events in (
            (self._process.stdin, POLLOUT),
            (self._process.stdout, POLLIN),
            (self._process.stderr, POLLIN),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._poll.register(pipe.fileno(), events)

    def read(self, idle_timeout_s: float) -> bytes:
        """The next octets of its output, b"" at the end. Feeds it meanwhile.

        Raises ScriptTimeoutError when nothing moves for `idle_timeout_s` or the deadline comes; OSError when
        the request's body cannot be read.
        """
        while not self._ended:
            ready = self._wait(min(self._deadline, monotonic() + idle_timeout_s))
            if (errors := self._process.stderr) is not None and ready.get(errors.fileno()):
                self._read_errors(errors)
            if (sink := self._process.stdin) is not None and not sink.closed and ready.get(sink.fileno()):
                self._feed(sink)
            output = self._process.stdout
            assert output is not None
            if ready.get(output.fileno()):
                block = os.read(output.fileno(), BLOCK_BYTES)
                self._ended = not block
                return block
        return b""

    def _wait(self, deadline: float) -> dict[int, int]:
        while (left_s := deadline - monotonic()) > 0:
            if ready := self._poll.poll(min(left_s, LOOK_S) * 1000):
                return dict(ready)
            if self._client_gone is not None and self._client_gone():
                raise ConnectionAbortedError("the client has left")
        raise ScriptTimeoutError(f"{self.name} took too long")

    def _feed(self, sink: IO[bytes]) -> None:
        """Write as much of the body as the pipe takes; close it behind the last octet."""
        try:
            if not self._unsent and self._left:
                block = self._source.read(min(self._left, BLOCK_BYTES))
                if not block:
                    raise ConnectionAbortedError("the body of the request ended before its CONTENT_LENGTH")
                self._left -= len(block)
                self._unsent = memoryview(block)
            if self._unsent:
                self._unsent = self._unsent[os.write(sink.fileno(), self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want the rest
            self._unsent, self._left = memoryview(b""), 0
        if not self._unsent and not self._left:
            self._poll.unregister(sink.fileno())
            sink.close()

    def _read_errors(self, errors: IO[bytes]) -> None:
        block = os.read(errors.fileno(), BLOCK_BYTES)
        if block:
            self._errors.take(block)
        else:
            self._poll.unregister(errors.fileno())
            errors.close()
            self._process.stderr = None

    def close(self) -> None:
        """The end: a program that has written everything gets a moment to exit, any other is ended with its
        group. May be called twice."""
        if self._process.returncode is not None:
            return
        patient = self._ended and monotonic() < self._deadline
        pidfd = os.pidfd_open(self._process.pid)
        try:
            if not (patient and _exited(pidfd, GRACE_S)):
                self._end_group(pidfd)
        finally:
            os.close(pidfd)
        code = self._process.wait()
        self._finish_errors()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if code and patient:
            log.warning("%s ended with %s", self.name, _words(code))

    def _end_group(self, pidfd: int) -> None:
        """Until it is reaped, the number of the program is the number of its group and of nobody else."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
            _exited(pidfd, GRACE_S)
            os.killpg(self._process.pid, signal.SIGKILL)

    def _finish_errors(self) -> None:
        """What stands in the pipe already; a grandchild that holds it open is not waited for."""
        errors = self._process.stderr
        if errors is not None:
            with contextlib.suppress(BlockingIOError):
                while block := os.read(errors.fileno(), BLOCK_BYTES):
                    self._errors.take(block)
        self._errors.finish()


def _exited(pidfd: int, timeout_s: float) -> bool:
    waiting = poll()
    waiting.register(pidfd, POLLIN)
    return bool(waiting.poll(timeout_s * 1000))


def _words(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name


class _ErrorLog:
    """Standard error, line by line, and not without end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = b""
        self._taken = 0

    def take(self, block: bytes) -> None:
        before, self._taken = self._taken, self._taken + len(block)
        if self._taken > ERROR_BYTES_MAX:
            if before <= ERROR_BYTES_MAX:
                log.warning("%s: the rest of its standard error is dropped", self._name)
            return
        *lines, self._held = (self._held + block).split(b"\n")
        for line in lines:
            self._write(line)
        if len(self._held) > ERROR_LINE_BYTES_MAX:
            self.finish()

    def finish(self) -> None:
        if self._held:
            self._write(self._held)
            self._held = b""

    def _write(self, line: bytes) -> None:
        text = line[:ERROR_LINE_BYTES_MAX].decode("utf-8", "backslashreplace")
        # Escape sequences and carriage returns are for terminals, and a log may be read on one.
        shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
        log.warning("%s: %s", self._name, shown)
