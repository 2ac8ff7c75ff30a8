"""Asking an admin listener: what can go wrong, in words; that it works is in test_office.py."""

from __future__ import annotations

import socket
import threading

import pytest

from potstill.observe.asking import AskingError, ask, ask_json, connection


@pytest.mark.parametrize("address", ["nowhere", "http://nowhere", ""])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(AskingError, match="neither HOST:PORT nor unix:/PATH"):
        connection(address)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("http://127.0.0.1:9000", "127.0.0.1", 9000), (":9000", "127.0.0.1", 9000), ("[::1]:9000", "::1", 9000)],
)
def test_addresses_are_those_of_the_start_line_and_those_of_the_option(
    address: str, host: str, port: int
) -> None:
    found = connection(address)
    assert (found.host, found.port) == (host, port)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(AskingError, match="does not answer"):
        ask(address, "/status")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "no admin listener"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "no admin listener"),
    ],
)
def test_somebody_else_is_there(answer: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            client.recv(1000)
            client.sendall(answer)
            client.close()

        other = threading.Thread(target=serve)
        other.start()
        with pytest.raises(AskingError, match=words):
            ask_json(f"127.0.0.1:{server.getsockname()[1]}", "/status")
        other.join()
