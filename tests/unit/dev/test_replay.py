"""Recordings that are read and sent again."""

from __future__ import annotations

import base64
import socket
import threading

import pytest

from potstill.dev.record import Recorded
from potstill.dev.replay import RecordingError, read_recording, replay

REQUEST = Recorded(
    at=0.0,
    method="POST",
    target="/cart?a=1",
    fields=[
        ("Host", "shop.example"),
        ("X-Shop", "a"),
        ("Connection", "keep-alive"),
        ("Content-Length", "99"),
    ],
    body=base64.b64encode(b"hello").decode(),
)


def test_what_is_sent_is_what_was_recorded() -> None:
    """Target, fields and body; what was about the connection is made anew."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                text = b""
                while not text.endswith(b"hello"):
                    text += client.recv(4096)
                heard.append(text)
                client.sendall(b"HTTP/1.1 418 Teapot\r\nContent-Length: 2\r\n\r\nno")

        thread = threading.Thread(target=answer)
        thread.start()
        (outcome,) = replay([REQUEST], f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /cart?a=1 HTTP/1.1",
        b"Host: shop.example",
        b"X-Shop: a",
        b"Content-Length: 5",
        b"Connection: close",
    ]
    assert body == b"hello"
    assert (outcome.status, outcome.size) == (418, 2)
    assert str(outcome).startswith("POST /cart?a=1  418  2 bytes  ")


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (outcome,) = replay([REQUEST], f"http://127.0.0.1:{port}")
    assert "no answer: ConnectionRefusedError" in str(outcome)


@pytest.mark.parametrize("url", ["https://127.0.0.1", "127.0.0.1:8000", "http://"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="is not like"):
        list(replay([REQUEST], url))


def test_a_line_that_is_no_request() -> None:
    with pytest.raises(RecordingError, match="line 2 is no recorded request"):
        read_recording([b"\n", b'{"method": 7}\n'])
