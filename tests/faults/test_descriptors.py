"""Sixty-four descriptors for a hundred clients: accepting fails, nothing spins, the service comes back."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.requests.process import cpu_used_in, leave_descriptors, limit, open_files
from tests.support.engine import WAIT_S, request, wait_until
from tests.support.server import Server, serve_process
from tests.support.wire import Client

pytestmark = pytest.mark.slow

APP = "tests.requests.views:app"
DESCRIPTORS = 64
CLIENTS = 100
# A server that asks its kernel again and again uses a whole core, or two.
CPU_SHARE_MAX = 0.1


@contextmanager
def exhausted() -> Iterator[tuple[Server, list[Client]]]:
    """A server without a descriptor left, and its clients, each of which has asked; half have an answer.

    --max-connections is out of the way: by itself the server would stop accepting in time.
    """
    with serve_process(APP, "--threads", "2", "--max-connections", "10000") as server:
        limit(server, resource.RLIMIT_NOFILE, DESCRIPTORS)
        clients = [Client(server.address, WAIT_S) for _ in range(CLIENTS)]
        for client in clients:
            client.send(request())
        wait_until(lambda: len(open_files(server)) == DESCRIPTORS, "all descriptors are taken")
        yield server, clients
        for client in clients:
            client.close()


def answered(clients: list[Client]) -> None:
    for client in clients:
        assert client.response().body == b"hello\n"


def test_out_of_descriptors_nothing_spins_and_the_service_comes_back() -> None:
    """granian, waitress (measured): 100 or 200 % of a core. Here: next to nothing, one line, nobody lost."""
    with exhausted() as (server, clients):
        inside = len([name for name in open_files(server) if name.startswith("socket:")]) - 2
        served = clients[: inside - 10]
        answered(served)
        assert cpu_used_in(server, 1.0) < CPU_SHARE_MAX
        for client in served:
            client.send(request())
        answered(served)
        for client in clients[:60]:
            client.close()
        answered(clients[inside + 10 :])
        assert len(server.log.lines("(?i)too many open files")) == 1, server.log.tail()
        assert server.log.lines("Traceback") == []


def test_who_waits_for_a_descriptor_is_served_as_others_leave() -> None:
    """One by one, in the order in which they came, and new ones behind them."""
    with exhausted() as (server, clients):
        for client in clients:
            assert client.response().body == b"hello\n"
            client.close()
        with Client(server.address, WAIT_S) as another:
            another.send(request())
            assert another.response().body == b"hello\n"


def test_a_body_that_finds_no_descriptor_for_its_file_is_refused() -> None:
    """507, or 503; the server goes on."""
    with serve_process(
        APP, "--threads", "2", "--max-connections", "10000", "--body-memory", "64KiB"
    ) as server:
        upload = request("/count", method="POST", body=bytes(500_000))
        with Client(server.address, WAIT_S) as client:
            client.send(upload[:-1])
            wait_until(lambda: any("(deleted)" in name for name in open_files(server)), "its body has a file")
            leave_descriptors(server, 1)  # for the connection, not for the file
            with Client(server.address, WAIT_S) as other:
                with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was whole
                    other.socket.sendall(upload)
                assert other.response().status in (503, 507)
            client.send(upload[-1:])
            assert client.response().body.startswith(b"500000 ")
            client.send(request())
            assert client.response().body == b"hello\n"
