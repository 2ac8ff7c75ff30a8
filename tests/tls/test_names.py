"""Which certificate a client is shown (SNI, RFC 6066 section 3), and what becomes of it when files change."""

from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from potstill.core.options import Entrance
from potstill.net.certificates import CertificateError, Source
from potstill.net.tls import DAY_S, Keyring, Policy
from tests.support.certificates import Authority, Pair, careless, secure_client
from tests.support.engine import GET, Running, engine_on, hello

NOW_S = 1_000_000_000.0


@pytest.fixture
def root(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def source(pair: Pair, *hosts: str, default: bool = False) -> Source:
    return Source(str(pair.certfile), str(pair.keyfile), hosts=hosts, default=default)


def joined(pair: Pair, path: Path) -> None:
    path.write_bytes(pair.certfile.read_bytes() + pair.keyfile.read_bytes())


def shown(running: Running, host: str | None) -> int:
    """The serial number of the certificate that a client is shown who asks for the host."""
    with secure_client(running.address, careless(), host) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        der = client.socket.getpeercert(binary_form=True)
        assert der is not None
        client.send(GET)
        assert client.response().status == 200
    return x509.load_der_x509_certificate(der).serial_number


def test_certificates_by_name(root: Authority) -> None:
    """The host's own, the wildcard's of one label, else the default's; so too for clients that name none."""
    default, shop, all_of = (root.issue(file=file) for file in ("default", "shop", "wild"))
    keys = Keyring(
        [source(default, default=True), source(shop, "shop.test"), source(all_of, "*.shop.test")], Policy()
    )
    with engine_on(hello, entrance=Entrance(tls=keys)) as running:
        assert shown(running, "shop.test") == shop.serial
        assert shown(running, "SHOP.test") == shop.serial
        assert shown(running, "www.shop.test") == all_of.serial
        assert shown(running, "a.www.shop.test") == default.serial
        assert shown(running, "other.test") == default.serial
        assert shown(running, None) == default.serial


def test_unknown_names_are_refused(root: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """By the alert that exists for it (unrecognized_name), where that is wanted, or there is no default."""
    caplog.set_level(logging.INFO)
    shop = root.issue(file="shop")
    for keys in (
        Keyring([source(shop, "shop.test", default=True)], Policy(strict=True)),
        Keyring([source(shop, "shop.test")], Policy()),
    ):
        with engine_on(hello, entrance=Entrance(tls=keys)) as running:
            assert shown(running, "shop.test") == shop.serial
            for host in ("other.test", None):
                with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
                    secure_client(running.address, careless(), host)
    assert caplog.text.count("there is no certificate for the host that it asked for") == 4


def test_a_directory(root: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """HOST.pem, _.HOST.pem and default.pem; those that are added, replaced or taken away."""
    caplog.set_level(logging.INFO)
    place = tmp_path / "certificates"
    place.mkdir()
    made = {name: root.issue(file=name) for name in ("default", "shop.test", "_.shop.test")}
    for name, pair in made.items():
        joined(pair, place / f"{name}.pem")
    (place / ".hidden.pem").write_text("half")
    keys = Keyring([], Policy(), str(place))
    with engine_on(hello, entrance=Entrance(tls=keys)) as running:
        assert shown(running, "shop.test") == made["shop.test"].serial
        assert shown(running, "www.shop.test") == made["_.shop.test"].serial
        assert shown(running, "late.test") == made["default"].serial
        late = root.issue(file="late")
        joined(late, place / "late.test.pem")
        (place / "shop.test.pem").unlink()
        keys.look(NOW_S)
        assert shown(running, "late.test") == late.serial
        assert shown(running, "shop.test") == made["default"].serial
    assert "loaded" in caplog.text
    assert "is gone" in caplog.text


def test_an_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"no HOST\.pem"):
        Keyring([], Policy(), str(tmp_path))


# Changes


def test_a_new_file_is_taken_over(root: Authority) -> None:
    """New connections are shown it, those that are open stay."""
    old = root.issue(file="server")
    keys = Keyring([source(old, default=True)], Policy())
    with engine_on(hello, entrance=Entrance(tls=keys)) as running, secure_client(running.address) as open_one:
        open_one.send(GET)
        assert open_one.response().status == 200
        before = shown(running, None)
        new = root.issue(file="server")
        assert shown(running, None) == before
        keys.look(NOW_S)
        assert shown(running, None) == new.serial != before
        open_one.send(GET)
        assert open_one.response().status == 200


def test_a_link_to_another_file(root: Authority, tmp_path: Path) -> None:
    """As certbot and Kubernetes do it: what the name leads to counts."""
    pairs = [root.issue(file=f"live-{number}") for number in range(2)]
    link = tmp_path / "live.pem"
    for number, pair in enumerate(pairs):
        joined(pair, tmp_path / f"joined-{number}")
    link.symlink_to("joined-0")
    keys = Keyring([Source(str(link), default=True)], Policy())
    (tmp_path / "fresh").symlink_to("joined-1")
    os.replace(tmp_path / "fresh", link)
    keys.look(NOW_S)
    with engine_on(hello, entrance=Entrance(tls=keys)) as running:
        assert shown(running, None) == pairs[1].serial


def test_a_broken_file_is_told_once(root: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """The old one stays; the next good one is taken."""
    pair = root.issue(file="server")
    keys = Keyring([source(pair, default=True)], Policy())
    before = keys.context
    good = pair.certfile.read_bytes()
    for content in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        pair.certfile.write_bytes(content)
        caplog.clear()
        for _ in range(3):
            keys.look(NOW_S)
        assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
        assert "stays in use" in caplog.text
        assert keys.context is before
    root.issue(file="server")
    keys.look(NOW_S)
    assert keys.context is not before
    assert good != pair.certfile.read_bytes()


def test_a_key_that_does_not_fit(root: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """Between the two files of a renewal, a look finds them at odds."""
    pair = root.issue(file="server")
    keys = Keyring([source(pair, default=True)], Policy())
    before = keys.context
    pair.keyfile.write_bytes(root.issue(file="other").keyfile.read_bytes())
    keys.look(NOW_S)
    assert keys.context is before
    assert "is not that of the certificate" in caplog.text


def test_a_file_that_is_gone(root: Authority, caplog: pytest.LogCaptureFixture) -> None:
    pair = root.issue(file="server")
    keys = Keyring([source(pair, default=True)], Policy())
    before = keys.context
    pair.certfile.unlink()
    keys.look(NOW_S)
    assert keys.context is before
    assert "No such file" in caplog.text


def test_quiet_where_somebody_else_has_told(root: Authority, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pair = root.issue(file="server")
    keys = Keyring([source(pair, default=True)], Policy())
    pair.certfile.write_bytes(b"")
    keys.look(NOW_S, quiet=True)
    assert caplog.records == []


# Expiry


def test_expiry_is_told_daily(root: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """Within fourteen days of it, and when it has come; once a day."""
    pair = root.issue(file="server", end_days=20.0)
    keys = Keyring([source(pair, default=True)], Policy())
    (expiry,) = keys.expiries()
    assert expiry.name == str(pair.certfile)
    end_s = expiry.valid_until_s
    for now_s, word in (
        (end_s - 16 * DAY_S, ""),
        (end_s - 13.5 * DAY_S, "expires in 13 days"),
        (end_s - 13.4 * DAY_S, ""),
        (end_s - 12.4 * DAY_S, "expires in 12 days"),
        (end_s + DAY_S, "has expired"),
    ):
        caplog.clear()
        keys.look(now_s)
        assert len(caplog.records) == bool(word), (now_s, caplog.text)
        assert word in caplog.text
