"""A project that is being developed: its files, and `potstill --dev` serving it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.process.running import Running, running
from tests.support.server import ROOT

APP = """
from prices import PRICE

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(PRICE).encode()]
"""
# From a save to the new answer. The promise is half a second beside the import; a test may run on a machine
# that is busy with others.
ANSWERED_S = 10.0
COMMAND_S = 30


@contextmanager
def desk(here: Path, *options: str, app: str = "shop:app", **environment: str) -> Iterator[Running]:
    """The server, when it has said that it serves; ended by SIGTERM, with exit code 0."""
    if not (here / "shop.py").exists():
        write(here, "shop.py", APP)
        write(here, "prices.py", "PRICE = 0\n")
    command = ["-m", "potstill", "--dev", *([app] if app else []), "--bind", "127.0.0.1:0", *options]
    environment.setdefault("PYTHONDONTWRITEBYTECODE", "")  # compiled files are part of what may go wrong
    with running(command, here, **environment) as server:
        assert server.urls
        yield server
        assert server.stop() == 0, server.log.tail()


def potstill(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end in the directory."""
    return subprocess.run(
        [sys.executable, "-m", "potstill", *arguments],
        cwd=here,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


def write(here: Path, name: str, text: str) -> None:
    (here / name).write_text(text, encoding="utf-8")


def ask(address: tuple[str, int], path: str = "/", *fields: str) -> tuple[int, bytes]:
    """Status and body, on a connection of its own; any error of the connection is raised."""
    lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{address[1]}", "Connection: close", *fields]
    with socket.create_connection(address, timeout=ANSWERED_S) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    assert found, head
    if b"transfer-encoding: chunked" in head.lower():
        body = unchunked(body)
    return int(found[1]), body


def unchunked(body: bytes) -> bytes:
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return whole
        whole, body = whole + body[:length], body[length + 2 :]


def wait_for_answer(server: Running, words: bytes, path: str = "/", *fields: str) -> float:
    """Ask until the body has these words; how many seconds that took."""
    began = monotonic()
    while monotonic() - began < ANSWERED_S:
        _, body = ask(server.address, path, *fields)
        if words in body:
            return monotonic() - began
    raise AssertionError(f"{body!r} instead of {words!r}\n{server.log.tail()}")
