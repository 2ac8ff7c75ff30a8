"""--response-spool bounds the disk, not only what is still to be sent; a spool that fails leaves no ruins."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.engine import GET, Environ, StartResponse, engine_on, request
from tests.support.wire import CutError

PART, PARTS = bytes(range(250)) * 400, 600
MIB = 1 << 20


def stream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", str(len(PART) * PARTS))])
    for _ in range(PARTS):
        yield PART


def octets_on_disk(directory: Path) -> int:
    """Of all unlinked files of that directory that this process has open, each counted once."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{number}").startswith(f"{directory}/"):
                facts = os.stat(f"/proc/self/fd/{number}")
                if stat.S_ISREG(facts.st_mode):
                    found[facts.st_ino] = facts.st_size
    return sum(found.values())


@pytest.mark.slow
def test_the_spool_bounds_the_disk(tmp_path: Path) -> None:
    """A client that reads all the time, but slower than the application writes, never empties the queue:
    60 MB go through a spool of 4 MiB. What was sent leaves the disk, late by a quarter of the limit.
    """
    limit = 4 * MIB
    with engine_on(
        stream, response_memory_bytes=256 * 1024, response_spool_bytes=limit, spool_dir=str(tmp_path)
    ) as running:
        with running.client() as client:
            client.send(GET)
            received, most = bytearray(), 0
            while len(received) < len(PART) * PARTS:
                received += client.socket.recv(65536)
                most = max(most, octets_on_disk(tmp_path))
            head, _, body = received.partition(b"\r\n\r\n")
            while len(body) < len(PART) * PARTS:
                body += client.socket.recv(65536)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert bytes(body) == PART * PARTS
    assert most > limit / 2, "it was spooled at all"
    assert most <= limit + limit // 4 + MIB
    assert octets_on_disk(tmp_path) == 0


def test_a_spool_that_cannot_be_made_loses_the_client_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever comes out of it, here no OSError: the answer is cut, its memory free, the engine goes on."""

    def fails(**_: object) -> object:
        raise MemoryError("no room for a file")

    monkeypatch.setattr(tempfile, "TemporaryFile", fails)

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/stream":
            return stream(environ, start_response)
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]

    with engine_on(app, threads=1, response_memory_bytes=65536, response_spool_bytes=MIB) as running:
        with running.client() as client:
            client.send(request("/stream"))
            running.wait(lambda now: now.in_application == 0 and now.failures == 1)
            with pytest.raises((CutError, ConnectionError)):
                client.response()
        assert running.ask() == b"hello"
        running.wait_idle()
