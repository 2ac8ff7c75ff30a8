"""From settings to certificates and entrances."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from potstill.assemble.tls import Securities, entrances_of, port_of, security_of, sources_of, with_schemes
from potstill.middleware.https import HttpsRedirect
from potstill.net.bind import Listener, Manner, open_listeners
from potstill.net.certificates import CertificateError, Source
from potstill.net.tls import Given, Keyring
from potstill.settings import Settings
from tests.support.certificates import Authority, Pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Authority(tmp_path_factory.mktemp("tls")).issue("localhost")


@pytest.fixture
def settings(pair: Pair) -> Settings:
    return Settings(certfile=str(pair.certfile), keyfile=str(pair.keyfile))


def test_which_is_the_default(settings: Settings) -> None:
    """The one that is named first of all, else the first table; there is one."""
    table, other = Source("a", hosts=("a",)), Source("b", hosts=("b",), default=True)
    assert [source.default for source in sources_of(Settings(tls=(table,)))] == [True]
    assert [source.default for source in sources_of(Settings(tls=(table, other)))] == [False, True]
    assert [source.default for source in sources_of(Settings(tls=(table,), cert_dir="/"))] == [False]
    both = sources_of(msgspec.structs.replace(settings, tls=(table,)))
    assert [source.default for source in both] == [True, False]
    with pytest.raises(CertificateError, match="more than one"):
        sources_of(msgspec.structs.replace(settings, tls=(other,)))


def test_what_ends_tls(settings: Settings) -> None:
    assert security_of(Settings()) is None
    assert isinstance(security_of(settings), Keyring)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert isinstance(security_of(Settings(ssl_context=context)), Given)
    with pytest.raises(CertificateError, match="none"):
        security_of(Settings(certfile="/none"))


def test_a_reload_keeps_what_has_not_changed(settings: Settings) -> None:
    """The keys may be unreadable for who the server has become."""
    securities = Securities()
    assert securities.of(settings) is None
    securities.prepare(settings)
    first = securities.of(settings)
    other = msgspec.structs.replace(settings, threads=3)
    securities.prepare(settings, other)
    assert securities.of(other) is first is not None
    stricter = msgspec.structs.replace(settings, ssl_min_version="1.3")
    securities.prepare(settings, stricter)
    assert securities.of(stricter) is not first is securities.of(settings)
    with pytest.raises(CertificateError):
        securities.prepare(settings, Settings(certfile="/none"))
    assert securities.of(settings) is first
    securities.look(0.0)
    assert [expiry.name for expiry in securities.expiries()] == [settings.certfile] * 2
    securities.prepare(Settings())
    assert securities.of(Settings()) is None


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[list[Listener]]:
    made = open_listeners([f"unix:{tmp_path}/s", "127.0.0.1:0", "localhost:0"], Manner(8))
    yield made
    for listener in made:
        listener.close()


def test_entrances(settings: Settings, listeners: list[Listener]) -> None:
    """Each address speaks TLS but those that redirect; proxies are believed on all of them."""
    settings = msgspec.structs.replace(settings, redirect_http=("localhost:0",), proxy_protocol=True)
    told = with_schemes(settings, listeners)
    assert [each.scheme for each in told[:3]] == ["https", "https", "http"]
    assert [each.redirects for each in told[:3]] == [False, False, True]
    assert told[1].url.startswith("https://127.0.0.1:")
    assert port_of(told) == told[1].socket.getsockname()[1]
    security = security_of(settings)
    entrances = entrances_of(settings, told, security)
    assert [entrance.tls is security for entrance in entrances[:3]] == [True, True, False]
    assert isinstance(entrances[2].application, HttpsRedirect)
    assert all(entrance.proxies is not None and "::1" in entrance.proxies for entrance in entrances)


def test_plain_entrances(listeners: list[Listener]) -> None:
    told = with_schemes(Settings(), listeners)
    assert {each.scheme for each in told} == {"http"}
    assert {(each.tls, each.proxies, each.application) for each in entrances_of(Settings(), told, None)} == {
        (None, None, None)
    }
