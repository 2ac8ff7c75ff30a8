"""Slow clients beside the load: do they cost the others anything?

A third drips the head of its request, a third the body, byte by byte; a third asks for 20 MB and reads none
of it. One whom the server gives up is replaced by another, so that as many are there at the end as at the
beginning. They live in one thread of the harness, on the core of the load generator.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator

from bench.launch import HOST

# Each sends a byte at every beat: too slow for any use, too quick for most timeouts.
BEAT_S = 0.5
CONNECT_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 30.0
# What little of an answer the kernel takes for a client that does not read.
RECEIVE_BUFFER_BYTES = 8192

_HEAD = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: "
_BODY = f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\n"
_LARGE = f"GET /large HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
# What each kind says first, and what at every beat.
KINDS = ((_HEAD.encode(), b"x"), (_BODY.encode(), b"x"), (_LARGE.encode(), b""))


class SlowClient:
    """One of them, who comes again when he is turned away."""

    def __init__(self, port: int, first: bytes, then: bytes) -> None:
        self._port = port
        self._first = first
        self._then = then
        self._socket: socket.socket | None = None

    def beat(self) -> None:
        """Say a little more; connect first where there is no connection."""
        try:
            if self._socket is None:
                self._connect()
            elif self._then:
                self._socket.send(self._then)
        except BlockingIOError:
            pass  # the server takes nothing at the moment: slow as well
        except OSError:
            self.leave()

    def leave(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        client.settimeout(CONNECT_TIMEOUT_S)
        client.connect((HOST, self._port))
        client.sendall(self._first)
        client.setblocking(False)
        self._socket = client


@contextlib.contextmanager
def slow_clients(port: int, count: int) -> Iterator[None]:
    """So many are attached while the block runs; each has said its first words before it begins."""
    if not count:
        yield
        return
    kinds = itertools.islice(itertools.cycle(KINDS), count)
    clients = [SlowClient(port, first, then) for first, then in kinds]
    over = threading.Event()
    attached = threading.Event()

    def drip() -> None:
        while True:
            for client in clients:
                client.beat()
            attached.set()
            if over.wait(BEAT_S):
                break
        for client in clients:
            client.leave()

    thread = threading.Thread(target=drip, name="slow-clients", daemon=True)
    thread.start()
    try:
        attached.wait(STOP_TIMEOUT_S)
        yield
    finally:
        over.set()
        thread.join(STOP_TIMEOUT_S)
