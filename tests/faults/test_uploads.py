"""Three hundred megabytes in chunks: the memory stays where it was."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.requests.process import MIB, memory_peak, reset_peak
from tests.support.engine import WAIT_S, request
from tests.support.server import serve_process
from tests.support.wire import Client

pytestmark = pytest.mark.slow

APP = "tests.requests.views:app"
SIZE = 300 * MIB
# The body's own memory (1 MiB by default), what the view reads at a time (1 MiB), and some air.
GROWTH_MAX = 16 * MIB
CHUNK = bytes(range(256)) * 256


def send_chunks(client: Client, size: int) -> None:
    """So many octets in chunks of two sizes, neither a divisor of the other."""
    left = size
    turn = 0
    while left:
        block = CHUNK[: min(left, len(CHUNK) if turn % 7 else 4097)]
        client.send(b"%x\r\n%b\r\n" % (len(block), block))
        left -= len(block)
        turn += 1
    client.send(b"0\r\n\r\n")


@pytest.mark.parametrize("buffering", ["on", "off"])
def test_a_chunked_upload_of_300_mb_keeps_memory_flat(buffering: str, tmp_path: Path) -> None:
    """By way of a file when it is buffered, by way of nothing when it is not; every octet arrives."""
    options = ("--request-buffering", buffering, "--spool-dir", str(tmp_path))
    with serve_process(APP, "--threads", "2", *options) as server:
        before = reset_peak(server)
        with Client(server.address, WAIT_S) as client:
            client.send(request("/count", "Transfer-Encoding: chunked", method="PATCH"))
            send_chunks(client, SIZE)
            octets, crc = client.response().body.split()
        assert (int(octets), int(crc)) == (SIZE, expected_crc(SIZE))
        assert memory_peak(server) - before < GROWTH_MAX
        assert list(tmp_path.iterdir()) == []


def expected_crc(size: int) -> int:
    value, left, turn = 0, size, 0
    while left:
        block = CHUNK[: min(left, len(CHUNK) if turn % 7 else 4097)]
        value = zlib.crc32(block, value)
        left -= len(block)
        turn += 1
    return value


def test_a_declared_chunk_allocates_nothing() -> None:
    """Two hundred clients announce a chunk of half a gigabyte each and send one byte of it."""
    with serve_process(APP) as server:
        before = reset_peak(server)
        clients = [Client(server.address, WAIT_S) for _ in range(200)]
        for client in clients:
            client.send(request("/count", "Transfer-Encoding: chunked", method="PATCH") + b"20000000\r\nx")
        with Client(server.address, WAIT_S) as other:
            other.send(request())
            assert other.response().body == b"hello\n"
        assert memory_peak(server) - before < GROWTH_MAX
        for client in clients:
            client.close()
