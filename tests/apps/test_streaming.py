"""A generator is not held back from its client, nor left hanging when the client goes."""

import http.client
import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from tests.apps.clients import (
    PATIENCE_S,
    Address,
    Request,
    StrictClient,
    by_http_client,
    curl_command,
    url,
    urllib3_pool,
)
from tests.apps.phones import Switchboard

FIRST, SECOND = b"before the gate\n", b"behind the gate\n"


def read_by_http_client(address: Address, target: str) -> Iterator[bytes]:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.request("GET", target)
    yield from connection.getresponse()
    connection.close()


def read_by_urllib3(address: Address, target: str) -> Iterator[bytes]:
    with urllib3_pool(address) as pool:
        yield from pool.request("GET", target, preload_content=False).read_chunked()


def read_by_h11(address: Address, target: str) -> Iterator[bytes]:
    with StrictClient(address) as client:
        client.send_head("GET", target)
        client.send_body([])
        client.receive_head()
        yield from client.receive_body()


def read_by_curl(address: Address, target: str) -> Iterator[bytes]:
    """curl's own --max-time bounds the wait."""
    command = curl_command("--no-buffer", url(address, target))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        yield from curl.stdout


def read_by_http_1_0(address: Address, target: str) -> Iterator[bytes]:
    """Without chunks the first piece must not wait either."""
    with socket.create_connection(address, timeout=PATIENCE_S) as client:
        client.sendall(f"GET {target} HTTP/1.0\r\nHost: shop\r\n\r\n".encode())
        lines = client.makefile("rb")
        while lines.readline() != b"\r\n":
            pass
        yield from lines


READERS = {
    "http.client": read_by_http_client,
    "urllib3": read_by_urllib3,
    "h11": read_by_h11,
    "curl": read_by_curl,
    "HTTP-1.0": read_by_http_1_0,
}


@pytest.mark.parametrize("reader", READERS)
def test_the_first_piece_arrives_before_the_second_is_made(address: Address, reader: str) -> None:
    """The generator waits at a gate that only this client's second request opens, and that is sent only after
    the first piece has been read: a server that held it back would never be asked for it."""
    gate = f"/gates/{reader}"
    pieces = READERS[reader](address, gate)
    assert next(pieces) == FIRST
    assert by_http_client(address, Request("POST", gate, body=b"")).body == b"open"
    assert list(pieces) == [SECOND]


@pytest.mark.parametrize("bare", ["", "Without-Validator: 1\r\n"], ids=["validated", "bare"])
@pytest.mark.parametrize("reset", [False, True], ids=["closing", "resetting"])
def test_a_generator_is_closed_when_its_client_leaves(address: Address, bare: str, reset: bool) -> None:
    """The generator holds the phone until `close()` reaches it; nothing else would make it hang up."""
    with Switchboard() as board, socket.create_connection(address, timeout=PATIENCE_S) as client:
        client.sendall(f"GET /endless?phone={board.port} HTTP/1.1\r\nHost: shop\r\n{bare}\r\n".encode())
        call = board.answer()
        assert client.recv(12) == b"HTTP/1.1 200"
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        call.wait_hung_up()


def test_a_generator_is_closed_when_a_client_leaves_that_never_read(address: Address) -> None:
    """The buffers are full and the runner may be waiting for this client: it must be told."""
    with Switchboard() as board, socket.create_connection(address, timeout=PATIENCE_S) as client:
        client.sendall(f"GET /endless?phone={board.port} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        call = board.answer()
        client.close()
        call.wait_hung_up()


def test_endless_streams_side_by_side_do_not_stop_a_third_client(address: Address) -> None:
    with Switchboard() as board:
        streams = [StrictClient(address) for _ in range(3)]
        for stream in streams:
            stream.send_head("GET", f"/endless?phone={board.port}")
            stream.send_body([])
        calls = [board.answer() for _ in streams]
        for stream in streams:
            stream.receive_head()
            assert next(stream.receive_body())
        assert by_http_client(address, Request("GET", "/casks/7")).json() == {"cask": 7}
        for stream in streams:
            stream.sock.close()
        for call in calls:
            call.wait_hung_up()
