"""Before HTTP: the word of a proxy in front of plain HTTP and of TLS, from whom, and in what pieces."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from potstill.core.options import Entrance
from potstill.middleware.networks import Networks
from potstill.net.certificates import Source
from potstill.net.tls import Keyring, Policy
from tests.support.certificates import Authority, secure
from tests.support.engine import GET, LAST, Environ, Running, StartResponse, engine_on, request
from tests.support.wire import Client
from tests.unit.net.test_proxy_protocol import WHOLE, binary, packed

LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n"
BINARY = binary(1, 0x21, packed("2001:db8::7", "2001:db8::1"))
TRUSTED, STRANGERS = Networks(["127.0.0.0/8", "unix"]), Networks(["10.0.0.0/8"])


def whoami(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REMOTE_ADDR']} {environ['REMOTE_PORT']} {environ['wsgi.url_scheme']}".encode()]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    pair = Authority(tmp_path_factory.mktemp("tls")).issue("localhost")
    return Keyring([Source(str(pair.certfile), str(pair.keyfile), default=True)], Policy())


@contextmanager
def behind(proxies: Networks, tls: Keyring | None = None, path: Path | None = None) -> Iterator[Running]:
    with engine_on(whoami, entrance=Entrance(tls=tls, proxies=proxies), path=path) as running:
        yield running


@pytest.mark.parametrize(("header", "client"), WHOLE)
def test_every_header(header: bytes, client: tuple[str, str]) -> None:
    """Whom it names is the client; where it names nobody, the connection's own peer is."""
    with behind(TRUSTED) as running, running.client() as proxy:
        proxy.send(header + GET)
        address, port = client if client[0] else proxy.local_address.split(":")
        assert proxy.response().body.decode() == f"{address} {port} http"
        proxy.send(LAST)  # it is said once for the whole connection
        assert proxy.response().body.decode() == f"{address} {port} http"


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["line", "binary"])
def test_in_pieces(header: bytes) -> None:
    """By octets, with the request behind it, and with a second request that was not asked for yet."""
    with behind(TRUSTED) as running:
        with running.client() as proxy:
            proxy.send_bytewise(header + GET)
            assert proxy.response().status == 200
        with running.client() as proxy:
            proxy.send(header)
            proxy.send(GET + GET)
            assert [proxy.response().status for _ in range(2)] == [200, 200]
        with running.client() as proxy:
            proxy.send(header + GET[:10])
            proxy.send(GET[10:])
            assert proxy.response().status == 200


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["line", "binary"])
def test_in_front_of_tls(keys: Keyring, header: bytes) -> None:
    with behind(TRUSTED, keys) as running:
        with running.client() as proxy:
            proxy.send(header)
            secure(proxy)
            proxy.send(GET)
            assert proxy.response().body.decode().split()[0] in ("192.0.2.7", "2001:db8::7")
        with running.client() as proxy:
            proxy.send(header + GET)
            answer = proxy.response()
            assert answer.status == 400
            assert b"https://" in answer.body


def test_on_a_unix_socket(tmp_path: Path) -> None:
    with behind(TRUSTED, path=tmp_path / "socket") as running, running.client() as proxy:
        proxy.send(LINE + GET)
        assert proxy.response().body == b"192.0.2.7 50000 http"


def test_strangers_speak_for_themselves() -> None:
    """A header from anybody else is what it looks like: no HTTP."""
    with behind(STRANGERS) as running:
        with running.client() as client:
            client.send(GET)
            assert client.response().body.startswith(b"127.0.0.1 ")
        with running.client() as client:
            client.send(LINE + GET)
            assert client.response().status == 400


def test_a_proxy_that_does_not_say_it(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is guessed: the connection ends without an answer, and the log says why."""
    caplog.set_level(logging.INFO)
    with behind(TRUSTED) as running:
        for raw in (GET, b"PROXY TCP4 nonsense\r\n" + GET, LINE[:-2] + b" " * 100 + b"\r\n"):
            with running.client() as proxy:
                proxy.send(raw)
                proxy.expect_end()
        running.wait_idle()
        assert running.now.requests == 0
    assert "no PROXY header came" in caplog.text
    assert "malformed" in caplog.text


def test_once_and_first() -> None:
    """A second header is no request, nor is one behind a request."""
    with behind(TRUSTED) as running:
        for raw in (LINE + LINE + GET, LINE + GET + LINE):
            with running.client() as proxy:
                proxy.send(raw)
                statuses = [proxy.response().status]
                if statuses == [200]:
                    statuses.append(proxy.response().status)
                assert statuses[-1] == 400


def test_a_listener_with_an_application_of_its_own() -> None:
    """It is asked by all who come by there, whatever for, and nobody else is."""
    with engine_on(whoami, entrance=Entrance(application=gone)) as running, running.client() as client:
        for target in ("/", "/a?b"):
            client.send(request(target))
            assert client.response().status == 410


def gone(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("410 Gone", [("Content-Length", "0")])
    return []


def test_the_deadline() -> None:
    """It counts from the connection, not from the last octet."""
    with behind(TRUSTED) as running, Client(running.address) as proxy:
        before = running.now.octets_received
        proxy.send(LINE[:10])
        running.wait(lambda now: now.octets_received == before + 10 and now.ready == 0)
        running.engine.advance_clock(9.0)
        proxy.send(LINE[10:20])
        running.wait(lambda now: now.octets_received == before + 20 and now.ready == 0)
        running.engine.advance_clock(2.0)
        proxy.expect_end()
