"""A real process of the command, or of a program that uses the library, and a view on it from outside."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import LOG_S, ROOT, START_S, STOP_S, Log

STARTED = r" on (\S.*) \((?:\d+ workers?, )?\d+ threads?(?: each)?, pid \d+\); Ctrl\+C stops it$"


class Running:
    """A process with its log. Its port is in the start line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        self.process = process
        self.log = Log(process.stderr)

    @property
    def urls(self) -> list[str]:
        """Where it listens, once it has said so."""
        found = re.search(STARTED, self.log.wait_for(STARTED, START_S))
        assert found is not None
        return found[1].split(", ")

    @property
    def address(self) -> tuple[str, int]:
        """Of its first TCP listener."""
        found = next(re.fullmatch(r"https?://(.+):(\d+)", url) for url in self.urls)
        assert found is not None
        return found[1].strip("[]"), int(found[2])

    def client(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=LOG_S)

    def get(self, path: str = "/") -> bytes:
        """The body of an answer, on a connection of its own."""
        client = self.client()
        client.request("GET", path, headers={"Connection": "close"})
        answer = client.getresponse()
        body = answer.read()
        client.close()
        assert answer.status == 200, (answer.status, self.log.tail())
        return body

    def asked(self, path: str) -> socket.socket:
        """A connection that has asked and whose answer is to come."""
        client = socket.create_connection(self.address, timeout=STOP_S)
        client.sendall(b"GET %s HTTP/1.1\r\nHost: here\r\n\r\n" % path.encode())
        return client

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def code(self, timeout_s: float = STOP_S) -> int:
        """The exit code, when it has ended by itself; the log is complete then."""
        code = self.process.wait(timeout_s)
        self.log.join()
        return code

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.code()


@contextmanager
def running(
    arguments: Sequence[str], directory: Path, *, pass_fds: Sequence[int] = (), **environment: str
) -> Iterator[Running]:
    """`python ARGUMENTS` in the directory; killed at the end of the block if it is still there."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("POTSTILL_", "PORT"))}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=directory,
        env={**inherited, "PYTHONPATH": os.pathsep.join(paths), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
    )
    with process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()


def answered(client: socket.socket) -> bytes:
    """All that still comes, until the server closes."""
    with client:
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)
