"""Clients' certificates: who is let in, and what the application hears of them."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from potstill.core.options import Entrance
from tests.support.certificates import Authority, Pair, careless, secure_client
from tests.support.engine import GET, Environ, Running, StartResponse, engine_on
from tests.tls.conftest import keyring

ALICE = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "SC"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Casks, Ltd"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Älice"),
    ]
)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("clients"), "Client Root")


def tell(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = sorted(name for name in environ if name.startswith("SSL_CLIENT"))
    return ["\0".join(f"{name}={environ[name]}" for name in names).encode()]


@contextmanager
def asking(pair: Pair, trusted: Authority, how: str) -> Iterator[Running]:
    keys = keyring(pair, ca_certs=str(trusted.cafile), cert_reqs=how)
    with engine_on(tell, entrance=Entrance(tls=keys)) as running:
        yield running


def told(running: Running, context: ssl.SSLContext) -> dict[str, str]:
    with secure_client(running.address, context) as client:
        client.send(GET)
        body = client.response().body.decode()
    return dict(line.split("=", 1) for line in body.split("\0") if line)


def presenting(pair: Pair, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = careless()
    context.maximum_version = version
    context.load_cert_chain(pair.certfile, pair.keyfile)
    return context


@pytest.mark.parametrize("how", ["optional", "required"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_is_known(pair: Pair, trusted: Authority, how: str, version: ssl.TLSVersion) -> None:
    alice = trusted.issue(file="alice", subject=ALICE)
    with asking(pair, trusted, how) as running:
        facts = told(running, presenting(alice, version))
    assert facts["SSL_CLIENT_VERIFY"] == "SUCCESS"
    assert facts["SSL_CLIENT_S_DN"] == "CN=\\C3\\84lice,O=Casks\\, Ltd,C=SC"
    assert facts["SSL_CLIENT_I_DN"] == "CN=Client Root"
    assert int(facts["SSL_CLIENT_M_SERIAL"], 16) == alice.serial
    assert facts["SSL_CLIENT_CERT"].strip() == alice.certfile.read_text().strip()


def test_no_certificate(pair: Pair, trusted: Authority) -> None:
    """Optional: the application is told; required: the handshake fails; not asked: nothing is said."""
    with asking(pair, trusted, "optional") as running:
        assert told(running, careless()) == {"SSL_CLIENT_VERIFY": "NONE"}
    with asking(pair, trusted, "required") as running:
        assert refused(running, careless())
    with engine_on(tell, entrance=Entrance(tls=keyring(pair))) as running:
        assert told(running, careless()) == {}


@pytest.mark.parametrize("how", ["optional", "required"])
def test_certificates_that_are_not_good(pair: Pair, trusted: Authority, how: str, tmp_path: Path) -> None:
    """Expired, not yet valid, of an unknown authority: the handshake fails, required or not."""
    stranger = Authority(tmp_path, "Unknown Root")
    with asking(pair, trusted, how) as running:
        for bad in (
            trusted.issue(file="expired", begin_days=-10, end_days=-1),
            trusted.issue(file="early", begin_days=1),
            stranger.issue(file="stranger"),
        ):
            assert refused(running, presenting(bad))
        assert told(running, presenting(trusted.issue(file="good")))["SSL_CLIENT_VERIFY"] == "SUCCESS"


def refused(running: Running, context: ssl.SSLContext) -> bool:
    """With TLS 1.3 a client learns of it with the first thing that it reads."""
    try:
        with secure_client(running.address, context) as client:
            client.socket.sendall(GET)
            client.socket.recv(1)
    except ssl.SSLError:
        return True
    except ConnectionError:
        return True
    return False
