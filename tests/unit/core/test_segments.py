"""Answers that slow clients do not take: to a file, in order, as far as the disk goes."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from potstill.core.transport import TransportFace
from tests.support.engine import GET, WAIT_S, Environ, Running, StartResponse, engine_on, hello, request
from tests.support.wire import CutError
from tests.unit.core.stage import Log

LARGE = random.Random(5).randbytes(20_000_000)
DIGEST = hashlib.sha256(LARGE).digest()
MEMORY = 100_000
SLOW = request("/large")


# A transport by itself


@contextmanager
def ends() -> Iterator[tuple[TransportFace, socket.socket]]:
    """A transport and its client, whose socket is full."""
    server, client = socket.socketpair()
    server.setblocking(False)
    client.settimeout(WAIT_S)
    transport = TransportFace(server.detach())
    try:
        yield transport, client
    finally:
        transport.close()
        client.close()


def taken(transport: TransportFace, client: socket.socket, size: int) -> bytes:
    """What the client gets, the transport flushing whenever there is room."""
    received = bytearray()
    while len(received) < size:
        transport.flush()
        received += client.recv(size - len(received))
    return bytes(received)


def test_nothing_stays_in_memory(tmp_path: Path) -> None:
    """What was queued is in a file without a name; what comes later is not, until it is moved too."""
    with ends() as (transport, client):
        transport.send(LARGE)
        queued = transport.queued
        assert (transport.held, transport.spooled) == (queued, 0)
        transport.spill(str(tmp_path))
        assert (transport.held, transport.spooled, transport.queued) == (0, queued, queued)
        assert list(tmp_path.iterdir()) == []
        transport.send(b"behind it")
        assert (transport.held, transport.spooled, transport.queued) == (9, queued, queued + 9)
        assert taken(transport, client, len(LARGE) + 9) == LARGE + b"behind it"
        assert (transport.held, transport.spooled, transport.queued) == (0, 0, 0)


def test_everything_stays_in_order(tmp_path: Path) -> None:
    """Small pieces, large ones and the application's files, moved now and then, flushed now and then."""
    chance = random.Random(9)
    path = tmp_path / "file"
    path.write_bytes(LARGE[:1_000_000])
    expected, received = bytearray(), bytearray()
    with ends() as (transport, client), path.open("rb") as file:
        for _ in range(150):
            if chance.random() < 0.2:
                offset, size = chance.randrange(500_000), chance.randrange(1, 400_000)
                before = chance.randbytes(chance.choice((0, 50)))
                transport.send_file(before, file.fileno(), offset, size)
                expected += before + LARGE[offset : offset + size]
            else:
                pieces = [chance.randbytes(chance.choice((0, 1, 500, 16_385, 100_000))) for _ in range(3)]
                transport.send(pieces[1], pieces[0], pieces[2])
                expected += b"".join(pieces)
            if transport.held and chance.random() < 0.3:
                transport.spill(str(tmp_path))
            if chance.random() < 0.3:
                received += client.recv(chance.randrange(1, 300_000))
                transport.flush()
            assert transport.sent + transport.queued == len(expected)
            assert transport.held + transport.spooled <= transport.queued
        received += taken(transport, client, len(expected) - len(received))
        assert received == expected
        assert (transport.held, transport.spooled, transport.queued) == (0, 0, 0)


def test_an_empty_queue_gives_the_file_back(tmp_path: Path) -> None:
    """And a connection that ends does."""
    before = set(os.listdir("/proc/self/fd"))
    with ends() as (transport, client):
        opened = set(os.listdir("/proc/self/fd"))
        for _ in range(3):
            transport.send(LARGE[:3_000_000])
            transport.spill(str(tmp_path))
            assert set(os.listdir("/proc/self/fd")) > opened
            taken(transport, client, 3_000_000)
            assert set(os.listdir("/proc/self/fd")) == opened
        transport.send(LARGE)
        transport.spill(str(tmp_path))
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_place_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with ends() as (transport, _):
        transport.send(LARGE)
        with pytest.raises(OSError, match="absent"):
            transport.spill(str(tmp_path / "absent"))


