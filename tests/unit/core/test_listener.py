"""What a listener gives to its requests, and how its clients are named."""

from __future__ import annotations

import io
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from potstill.core.file_wrapper import FileWrapper
from potstill.core.listener import Listener, environ_of, peer
from tests.support.engine import GET, listen, options

IN = struct.Struct("=H2s4s")  # sockaddr_in: family, port, address
IN6 = struct.Struct("=H2sI16s")  # sockaddr_in6: family, port, flow, address


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listen() as sock:
        yield Listener(sock, options())


def storage(start: bytes) -> bytes:
    return start.ljust(128, b"\0")


def by_ipv4(address: str, port: int) -> bytes:
    return storage(
        IN.pack(socket.AF_INET, port.to_bytes(2, "big"), socket.inet_pton(socket.AF_INET, address))
    )


def by_ipv6(address: str, port: int) -> bytes:
    return storage(
        IN6.pack(socket.AF_INET6, port.to_bytes(2, "big"), 0, socket.inet_pton(socket.AF_INET6, address))
    )


@pytest.mark.parametrize(
    ("address", "port"), [("127.0.0.1", 1), ("255.255.255.255", 65535), ("10.0.0.1", 8080)]
)
def test_a_client_by_ipv4(listener: Listener, address: str, port: int) -> None:
    assert peer(listener, by_ipv4(address, port)) == (address, str(port))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("::1", "::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1", "fe80::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:0:0", "0.0.0.0"),
        ("::fffe:1:2", "::fffe:1:2"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
    ],
)
def test_a_client_by_ipv6(listener: Listener, address: str, name: str) -> None:
    """One that came by IPv4 to a socket for both is named by IPv4, so that rules for addresses hold."""
    assert peer(listener, by_ipv6(address, 443)) == (name, "443")


def test_a_client_by_a_unix_socket_has_no_name(listener: Listener) -> None:
    assert peer(listener, storage(struct.pack("=H", socket.AF_UNIX) + b"/path")) == ("", "")


def test_each_client_has_its_own_name_whoever_came_before(listener: Listener) -> None:
    """The same host again, one that differs in an octet, and the same octets by the other family."""
    came = [
        (by_ipv4("10.0.0.1", 1), "10.0.0.1"),
        (by_ipv4("10.0.0.1", 2), "10.0.0.1"),
        (by_ipv4("10.0.0.2", 2), "10.0.0.2"),
        (by_ipv4("11.0.0.2", 2), "11.0.0.2"),
        (by_ipv6("b00:2::", 2), "b00:2::"),
        (by_ipv6("b00:2::1", 2), "b00:2::1"),
        (storage(struct.pack("=H", socket.AF_UNIX)), ""),
        (by_ipv6("b00:2::1", 3), "b00:2::1"),
        (by_ipv4("11.0.0.2", 2), "11.0.0.2"),
    ]
    assert [peer(listener, address)[0] for address, _ in came] == [name for _, name in came]


def test_the_address_of_the_listener() -> None:
    with listen() as listener:
        environ = environ_of(Listener(listener, options()), GET)
        assert environ["SERVER_NAME"] == "127.0.0.1"
        assert environ["SERVER_PORT"] == str(listener.getsockname()[1])


def test_bound_to_all_addresses_the_name_is_the_hosts() -> None:
    """PEP 3333: with SERVER_PORT it has to make a URL."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        assert environ_of(Listener(listener, options()), GET)["SERVER_NAME"] == socket.gethostname()


def test_a_unix_listener(tmp_path: Path) -> None:
    """Neither may be empty (PEP 3333)."""
    with listen(tmp_path / "socket") as listener:
        environ = environ_of(Listener(listener, options()), GET)
        assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", "80")


@pytest.mark.parametrize(("threads", "multithread"), [(1, False), (2, True)])
@pytest.mark.parametrize("multiprocess", [False, True])
def test_what_the_environ_says_of_the_server(threads: int, multithread: bool, multiprocess: bool) -> None:
    """The keys of PEP 3333 tell the truth."""
    with listen() as listener:
        made = Listener(listener, options(threads=threads, multiprocess=multiprocess))
        assert made.socket is listener
        environ = environ_of(made, GET)
    assert environ["wsgi.multithread"] is multithread
    assert environ["wsgi.multiprocess"] is multiprocess
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.file_wrapper"] is FileWrapper
    assert environ["SERVER_SOFTWARE"] == "potstill"


def test_errors_go_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is when the server is made; it takes text."""
    text = io.StringIO()
    monkeypatch.setattr(sys, "stderr", text)
    with listen() as listener:
        environ_of(Listener(listener, options()), GET)["wsgi.errors"].write("a complaint")
    assert text.getvalue() == "a complaint"
