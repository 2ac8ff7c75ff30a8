"""The little shop that stands behind all five applications: what it answers, whichever framework asks.

Each `with_<framework>.py` puts this shop behind the same addresses, in the framework's own idiom (its router,
its form parser, its cookies, its error handlers). The scenarios therefore need one table only:

    GET            /                     a page that names the framework
    GET, HEAD      /casks/<int>          {"cask": n}
    PUT, DELETE    /casks/<int>          {"cask": n, "stored": <the JSON sent>}; 204
    OPTIONS        /casks/<int>          Allow
    POST           /casks                201, Location, the JSON sent; every other method 405
    GET            /notes/<text>         {"note": text}, decoded once
    GET            /query                {name: [values]}
    POST           /form                 {name: [values]}, urlencoded
    POST           /upload               {"fields": {name: [values]}, "files": [described]}, multipart
    POST, PUT      /digest               length and digest of the body; the CONTENT_LENGTH it came with
    POST           /empty                200 without a body
    GET            /fields?name=X        {"value": what the framework read in field X}
    GET            /named                a field whose value is latin-1
    GET            /whereami             {"url": as the framework rebuilt it, "script", "path"}
    GET            /large                3 MB in one piece
    GET            /lines/<int>          so many lines, one yield each
    GET            /broken               one line, then an exception
    GET, POST      /gates/<name>         a line, then nothing until somebody POSTs, then a second line
    GET            /endless?phone=port   lines for ever; the phone hangs up when the generator is closed
    GET            /hold?phone=port      calls the test and answers once the test has let go
    GET            /cookies/set, /cookies/read
    GET            /visits               {"visits": n}, counted in a signed cookie
    GET, POST      /redirects/<code>?to=…
    GET            /errors/raised, /errors/exit, /errors/forbidden
    POST           /errors/handled       409 by the framework's own handler for `OutOfStock`
    GET, HEAD      /files/<name>         the framework's own static files

A view that has to wait for the test never sleeps: it telephones the test's switchboard (see `phones.py`) or
stands at a gate that another request opens. Every wait has a bound, so that a lost test leaves no thread
behind.
"""

import hashlib
import socket
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

PATIENCE_S = 10.0
BLOCK_BYTES = 1 << 16

# Every byte value in turn: a shifted, doubled or lost block changes the digest.
LARGE = bytes(range(256)) * (3 * (1 << 20) // 256)
LABEL = b"Potstill, aged twelve years in one process\n"

FILES = {
    "label.txt": LABEL,
    "étiquette.txt": "eau-de-vie à 46 %\n".encode(),
    "large.bin": LARGE,
    "empty.txt": b"",
}

# What must never leave the server when a view raises this.
SECRET = "the vault opens with 4711"

SIGNING_KEY = "only the tests know this key"


class OutOfStockError(Exception):
    """What a view raises, for the framework's registered handler to turn into a 409."""


class Shop:
    """The state of one application process. Any runner thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gates: dict[str, threading.Event] = {}
        self._running = 0
        self._folder = tempfile.TemporaryDirectory(prefix="shop-")
        for name, content in FILES.items():
            Path(self._folder.name, name).write_bytes(content)

    @property
    def files(self) -> str:
        """The directory of the static files; it goes away with the process."""
        return self._folder.name

    def lines(self, count: int) -> Iterator[bytes]:
        for number in range(count):
            yield f"line {number}\n".encode()

    def broken_lines(self) -> Iterator[bytes]:
        yield b"line 0\n"
        raise RuntimeError(SECRET)

    def gated_lines(self, name: str) -> Iterator[bytes]:
        """The second line is made only after `open_gate`: a client that reads the first before opening it has
        proved that the first was not held back.
        """
        yield b"before the gate\n"
        if not self._gate(name).wait(PATIENCE_S):
            raise TimeoutError(f"nobody opened the gate {name}")
        yield b"behind the gate\n"

    def open_gate(self, name: str) -> None:
        self._gate(name).set()

    def _gate(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates.setdefault(name, threading.Event())

    def endless_lines(self, phone: int) -> Iterator[bytes]:
        with _call_home(phone, b"pouring\n"):
            while True:
                yield b"and another dram\n" * 1024

    def hold(self, phone: int) -> dict[str, int]:
        """Occupy this thread until the test lets go; tells the test how many threads are held by now."""
        with self._counted() as running, _call_home(phone, f"{running}\n".encode()) as line:
            line.recv(1)
        return {"running": running}

    @contextmanager
    def _counted(self) -> Iterator[int]:
        with self._lock:
            self._running += 1
            running = self._running
        try:
            yield running
        finally:
            with self._lock:
                self._running -= 1


@contextmanager
def _call_home(port: int, word: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        line.sendall(word)
        yield line


def describe(field: str, filename: str, media_type: str, content: BinaryIO) -> dict[str, Any]:
    """One uploaded file, read in blocks as a real application would."""
    return {"field": field, "filename": filename, "type": media_type, **digest(iter_blocks(content))}


def iter_blocks(content: BinaryIO) -> Iterator[bytes]:
    while block := content.read(BLOCK_BYTES):
        yield block


def digest(blocks: Iterable[bytes]) -> dict[str, Any]:
    summed, length = hashlib.sha256(), 0
    for block in blocks:
        summed.update(block)
        length += len(block)
    return {"length": length, "sha256": summed.hexdigest()}
