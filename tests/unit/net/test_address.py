"""What may stand behind --bind."""

from __future__ import annotations

import pytest

from potstill.net.address import Address, InheritedAddress, TcpAddress, UnixAddress, parse_address

GOOD: list[tuple[str, Address]] = [
    ("127.0.0.1:8000", TcpAddress("127.0.0.1", 8000)),
    ("localhost:0", TcpAddress("localhost", 0)),
    ("shop.example:65535", TcpAddress("shop.example", 65535)),
    (":8000", TcpAddress("", 8000)),
    ("[::1]:8000", TcpAddress("::1", 8000)),
    ("[::]:80", TcpAddress("::", 80)),
    ("[fe80::1%lo]:80", TcpAddress("fe80::1%lo", 80)),
    ("unix:/run/shop.sock", UnixAddress("/run/shop.sock")),
    ("unix:shop.sock", UnixAddress("shop.sock")),
    ("fd://3", InheritedAddress(3)),
]
BAD = [
    ("8000", "lacks a host: write :8000 or 127.0.0.1:8000"),
    ("localhost", "lacks a port: write localhost:8000"),
    ("::1:8000", r"an IPv6 address stands in brackets, like \[::1\]:8000"),
    ("::1", "in brackets"),
    ("[::1]", "in brackets"),
    ("[shop]:80", "'shop' is not an IPv6 address"),
    ("http://localhost:80", "host and port without http://"),
    ("/run/shop.sock", "a path is written unix:/PATH"),
    ("127.0.0.1:", "the port is a number from 0 to 65535, not ''"),
    ("127.0.0.1:http", "not 'http'"),
    ("127.0.0.1:65536", "from 0 to 65535"),
    ("127.0.0.1:-1", "from 0 to 65535"),
    ("127.0.0.1:8_0", "from 0 to 65535"),
    ("127.0.0.1:٣", "from 0 to 65535"),
    ("a b:80", "'a b' is not the name or the address of a host"),
    ("*:80", r"'\*' is not the name"),
    ("unix:", "needs a path"),
    ("unix:/a\0b", "needs a path"),
    ("unix:/" + 107 * "x", "is 108 bytes long; a unix socket has at most 107"),
    ("fd:3", "written fd://NUMBER"),
    ("fd://", "written fd://NUMBER"),
    ("fd://three", "written fd://NUMBER"),
]


@pytest.mark.parametrize(("text", "address"), GOOD)
def test_an_address_is_read_and_written(text: str, address: Address) -> None:
    """The value says in text what it was read from."""
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(("text", "words"), BAD)
def test_what_is_no_address_says_what_to_write(text: str, words: str) -> None:
    """A sentence with the text in it."""
    with pytest.raises(ValueError, match=words):
        parse_address(text)
