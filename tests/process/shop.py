"""An application that says which process answered, and a way to start it with workers."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.process.running import Running, running

SERVES = r"worker \d+ \(pid (\d+)\) serves"

# /held holds the GIL for as long as the query says: PyDLL calls C without letting it go.
SHOP = """
import ctypes, os

def app(environ, start_response):
    if environ["PATH_INFO"] == "/held":
        ctypes.PyDLL(None).usleep(int(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def write(here: Path, source: str = SHOP) -> None:
    (here / "shop.py").write_text(source, encoding="utf-8")


@contextmanager
def serving(here: Path, *options: str, workers: int = 2, **environment: str) -> Iterator[Running]:
    """`potstill shop:app --workers N`, serving on a free port."""
    if not (here / "shop.py").exists():
        write(here)
    arguments = ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", "--workers", str(workers), *options]
    with running(arguments, here, **environment) as server:
        assert server.urls
        try:
            yield server
        finally:
            if server.process.poll() is None:
                assert stopped(server) == 0


def workers_of(server: Running) -> list[int]:
    """The processes that have said that they serve, in the order of their start."""
    return [int(pid[1]) for line in server.log.lines(SERVES) if (pid := re.search(SERVES, line))]


def stopped(server: Running, number: signal.Signals = signal.SIGTERM) -> int:
    """Its exit code after the signal."""
    server.signal(number)
    return server.code()
