"""What an engine costs in bytes, descriptors and wake-ups: measured in a process of its own, for tests.

A process of its own because the allocator has to be told to count: PYTHONMALLOC=malloc sends Python's objects
to the C library's allocator, where those of the core are anyway, and that knows what is in use, to the byte.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.support.engine import (
    GET,
    LAST,
    Environ,
    Running,
    StartResponse,
    engine_on,
    idle,
    request,
    wait_until,
)

ROOT = Path(__file__).resolve().parents[3]
# One arena and no caches for each thread: what is freed is not in use.
COUNTING = {
    "PYTHONMALLOC": "malloc",
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
}
LARGE = bytes(2_000_000)
# More than the core keeps of anything to use it again.
AT_A_TIME = 64


# The members of struct mallinfo2, all of them size_t (mallinfo(3)).
MALLINFO2 = [
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
]


class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in MALLINFO2]


def allocated() -> int:
    """Bytes in use, as the C library's allocator counts them; 0 where another one is in its place."""
    gc.collect()
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = MallInfo
    now = library.mallinfo2()
    return int(now.uordblks + now.hblkhd)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def measured(script: str, *arguments: str) -> dict[str, float]:
    """Run a script that prints what it found as JSON, with an allocator that counts."""
    told = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={**os.environ, **COUNTING},
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert told.returncode == 0, told.stderr
    found: dict[str, float] = json.loads(told.stdout)
    return found


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Every way of answering, chosen by the path."""
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise ValueError("before")
    if path == "/wrong":
        start_response("200 OK", [("Bad name", "")])
    write = start_response("200 OK", [("X-Path", path), ("Content-Type", "text/plain")])
    if path == "/write":
        write(b"written")
    if path == "/echo":
        return [environ["wsgi.input"].read()]
    if path == "/lines":
        return list(environ["wsgi.input"])
    if path.startswith("/file"):
        file = tempfile.TemporaryFile()  # noqa: SIM115
        file.write(LARGE if path == "/file/large" else LARGE[:1000])
        file.seek(0)
        return environ["wsgi.file_wrapper"](file)  # type: ignore[no-any-return]
    if path.startswith("/stream"):
        return stream(path)
    if path == "/cycle":
        environ["start_response"], environ["environ"] = start_response, environ
    return [LARGE] if path == "/large" else [b"hello"]


def stream(path: str) -> Iterable[bytes]:
    yield b"hello"
    yield LARGE[:100_000]
    if path == "/stream/raise":
        raise ValueError("after")
    yield b"end"


# What is sent, and after how many octets of the answer the client leaves (None: it reads to the end).
KINDS: dict[str, tuple[bytes, int | None]] = {
    "kept": (GET * 5 + LAST, None),
    "old": (request(version="1.0"), None),
    "head": (request("/stream", "Connection: close", method="HEAD"), None),
    "post": (request("/echo", "Connection: close", method="POST", body=LARGE[:50_000]), None),
    "spooled": (request("/lines", "Connection: close", method="POST", body=LARGE[:200_000]), None),
    "chunked": (
        request("/echo", "Connection: close", "Transfer-Encoding: chunked", method="PATCH")
        + b"5\r\nhello\r\n3;x=y\r\nend\r\n0\r\nX: y\r\n\r\n",
        None,
    ),
    "many fields": (request("/", "Connection: close", *(f"X-{n}: {n}" for n in range(90))), None),
    "write": (request("/write", "Connection: close"), None),
    "stream": (request("/stream", "Connection: close"), None),
    "large": (request("/large", "Connection: close"), None),
    "file": (request("/file/small", "Connection: close"), None),
    "large file": (request("/file/large", "Connection: close"), None),
    "cycle": (request("/cycle", "Connection: close"), None),
    "exception": (request("/raise"), None),
    "exception in the middle": (request("/stream/raise"), None),
    "wrong field": (request("/wrong"), None),
    "refused": (b"nonsense\r\n\r\n", None),
    "refused body": (request("/", "Transfer-Encoding: chunked", method="PATCH") + b"xyz\r\n", None),
    "half a head": (GET[:20], 0),
    "half a body": (request("/", method="POST", body=bytes(1000))[:-5], 0),
    "half a spooled body": (request("/", method="POST", body=LARGE[:200_000])[:-5], 0),
    "half a chunk": (request("/", "Transfer-Encoding: chunked", method="PATCH") + b"5\r\nhel", 0),
    "gone": (request("/large") + GET, 1000),
    "gone from a file": (request("/file/large") + GET, 1000),
    "gone from a stream": (request("/stream") + GET, 1000),
}


def ask(running: Running, raw: bytes, leave_after: int | None) -> None:
    with running.client().socket as client:
        client.sendall(raw)
        with suppress(ConnectionResetError):
            if leave_after is None:
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 20):
                    pass
            elif leave_after:
                client.recv(leave_after)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def bytes_for_each_request(rounds: int) -> dict[str, float]:
    """For every kind, how much more memory is in use after so many of its requests, divided by their number.

    As many come before, to fill Python's own free lists; and those of the core are filled, which some kinds
    draw upon.

    The key "descriptors" says how many more are open in the end.
    """
    logging.getLogger("potstill").disabled = True
    found = {}
    with engine_on(application, threads=2, body_memory_bytes=100_000) as running:
        open_before = descriptors()
        for kind, (raw, leave_after) in KINDS.items():
            repeat(lambda raw=raw, after=leave_after: ask(running, raw, after), running, rounds)  # type: ignore[misc]
            fill(running)
            before = allocated()
            repeat(lambda raw=raw, after=leave_after: ask(running, raw, after), running, rounds)  # type: ignore[misc]
            found[kind] = (allocated() - before) / rounds
        found["descriptors"] = descriptors() - open_before
    return found


def fill(running: Running) -> None:
    """Have more requests open at a time than the core keeps objects for to use them again."""
    with ExitStack() as stack:
        for _ in range(AT_A_TIME):
            stack.enter_context(running.client()).send(KINDS["half a body"][0])
        running.wait(lambda now: now.connections == AT_A_TIME and idle(now))
    running.wait_idle()


def repeat(act: Callable[[], None], running: Running, rounds: int) -> None:
    """Act so often, each time by one connection; in the end all of them have come and gone."""
    running.wait_idle()
    accepted = running.now.accepted + rounds
    for _ in range(rounds):
        act()
    running.wait(lambda now: now.accepted == accepted)
    running.wait_idle()


def bytes_for_each_engine(rounds: int) -> dict[str, float]:
    """How much a whole life of an engine leaves behind: bytes and descriptors."""

    def live() -> None:
        with engine_on(application, threads=3) as running:
            ask(running, GET * 2 + LAST, None)
            with running.client() as client:
                client.send(GET[:20])
                running.wait(lambda now: now.connections == 1)

    for _ in range(20):
        live()
    before, open_before = allocated(), descriptors()
    for _ in range(rounds):
        live()
    return {"bytes": (allocated() - before) / rounds, "descriptors": descriptors() - open_before}


def bytes_for_each_connection(count: int) -> dict[str, float]:
    """What a connection holds that has sent half of a head, and what it holds when it is idle after its
    answer.
    """
    found = {}
    with engine_on(application, threads=2) as running:
        for _ in range(2):  # the second time counts: the slots have been made, the free lists are full
            before, received_before = allocated(), running.now.octets_received
            # Bare descriptors: the client's socket objects would be measured as well.
            clients = [running.client().socket.detach() for _ in range(count)]
            for client in clients:
                os.set_blocking(client, True)
                os.write(client, GET[:20])
            halves = received_before + 20 * count
            running.wait(lambda now, halves=halves: now.octets_received == halves and idle(now))  # type: ignore[misc]
            found["half"] = (allocated() - before) / count
            for client in clients:
                os.write(client, GET[20:])
            for client in clients:
                received = b""
                while not received.endswith(b"hello"):
                    received += os.read(client, 1000)
            running.wait_idle(count)
            found["idle"] = (allocated() - before) / count
            for client in clients:
                os.close(client)
            running.wait_idle()
    return found


def switches() -> dict[str, list[int]]:
    """How often each thread but the main one has gone to sleep, or was made to: who wakes up does either."""
    counted = {}
    for task in os.listdir("/proc/self/task"):
        lines = dict(
            line.split(":", 1) for line in Path(f"/proc/self/task/{task}/status").read_text().splitlines()
        )
        if int(task) != os.getpid():
            counted[task] = [int(lines[f"{kind}_ctxt_switches"]) for kind in ("voluntary", "nonvoluntary")]
    return counted


def wake_ups_when_idle(seconds: float) -> dict[str, float]:
    """How many threads an engine with idle connections and one half head has, and how many of them ever woke
    up.
    """
    with engine_on(application, threads=4) as running:
        clients = [running.client() for _ in range(20)]
        for client in clients:
            client.send(GET * 20)
            for _ in range(20):
                client.response()
        clients[0].send(GET[:10])
        running.wait_idle(20)
        pause = threading.Event()
        # The watch lingers for some milliseconds after the last exchange.
        wait_until(lambda: switches() == (pause.wait(0.1), switches())[1], "the engine comes to rest")
        before = switches()
        pause.wait(seconds)
        after = switches()
        for client in clients:
            client.close()
    return {"threads": len(before), "woken": sum(after[task] != count for task, count in before.items())}
