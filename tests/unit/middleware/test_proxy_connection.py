"""Connecting: TLS is verified, early octets count, time is kept."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from potstill.middleware.proxy import RemoteApp
from potstill.middleware.proxy.connection import Connection, connect
from potstill.middleware.proxy.request import RequestHead
from potstill.middleware.upstream import UpstreamError, parse_upstream
from tests.support.upstream import OK, Peer, Script, Scripted, always, ask

TLS = Path(__file__).parents[2] / "support" / "tls"
GET = RequestHead("GET", "/", [("Host", "a")])
HEAD_BYTES_MAX = 4096


def over_tls(script: Script) -> Script:
    """The script behind a TLS handshake."""

    def wrapped(peer: Peer) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
        peer.socket = context.wrap_socket(peer.socket, server_side=True)
        peer._stream = peer.socket.makefile("rb")
        script(peer)

    return wrapped


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(TLS / "certificate.pem"))


def https(server: Scripted, host: str = "localhost") -> str:
    return server.url.replace("http", "https").replace("127.0.0.1", host)


def test_tls_to_a_server_that_is_who_it_says() -> None:
    with Scripted(over_tls(always())) as server:
        remote = RemoteApp(https(server), tls=trusting())
        assert [ask(remote, "POST", body=b"x" * 200_000).body for _ in range(3)] == [b"ok"] * 3
        assert server.accepted == 1, "session tickets must not make an idle connection look stale"
        remote.close()


@pytest.mark.parametrize(
    ("name", "options"), [("localhost", {}), ("other.test", {"tls": trusting()})], ids=["unknown", "another"]
)
def test_tls_to_a_server_that_is_not(name: str, options: dict[str, Any]) -> None:
    """An authority that nobody knows; a known certificate for another name. Nothing is sent there."""
    with Scripted(over_tls(always())) as server:
        port = server.url.rpartition(":")[2]
        upstream = parse_upstream(f"dns+https://{name}:{port}").at("127.0.0.1")
        assert ask(RemoteApp(upstream, **options)).status == 502
        assert server.requests == []


def pair() -> tuple[Connection, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return Connection(ours, HEAD_BYTES_MAX), theirs


def test_it_knows_whether_an_octet_has_come() -> None:
    """For on that depends whether the request may be sent again."""
    for sent, unanswered in ((b"", True), (b"H", False)):
        connection, theirs = pair()
        with theirs:
            theirs.sendall(sent)
            theirs.shutdown(socket.SHUT_WR)
            with pytest.raises(UpstreamError) as error:
                connection.ask(GET, [], monotonic() + 5, 5)
        connection.close()
        assert (error.value.status, error.value.unanswered, error.value.unsent) == (502, unanswered, False)


def test_time_is_up() -> None:
    connection, theirs = pair()
    with theirs, pytest.raises(UpstreamError) as error:
        connection.ask(GET, [], monotonic() + 0.01, 5)
    connection.close()
    assert (error.value.status, error.value.unanswered) == (504, True)


def test_an_upstream_that_takes_nothing_is_given_up() -> None:
    """The body is larger than what sockets hold, and nobody reads."""
    connection, theirs = pair()
    head = RequestHead("POST", "/", [("Host", "a"), ("Content-Length", str(64 << 20))])
    with theirs, pytest.raises(UpstreamError) as error:
        connection.ask(head, (b"x" * (1 << 20) for _ in range(64)), monotonic() + 5, 0.05)
    connection.close()
    assert (error.value.status, error.value.unanswered) == (504, True)


def test_ready_again_only_after_the_end() -> None:
    connection, theirs = pair()
    with theirs:
        theirs.sendall(OK)
        connection.ask(GET, [], monotonic() + 5, 5)
        assert not connection.ready_again()
        assert connection.body_nowait() == (b"ok", True)
        assert connection.ready_again()
        assert (connection.reused, connection.answered, connection.is_stale) == (True, False, False)
        theirs.shutdown(socket.SHUT_WR)
        assert connection.is_stale
    connection.close()
    connection.close()


def test_a_head_that_cannot_be_sent_is_no_fault_of_the_server() -> None:
    connection, theirs = pair()
    with theirs, pytest.raises(UpstreamError) as error:
        connection.ask(RequestHead("GET", "/a b", [("Host", "a")]), [], monotonic() + 5, 5)
    connection.close()
    assert not error.value.blamed


def test_connecting_takes_no_longer_than_it_may() -> None:
    """A listener whose backlog is full does not answer, as a machine that is switched off."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        upstream = parse_upstream(f"http://127.0.0.1:{listener.getsockname()[1]}")
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        with pytest.raises(UpstreamError) as error:
            connect(upstream, monotonic() + 0.1, None, HEAD_BYTES_MAX)
        for one in waiting:
            one.close()
    assert (error.value.status, error.value.unsent) == (504, True)
