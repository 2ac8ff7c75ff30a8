"""Views that block and compute, and clients that wait for them: for the tests of the engine's scheduling."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack

from tests.support.engine import Environ, Gate, Running, StartResponse, hello, request
from tests.support.wire import Client

BLOCK = request("/block")


class Views:
    """/block waits at the gate, /spin computes, all else says hello; the order of entry is remembered."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.order: list[str] = []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.order.append(path)
        if path == "/block":
            self.gate.pass_through()
        elif path == "/spin":
            end = time.thread_time() + 0.005
            while time.thread_time() < end:
                pass
        return hello(environ, start_response)


def block(running: Running, views: Views, stack: ExitStack, count: int) -> list[Client]:
    """So many clients whose view is blocked."""
    before = views.gate.entered
    clients = [stack.enter_context(running.client()) for _ in range(count)]
    for client in clients:
        client.send(BLOCK)
    views.gate.wait_entered(before + count)
    return clients


def answered(*clients: Client) -> None:
    for client in clients:
        assert client.response().body == b"hello\n"
