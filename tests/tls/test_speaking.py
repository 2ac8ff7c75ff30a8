"""HTTP over TLS: versions, requests, large answers and bodies, how connections end; and other clients."""

from __future__ import annotations

import hashlib
import select
import socket
import ssl
from pathlib import Path

import pytest

from potstill.core.options import AccessLog, Entrance
from potstill.middleware.networks import Networks
from potstill.settings.log_formats import parse
from potstill.settings.log_kinds import skip_of
from tests.support.certificates import Authority, Pair, careless, secure, secure_client
from tests.support.engine import GET, LAST, Running, engine_on, hello, request
from tests.support.wire import Client
from tests.tls.conftest import LARGE, keyring


def only(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = careless()
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_each_version(running: Running, version: str) -> None:
    """The environ tells of it, and says https."""
    with secure_client(running.address, only(ssl.TLSVersion[version])) as client:
        client.send(GET)
        told = dict(line.split("=", 1) for line in client.response().body.decode().split("\n"))
        assert told["wsgi.url_scheme"] == "https"
        assert told["HTTPS"] == "on"
        assert told["SSL_PROTOCOL"].replace(".", "_") == version
        assert told["SSL_CIPHER"] == client.socket.cipher()[0]  # type: ignore[attr-defined]
        assert client.socket.selected_alpn_protocol() == "http/1.1"  # type: ignore[attr-defined]
        client.send(LAST)
        assert client.response().status == 200
        client.expect_end()


def test_a_client_that_believes_the_authority(running: Running, authority: Authority) -> None:
    with secure_client(running.address, authority.trusting()) as client:
        client.send(GET)
        assert client.response().status == 200


def test_pipelined_and_bytewise(running: Running) -> None:
    """Requests share records, and are spread over many."""
    with secure_client(running.address) as client:
        client.send(GET * 5)
        assert [client.response().status for _ in range(5)] == [200] * 5
        client.send_bytewise(GET)
        assert client.response().status == 200


def test_a_request_in_the_record_behind_the_handshake(running: Running) -> None:
    """The client's Finished and its request arrive in one segment."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = only(ssl.TLSVersion.TLSv1_3).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with Client(running.address) as client:
        with pytest.raises(ssl.SSLWantReadError):
            session.do_handshake()
        client.send(outgoing.read())
        while True:
            incoming.write(client.socket.recv(65536))
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
        session.write(GET)
        client.send(outgoing.read())
        while True:
            incoming.write(client.socket.recv(65536))
            try:
                answer = session.read(65536)
                break
            except ssl.SSLWantReadError:
                continue
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(("path", "size"), [("/large", 4), ("/stream", 8), ("/file", 8)])
def test_large_answers_to_a_slow_client(running: Running, path: str, size: int) -> None:
    """All of it comes, in order, to a client that reads late: from the queue, the spool, the file."""
    with secure_client(running.address) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        client.send(request(path))
        running.wait(lambda now: now.in_application == 0 and now.running == 0)
        assert client.response().body == LARGE * size
        client.send(GET)
        assert client.response().status == 200


@pytest.mark.parametrize("fields", [(), ("Transfer-Encoding: chunked",)], ids=["length", "chunked"])
def test_large_bodies(running: Running, fields: tuple[str, ...]) -> None:
    body = LARGE * 3
    raw = request("/digest", method="POST", body=body)
    if fields:
        chunk = b"%x\r\n%b\r\n" % (len(body), body)
        raw = request("/digest", *fields) + chunk + b"0\r\n\r\n"
    with secure_client(running.address) as client:
        client.send(raw)
        assert client.response().body == hashlib.sha256(body).hexdigest().encode()


def test_a_renewal_of_keys_in_the_middle(running: Running) -> None:
    """A session that is resumed, by a ticket."""
    context = only(ssl.TLSVersion.TLSv1_3)
    with secure_client(running.address, context) as client:
        client.send(GET)
        assert client.response().status == 200
        session = client.socket.session  # type: ignore[attr-defined]
    with Client(running.address) as again:
        again.socket = context.wrap_socket(again.socket, server_hostname="localhost", session=session)
        again.send(GET)
        assert again.response().status == 200
        assert again.socket.session_reused  # type: ignore[attr-defined]


# The end


def test_a_goodbye_before_the_end(running: Running) -> None:
    """close_notify comes first, so that the client knows that nothing was cut (RFC 8446 section 6.1)."""
    context = careless()
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    with Client(running.address) as client:
        client.socket = context.wrap_socket(
            client.socket, server_hostname="localhost", suppress_ragged_eofs=False
        )
        client.send(LAST)
        assert client.response().status == 200
        assert client.socket.recv(1) == b""


def test_the_clients_goodbye(running: Running) -> None:
    """It is answered by ours."""
    with secure_client(running.address) as client:
        client.send(GET)
        assert client.response().status == 200
        assert isinstance(client.socket, ssl.SSLSocket)
        client.socket.unwrap()
    running.wait_idle()


def test_a_request_that_is_cut(running: Running) -> None:
    """Half a body and the end of the stream, without a goodbye: the application is not called."""
    before = running.now.requests
    with secure_client(running.address) as client:
        client.send(request("/digest", method="POST", body=bytes(100))[:-50])
        raw = socket.socket(fileno=client.socket.detach())
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(20)
        while raw.recv(65536):
            pass
        raw.close()
    running.wait_idle()
    assert running.now.requests == before


def test_garbage_behind_the_handshake(running: Running) -> None:
    """An alert, and the end; the server goes on."""
    with secure_client(running.address) as client:
        raw = socket.socket(fileno=client.socket.detach())
        raw.settimeout(20)
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        while raw.recv(65536):
            pass
        raw.close()
    running.wait_idle()


# Who is no TLS client


def test_plain_http(running: Running) -> None:
    """A readable 400, and the end."""
    with running.client() as client:
        client.send(GET)
        answer = client.response()
        assert answer.status == 400
        assert b"https://" in answer.body
        client.expect_end()


@pytest.mark.parametrize(("skip", "lines"), [("=404", ['- "- - -" 400']), ("=400", [])])
def test_plain_http_has_a_line_that_can_be_left_out(
    tmp_path: Path, pair: Pair, skip: str, lines: list[str]
) -> None:
    """Though nothing of the request is known."""
    file = tmp_path / "access.log"
    log = AccessLog(parse('%(u)s "%(r)s" %(s)s'), str(file), (skip_of(skip),), 1.0, 0.0)
    with engine_on(hello, entrance=Entrance(tls=keyring(pair)), access_log=log) as running:
        with running.client() as client:
            client.send(GET)
            assert client.response().status == 400
            client.expect_end()
        running.wait_idle()
    assert file.read_text().splitlines() == lines


def test_nothing_at_all(running: Running) -> None:
    """A connection without a word, and one that ends in the middle of a hello, leave nothing behind."""
    with running.client():
        pass
    with running.client() as client:
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    running.wait_idle()


def test_old_versions(running: Running) -> None:
    """An alert that says why."""
    context = only(ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
        secure_client(running.address, context)


def test_no_shared_cipher(running: Running) -> None:
    context = only(ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-SHA")
    with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
        secure_client(running.address, context)


def test_a_client_that_does_not_trust(running: Running) -> None:
    """Its alert ends the handshake; the server goes on."""
    with pytest.raises(ssl.SSLCertVerificationError):
        secure_client(running.address, ssl.create_default_context())
    running.wait_idle()


# Slow handshakes


def test_hundreds_of_slow_handshakes(running: Running) -> None:
    """Three hundred clients in the middle of a handshake hold nobody up, and all of them may finish it."""
    slow = []
    for number in range(300):
        client = running.client()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = careless().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            session.do_handshake()
        hello = outgoing.read()
        client.send(hello[: 1 + number % (len(hello) - 1)])
        slow.append((client, hello[1 + number % (len(hello) - 1) :], session, incoming, outgoing))
    with secure_client(running.address) as quick:
        quick.send(GET)
        assert quick.response().status == 200
    assert running.now.in_application == 0
    for client, rest, session, incoming, outgoing in slow[:20]:
        client.send(rest)
        incoming.write(client.socket.recv(65536))
        session.do_handshake()
        session.write(LAST)
        client.send(outgoing.read())
        assert select.select([client.socket], [], [], 20)[0]
    for client, *_ in slow:
        client.close()
    running.wait_idle()


def test_a_handshake_that_stalls(pair: Pair) -> None:
    """--handshake-timeout ends it, however steadily octets come; one that is over has other deadlines."""
    entrance = Entrance(tls=keyring(pair), proxies=Networks(["127.0.0.1"]))
    with (
        engine_on(hello, entrance=entrance, handshake_timeout_s=20.0) as running,
        running.client() as stalled,
        Client(running.address) as ready,
    ):
        ready.send(b"PROXY UNKNOWN\r\n")
        secure(ready)
        ready.send(GET)
        assert ready.response().status == 200
        before = running.now.octets_received
        stalled.send(b"PRO")
        running.wait(lambda now: now.octets_received == before + 3 and now.ready == 0)
        running.engine.advance_clock(15.0)
        stalled.send(b"X")
        running.wait(lambda now: now.octets_received == before + 4 and now.ready == 0)
        running.engine.advance_clock(6.0)
        stalled.expect_end()
        ready.send(GET)
        assert ready.response().status == 200