def test_a_client_that_leaves_is_no_signal(tmp_path: Path) -> None:
    """sendfile(2) into a broken pipe raises SIGPIPE, which would end a process that has not ignored it."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with ends() as (transport, client):
            transport.send(LARGE)
            transport.spill(str(tmp_path))
            client.close()
            transport.flush()
            assert transport.lost
            assert (transport.held, transport.spooled, transport.queued) == (0, 0, 0)
    finally:
        signal.signal(signal.SIGPIPE, before)


# Through an engine


def large(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """20 MB in pieces (/large), in one piece (/large/one), without a length (/large/chunked); else hello."""
    path = environ["PATH_INFO"]
    if not path.startswith("/large"):
        return hello(environ, start_response)
    start_response("200 OK", [] if path == "/large/chunked" else [("Content-Length", str(len(LARGE)))])
    if path == "/large/one":
        return [LARGE]
    return (LARGE[at : at + 50_000] for at in range(0, len(LARGE), 50_000))


@contextmanager
def spooling(spool_dir: Path, **changes: Any) -> Iterator[Running]:
    chosen: dict[str, Any] = {
        "threads": 1,
        "response_memory_bytes": MEMORY,
        "spool_dir": str(spool_dir),
        **changes,
    }
    with engine_on(large, **chosen) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("how", ["", "/one", "/chunked"])
def test_a_slow_client_gets_all_of_it_and_holds_nobody(tmp_path: Path, how: str) -> None:
    """The only runner is free before the client has read a byte; then all arrives, and the next answer."""
    with spooling(tmp_path) as running, running.client() as client:
        client.send(request(f"/large{how}") + GET)
        running.wait(lambda now: now.requests == 1 and now.running == 0)
        assert running.ask() == b"hello\n"
        assert list(tmp_path.iterdir()) == []
        assert hashlib.sha256(client.response().body).digest() == DIGEST
        assert client.response().body == b"hello\n"


@pytest.mark.slow
def test_many_slow_clients_have_a_file_each(tmp_path: Path) -> None:
    with spooling(tmp_path) as running, ExitStack() as stack:
        before = len(os.listdir("/proc/self/fd"))
        clients = [stack.enter_context(running.client()) for _ in range(4)]
        for client in clients:
            client.send(SLOW)
        running.wait(lambda now: now.requests == 4 and now.running == 0)
        for client in clients[:2]:
            assert hashlib.sha256(client.response().body).digest() == DIGEST
        for client in clients:
            client.reset()
        running.wait_idle()
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.slow
def test_beyond_the_spools_limit_the_runner_waits(tmp_path: Path) -> None:
    """It goes on when the client does, and nothing is lost on the way."""
    made: list[int] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", str(len(LARGE)))])
        for at in range(0, len(LARGE), 50_000):
            made.append(at)
            yield LARGE[at : at + 50_000]

    def choose(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return (application if environ["PATH_INFO"] == "/large" else hello)(environ, start_response)

    limits: dict[str, Any] = {
        "response_memory_bytes": MEMORY,
        "response_spool_bytes": 1_000_000,
        "spool_dir": str(tmp_path),
    }
    with engine_on(choose, threads=2, **limits) as running, running.client() as client:
        client.send(SLOW)
        running.wait(lambda now: now.in_application == 1 and len(made) > 20)
        pause = threading.Event()
        stands = -1
        while stands != (stands := len(made)):
            pause.wait(0.1)
        assert stands < 200  # a megabyte in the spool, and what the sockets hold
        assert running.now.in_application == 1
        assert running.ask() == b"hello\n"
        assert hashlib.sha256(client.response().body).digest() == DIGEST
        assert len(made) == 400


@pytest.mark.slow
@pytest.mark.parametrize("how", ["", "/one", "/chunked"])
def test_no_place_for_a_spool(tmp_path: Path, log: Log, how: str) -> None:
    """A directory that has gone: the connection is closed, one line is logged, and all else goes on."""
    place = tmp_path / "spool"
    place.mkdir()
    with spooling(place) as running, running.client() as client:
        place.rmdir()
        client.send(request(f"/large{how}"))
        log.wait_for("cannot spool its response", client.local_address)
        with pytest.raises(CutError):
            client.response()
        running.wait_idle()
        assert running.ask() == b"hello\n"
        assert len(log.texts()) == 1
        place.mkdir()
        with running.client() as later:
            later.send(SLOW)
            running.wait(lambda now: now.requests == 3 and now.running == 0)
            assert hashlib.sha256(later.response().body).digest() == DIGEST


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path, log: Log) -> None:
    """As far as files may go here: what does not fit ends that connection alone, whose client sees it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with spooling(tmp_path) as running, running.client() as client:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
            client.send(SLOW)
            log.wait_for("cannot spool its response", client.local_address)
            with pytest.raises(CutError):
                client.response()
            assert running.ask() == b"hello\n"
            assert len(log.texts()) == 1
            running.wait(lambda now: now.in_application == 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
