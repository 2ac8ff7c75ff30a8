"""Listening on addresses, with real sockets."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from potstill.net import bind
from potstill.net.address import TcpAddress
from potstill.net.bind import BindError, Listener, Manner, explain, open_at, open_listeners
from potstill.net.holder import Holder

MANNER = Manner(16)
IPV6 = socket.has_ipv6


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """Whatever is opened is closed in the end."""
    with ExitStack() as stack:
        yield stack


def opened(closing: ExitStack, *addresses: str) -> list[Listener]:
    listeners = open_listeners(addresses, MANNER)
    for listener in listeners:
        closing.callback(listener.close)
    return listeners


def refused(*addresses: str) -> str:
    with pytest.raises(BindError) as caught:
        open_listeners(addresses, MANNER)
    return str(caught.value)


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[Any, ...]) -> None:
    """Every host name stands for these (family, address)."""

    def getaddrinfo(host: object, port: int, **hints: object) -> list[tuple[Any, ...]]:
        scope = {socket.AF_INET: (), socket.AF_INET6: (0, 0)}
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port, *scope[family]))
            for family, address in addresses
        ]

    monkeypatch.setattr(bind.socket, "getaddrinfo", getaddrinfo)


def test_a_tcp_listener_is_as_the_engine_wants_it(closing: ExitStack) -> None:
    """Listening, non-blocking, closed on exec, address reusable; what it accepts has TCP_NODELAY."""
    (listener,) = opened(closing, "127.0.0.1:0")
    port = listener.socket.getsockname()[1]
    assert listener.url == f"http://127.0.0.1:{port}"
    assert listener.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    assert listener.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
    assert not listener.socket.getblocking()
    assert not listener.socket.get_inheritable()
    client = closing.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
    listener.socket.setblocking(True)
    accepted = closing.enter_context(listener.socket.accept()[0])
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert client.getpeername()[1] == port


@pytest.mark.skipif(not IPV6, reason="this machine has no IPv6")
def test_no_host_means_both_families_on_one_port(closing: ExitStack) -> None:
    """And IPv6 is IPv6 alone, so that both fit side by side."""
    four, six = opened(closing, ":0")
    port = four.socket.getsockname()[1]
    assert [four.url, six.url] == [f"http://0.0.0.0:{port}", f"http://[::]:{port}"]
    assert six.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


@pytest.mark.skipif(not IPV6, reason="this machine has no IPv6")
def test_a_name_is_bound_on_all_its_addresses(closing: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is what a browser tries on both; IPv4 comes first, and what comes twice counts once."""
    six, four = (socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")
    resolving(monkeypatch, six, four, four)
    listeners = opened(closing, "localhost:0")
    port = listeners[0].socket.getsockname()[1]
    assert [listener.url for listener in listeners] == [f"http://127.0.0.1:{port}", f"http://[::1]:{port}"]


def test_an_address_that_is_not_here_is_skipped_if_another_is(
    closing: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may have an address of another machine, or of a family that is switched off."""
    resolving(monkeypatch, (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "192.0.2.1"))
    assert len(opened(closing, "shop.example:0")) == 1


def test_an_address_of_another_machine_alone_is_an_error() -> None:
    """It says where to look and what listens everywhere."""
    assert "no address of this machine" in refused("192.0.2.1:8000")


def test_a_name_that_does_not_resolve_is_an_error() -> None:
    """`.invalid` never does (RFC 6761)."""
    assert "'nowhere.invalid' does not resolve" in refused("nowhere.invalid:8000")


def test_a_port_that_was_free_on_one_address_only_is_given_up(
    closing: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With port 0 the kernel is asked again."""
    resolving(monkeypatch, (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2"))
    listen, taken = bind.listen_tcp, []

    def unlucky_once(family: int, sockaddr: tuple[Any, ...], manner: Manner) -> socket.socket:
        if sockaddr[0] == "127.0.0.2" and not taken:
            taken.append(sockaddr)
            raise OSError(errno.EADDRINUSE, "Address already in use")
        return listen(family, sockaddr, manner)

    monkeypatch.setattr(bind, "listen_tcp", unlucky_once)
    first, second = opened(closing, "both.example:0")
    assert taken
    assert first.socket.getsockname()[1] == second.socket.getsockname()[1]


def test_a_port_that_is_taken_names_who_has_it(closing: ExitStack) -> None:
    """Here it is this process itself, so it was given twice."""
    (listener,) = opened(closing, "127.0.0.1:0")
    address = listener.url.removeprefix("http://")
    assert refused(address) == f"{address} is bound already by this process: is it given twice?"


def test_somebody_else_who_has_the_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name and number if visible; otherwise the command that finds out."""
    taken = OSError(errno.EADDRINUSE, "Address already in use")
    monkeypatch.setattr(bind, "holder_of_port", lambda port: Holder("nginx", 1))
    assert "is taken by nginx (pid 1); stop it" in explain(TcpAddress("", 80), taken)
    monkeypatch.setattr(bind, "holder_of_port", lambda port: None)
    assert "`ss -ltnp 'sport = :80'`" in explain(TcpAddress("", 80), taken)


def test_a_low_port_without_the_privilege_says_what_to_give() -> None:
    """Another refusal of the system is only quoted."""
    denied = PermissionError(errno.EACCES, "Permission denied")
    assert "CAP_NET_BIND_SERVICE" in explain(TcpAddress("", 80), denied)
    assert explain(TcpAddress("", 8000), denied) == "cannot listen on :8000: Permission denied"


def test_all_or_none() -> None:
    """The second of two cannot be opened: the first is closed again."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(BindError):
        open_listeners([f"127.0.0.1:{port}", "192.0.2.1:1"], MANNER)
    socket.create_server(("127.0.0.1", port)).close()


def test_a_wrong_address_is_a_bind_error() -> None:
    """For callers that have not asked potstill.config first."""
    assert "lacks a host" in refused("8000")


# Unix sockets


def test_a_unix_socket_is_made_and_removed(closing: ExitStack, tmp_path: Path) -> None:
    """Closing twice removes once."""
    path = tmp_path / "shop.sock"
    (listener,) = opened(closing, f"unix:{path}")
    assert listener.url == f"unix:{path}"
    assert not listener.socket.getblocking()
    listener.close()
    assert not path.exists()
    path.touch()
    listener.close()
    assert path.exists()


def test_a_relative_path_is_removed_from_anywhere(
    closing: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application may change the current directory."""
    monkeypatch.chdir(tmp_path)
    (listener,) = opened(closing, "unix:shop.sock")
    monkeypatch.chdir("/")
    listener.close()
    assert not (tmp_path / "shop.sock").exists()


def test_a_socket_that_nobody_answers_on_is_replaced(closing: ExitStack, tmp_path: Path) -> None:
    """Its process was killed."""
    path = tmp_path / "shop.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    opened(closing, f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_that_somebody_answers_on_is_left_alone(closing: ExitStack, tmp_path: Path) -> None:
    """Also when its backlog is full, here of the first question."""
    path = tmp_path / "shop.sock"
    listener = closing.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(str(path))
    listener.listen(0)
    assert "a process listens on it" in refused(f"unix:{path}")
    assert "a process listens on it" in refused(f"unix:{path}")
    assert path.is_socket()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """It is somebody's data."""
    path = tmp_path / "data"
    path.write_text("data", encoding="utf-8")
    assert "not a socket" in refused(f"unix:{path}")
    assert path.read_text(encoding="utf-8") == "data"


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    """It is not made: who would own it?"""
    assert "its directory must exist already" in refused(f"unix:{tmp_path}/absent/shop.sock")


def test_a_file_that_somebody_else_put_there_is_not_removed(closing: ExitStack, tmp_path: Path) -> None:
    """The successor binds the path while the old process drains."""
    path = tmp_path / "shop.sock"
    (listener,) = opened(closing, f"unix:{path}")
    path.unlink()
    successor = closing.enter_context(socket.socket(socket.AF_UNIX))
    successor.bind(str(path))
    listener.close()
    assert path.is_socket()


def test_a_forked_child_does_not_remove_the_file(closing: ExitStack, tmp_path: Path) -> None:
    """A worker closes its copy; the path is its parent's."""
    path = tmp_path / "shop.sock"
    (listener,) = opened(closing, f"unix:{path}")
    pid = os.fork()
    if pid == 0:
        listener.close()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert path.is_socket()


# Inherited sockets


def test_a_listening_socket_is_adopted(closing: ExitStack) -> None:
    """It becomes non-blocking, closed on exec, and gets TCP_NODELAY; closing closes the number."""
    given = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{given.getsockname()[1]}"
    given.set_inheritable(True)
    number = given.detach()
    (listener,) = opened(closing, f"fd://{number}")
    assert listener.url == url
    assert listener.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert not listener.socket.getblocking()
    assert not os.get_inheritable(number)
    listener.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_an_inherited_unix_socket_keeps_its_file(closing: ExitStack, tmp_path: Path) -> None:
    """The file belongs to who made it, systemd for one."""
    path = tmp_path / "shop.sock"
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(path))
    given.listen()
    (listener,) = opened(closing, f"fd://{given.detach()}")
    assert listener.url == f"unix:{path}"
    listener.close()
    assert path.is_socket()


def test_an_abstract_unix_socket_has_a_readable_name(closing: ExitStack) -> None:
    """The kernel begins it with a NUL, people with an @."""
    given = socket.socket(socket.AF_UNIX)
    given.bind(f"\0potstill-test-{os.getpid()}")
    given.listen()
    (listener,) = opened(closing, f"fd://{given.detach()}")
    assert listener.url == f"unix:@potstill-test-{os.getpid()}"


def test_what_cannot_be_adopted_is_left_as_it_was(closing: ExitStack, tmp_path: Path) -> None:
    """Not open, not a socket, a datagram socket, one that does not listen, another family."""
    file = closing.enter_context((tmp_path / "file").open("wb"))
    datagram = closing.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent = closing.enter_context(socket.socket())
    netlink = closing.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
    absent = os.dup(file.fileno())
    os.close(absent)
    assert "no such descriptor is open" in refused(f"fd://{absent}")
    assert "not a socket" in refused(f"fd://{file.fileno()}")
    assert "not a stream socket" in refused(f"fd://{datagram.fileno()}")
    assert "does not listen" in refused(f"fd://{silent.fileno()}")
    assert "another family" in refused(f"fd://{netlink.fileno()}")
    for left in (file, datagram, silent, netlink):
        os.fstat(left.fileno())


# One address as `socket.bind` takes it


def test_one_address_of_a_program(closing: ExitStack, tmp_path: Path) -> None:
    """(host, port) of one family, or a path."""
    tcp = open_at(socket.AF_INET, ("", 0), MANNER)
    closing.callback(tcp.close)
    assert tcp.socket.getsockname()[0] == "0.0.0.0"
    unix = open_at(socket.AF_UNIX, tmp_path / "shop.sock", MANNER)
    closing.callback(unix.close)
    assert (tmp_path / "shop.sock").is_socket()
    with pytest.raises(BindError, match="by this process"):
        open_at(socket.AF_INET, tcp.socket.getsockname(), MANNER)
