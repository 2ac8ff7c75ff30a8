"""The application of the tests that need a process: `python -m potstill tests.requests.views:app`.

/hold?phone=PORT&…     telephones the test (tests/apps/phones.py) and answers when it is let go
/large?blocks=N        N blocks of 64 KiB, made one by one, each different
/count                 how many octets the body has and their CRC, read in blocks
anything else          hello
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

from tests.apps.phones import Switchboard
from tests.support.engine import Environ, StartResponse, hello, request
from tests.support.wire import WAIT_S, Address, Client

BLOCK_BYTES = 65536
READ_BYTES = 1 << 20


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    query = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    path = environ["PATH_INFO"]
    if path == "/hold":
        wait_on_the_phone(int(query["phone"]))
    elif path == "/large":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return blocks(int(query["blocks"]))
    elif path == "/count":
        return count(environ, start_response)
    return hello(environ, start_response)


def wait_on_the_phone(port: int) -> None:
    """Say one word and wait until the test hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(b"here\n")
        line.recv(1)


def blocks(number: int) -> Iterator[bytes]:
    """Fresh memory for each, so that what a server keeps of them shows."""
    for index in range(number):
        yield index.to_bytes(8, "big") * (BLOCK_BYTES // 8)


def checksum(number: int) -> int:
    """The CRC of so many blocks."""
    value = 0
    for block in blocks(number):
        value = zlib.crc32(block, value)
    return value


def count(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    octets = value = 0
    while block := environ["wsgi.input"].read(READ_BYTES):
        octets += len(block)
        value = zlib.crc32(block, value)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{octets} {value}".encode()]


# The test's side


def hold(board: Switchboard, query: str = "") -> bytes:
    """A request for a view that holds the line to this switchboard."""
    return request(f"/hold?phone={board.port}&{query}")


@contextmanager
def asked(address: Address, raw: bytes, wait_s: float = WAIT_S) -> Iterator[Client]:
    """A client that has sent this and read no answer yet."""
    with Client(address, wait_s) as client:
        client.send(raw)
        yield client
