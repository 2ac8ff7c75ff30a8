"""A transport that speaks TLS: as a plain one, to a client of Python's `ssl`, and what only TLS knows."""

from __future__ import annotations

import random
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from potstill.core.tls import TlsTransportFace
from potstill.net.certificates import Source
from potstill.net.tls import Keyring, Policy
from tests.support.certificates import Authority, careless
from tests.support.engine import WAIT_S, wait_until

LARGE = random.Random(1).randbytes(6_000_000)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    pair = Authority(tmp_path_factory.mktemp("tls")).issue("localhost")
    return Keyring([Source(str(pair.certfile), str(pair.keyfile), default=True)], Policy()).context


class Ends:
    """A transport and its client, whose handshake is over."""

    def __init__(self, context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
        server, plain = socket.socketpair()
        server.setblocking(False)
        plain.settimeout(WAIT_S)
        self.transport = TlsTransportFace(server.detach(), context)
        theirs = careless()
        theirs.minimum_version = theirs.maximum_version = version
        theirs.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        self.client = theirs.wrap_socket(
            plain, server_hostname="localhost", do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
        shaking = threading.Thread(target=self.client.do_handshake, daemon=True)
        shaking.start()
        wait_until(lambda: self.transport.shake() is None, "the handshake")
        shaking.join(WAIT_S)

    def receive(self, room: int) -> bytes | None:
        """What comes within WAIT_S; None is not an answer yet."""
        got: list[bytes] = []
        wait_until(lambda: (data := self.transport.receive(room)) is not None and not got.append(data))
        return got[0]

    def flush_into(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            self.transport.flush()
            received += self.client.recv(size - len(received))
        return bytes(received)


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def ends(request: pytest.FixtureRequest, context: ssl.SSLContext) -> Iterator[Ends]:
    made = Ends(context, request.param)
    yield made
    made.transport.close()
    made.client.close()


def test_receiving(ends: Ends) -> None:
    """Octets, None while there are none, and the end that the client has announced."""
    assert ends.transport.receive(100) is None
    assert ends.transport.drained
    ends.client.sendall(b"hello")
    assert ends.receive(100) == b"hello"
    ends.client.setblocking(False)
    with pytest.raises(ssl.SSLWantReadError):  # it would wait for ours
        ends.client.unwrap()
    assert ends.receive(100) == b""


def test_one_record_in_portions(ends: Ends) -> None:
    """What OpenSSL has decrypted already, no poller would tell of: it is not drained before that is out."""
    ends.client.sendall(b"abcdefgh")
    assert ends.receive(3) == b"abc"
    assert not ends.transport.drained
    assert ends.transport.receive(3) == b"def"
    assert ends.transport.receive(3) == b"gh"
    assert ends.transport.receive(3) is None
    assert ends.transport.drained


def test_many_records_at_once(ends: Ends) -> None:
    """A read takes as many as there is room for."""
    for number in range(30):
        ends.client.sendall(b"%03d" % number)
    assert ends.receive(65536) == b"".join(b"%03d" % number for number in range(30))


def test_an_end_without_goodbye(ends: Ends) -> None:
    """Anybody may have cut the stream: the client is gone, and has not ended (RFC 8446 section 6.1)."""
    ends.client.sendall(b"half")
    raw = socket.socket(fileno=ends.client.detach())
    raw.shutdown(socket.SHUT_WR)
    assert ends.receive(100) == b"half"
    with pytest.raises(ConnectionError):
        ends.receive(100)
    assert ends.transport.lost
    raw.close()


def test_a_damaged_record(ends: Ends) -> None:
    """The client gets an alert; nothing of the record is given out."""
    raw = socket.socket(fileno=ends.client.detach())
    raw.sendall(b"\x17\x03\x03\x00\x30" + bytes(48))
    with pytest.raises(ConnectionError):
        ends.receive(100)
    raw.settimeout(WAIT_S)
    assert raw.recv(100)[:3] in (b"\x15\x03\x03", b"\x17\x03\x03")
    raw.close()


def test_small_pieces_leave_as_one(ends: Ends) -> None:
    ends.transport.send(b"body", before=b"head", after=b"end")
    assert ends.client.recv(100) == b"headbodyend"
    assert ends.transport.queued == 0


def test_large_pieces_wait_their_turn(ends: Ends) -> None:
    """What the socket does not take is queued, but for a few records as it was given; order is kept."""
    ends.transport.send(LARGE, before=b"head", after=b"tail")
    ends.transport.send(b"more")
    assert ends.transport.queued > len(LARGE) // 2
    assert ends.flush_into(len(LARGE) + 12) == b"head" + LARGE + b"tailmore"
    assert ends.transport.queued == ends.transport.held == 0


def test_through_the_spool(ends: Ends, tmp_path: Path) -> None:
    ends.transport.send(LARGE)
    ends.transport.spill(tmp_path)
    assert ends.transport.held == 0
    ends.transport.send(b"end")
    assert ends.flush_into(len(LARGE) + 3) == LARGE + b"end"


def test_a_file(ends: Ends, tmp_path: Path) -> None:
    """Read and encrypted as the client takes it, from where it was asked to; its owner may close it."""
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    with path.open("rb") as file:
        ends.transport.send_file(b"head", file.fileno(), 1000, 5_000_000)
    ends.transport.send(b"end")
    assert ends.transport.held < 100
    assert ends.flush_into(5_000_007) == b"head" + LARGE[1000:5_001_000] + b"end"


def test_a_file_that_becomes_shorter(ends: Ends, tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"x" * 100)
    with path.open("rb") as file, pytest.raises(OSError, match="shorter"):
        ends.transport.send_file(b"", file.fileno(), 0, 200)


def test_the_end(ends: Ends) -> None:
    """close_notify, and then nothing."""
    ends.transport.send(b"last")
    ends.transport.close()
    assert ends.client.recv(100) == b"last"
    assert ends.client.recv(100) == b""


def test_half_an_end(ends: Ends) -> None:
    """After shut_sending the client is read no more, but what it sends is taken and dropped."""
    ends.transport.shut_sending()
    assert ends.client.recv(100) == b""
    assert not ends.transport.lost
    ends.transport.close()


def test_an_abrupt_end(ends: Ends) -> None:
    """With a reset there is no goodbye: half an answer must not look whole."""
    ends.transport.send(b"half")
    ends.transport.close(reset=True)
    received = []
    with pytest.raises(OSError, match=r"reset|EOF"):
        received += iter(lambda: ends.client.recv(100), None)
    assert b"" not in received


def test_a_client_that_has_gone(ends: Ends) -> None:
    """No exception: it is lost, and so is what was queued."""
    ends.client.close()
    for _ in range(100):
        ends.transport.send(LARGE[:100_000])
    assert ends.transport.lost
    assert ends.transport.queued == 0


# The handshake


def test_a_handshake_from_what_was_read_before(context: ssl.SSLContext) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = careless().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    server, client = socket.socketpair()
    server.setblocking(False)
    transport = TlsTransportFace(server.detach(), context, outgoing.read())
    assert transport.shake() == "more"
    client.settimeout(WAIT_S)
    incoming.write(client.recv(65536))
    session.do_handshake()
    client.sendall(outgoing.read())
    assert transport.shake() is None
    transport.close()
    client.close()


@pytest.mark.parametrize("hello", [b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" + bytes(70000)])
def test_a_handshake_that_is_none(context: ssl.SSLContext, hello: bytes) -> None:
    """It fails with a reason, after an alert."""
    server, client = socket.socketpair()
    server.setblocking(False)
    transport = TlsTransportFace(server.detach(), context, hello)
    assert transport.shake() not in (None, "more", "lost")
    client.settimeout(WAIT_S)
    assert client.recv(100)[:1] == b"\x15"
    transport.close()
    client.close()


def test_a_client_that_leaves_in_the_middle(context: ssl.SSLContext) -> None:
    server, client = socket.socketpair()
    server.setblocking(False)
    transport = TlsTransportFace(server.detach(), context, b"\x16\x03\x01")
    assert transport.shake() == "more"
    client.close()
    assert transport.shake() == "lost"
    transport.close()
