"""Many connections, each idle after one request: what does the server keep for each?

The memory is the growth of the resident set of all server processes from a warm server without connections
to one that holds all of them, divided by their number. Kernel memory is not in it: it is the same for
every server.
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import time
from collections.abc import Iterator

from bench.launch import HOST
from bench.process import KIB, Running

ANSWER_TIMEOUT_S = 5.0
# Long enough for the last request's buffers to be given back, short enough for the shortest keep-alive.
SETTLE_S = 1.0
GATHER_TIMEOUT_S = 60.0
HANDFUL = 100
# Descriptors the harness needs for itself.
DESCRIPTORS_SPARE = 200


def measure_crowd(running: Running, connections: int) -> dict[str, float]:
    """`held` connections and, for each of them, `idle_bytes`."""
    allow_descriptors(connections + DESCRIPTORS_SPARE)
    time.sleep(SETTLE_S)
    before = running.memory()
    with contextlib.ExitStack() as stack:
        clients: list[socket.socket] = []
        # A server that accepts no more ends the gathering; how many it holds is then the answer.
        with contextlib.suppress(OSError):
            clients.extend(stack.enter_context(client) for client in gather(running.port, connections))
        time.sleep(SETTLE_S)
        after = running.memory()
        held = len(clients) - _closed(clients)
    return {"held": held, "idle_bytes": (after.rss_bytes - before.rss_bytes) / max(held, 1)}


def allow_descriptors(wanted: int) -> None:
    """Raises this process's limit, which the servers inherit, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted and (hard == resource.RLIM_INFINITY or hard >= wanted):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def gather(port: int, connections: int, at_once: int = HANDFUL) -> Iterator[socket.socket]:
    """Connections that were answered once. In handfuls: some servers look at all they hold each time."""
    request = f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode()
    deadline = time.monotonic() + GATHER_TIMEOUT_S
    for begin in range(0, connections, at_once):
        handful: list[socket.socket] = []
        for _ in range(min(at_once, connections - begin)):
            client = socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S)
            client.sendall(request)
            handful.append(client)
        for client in handful:
            _read_answer(client)
            yield client
        if time.monotonic() > deadline:
            raise TimeoutError("gathering takes too long")


def _read_answer(client: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"Hello, World!"):
        piece = client.recv(KIB)
        if not piece:
            raise ConnectionResetError("closed instead of an answer")
        answer += piece


def _closed(clients: list[socket.socket]) -> int:
    """How many connections the server has closed: they are readable, with nothing in them."""
    poller = select.poll()
    for client in clients:
        poller.register(client, select.POLLIN)
    return len(poller.poll(0))
