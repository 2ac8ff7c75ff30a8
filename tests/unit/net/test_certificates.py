"""Certificates and keys, in every form in which they come; and what is said of those that cannot be used."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from potstill.net.certificates import CertificateError, Source, identity_of, load, password_of, read
from tests.support.certificates import Authority, Key, written


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("root"))


def tried(source: Source) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load(read(source), context)
    return context


KEYS: dict[str, Key] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP384R1()),
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
@pytest.mark.parametrize("password", [None, b"\xc3\xa4 secret"])
def test_every_form_of_key(
    root: Authority, tmp_path: Path, kind: str, form: str, password: bytes | None
) -> None:
    """PKCS#1, SEC 1 and PKCS#8, encrypted or not, in a file of its own or behind the certificate."""
    pair = root.issue("localhost", file="form", key=KEYS[kind])
    key, secret, both = tmp_path / "key", tmp_path / "secret", tmp_path / "both"
    key.write_bytes(written(KEYS[kind], form, password))
    secret.write_bytes((password or b"") + b"\r\nnot this\n")
    both.write_bytes(pair.certfile.read_bytes() + key.read_bytes())
    where = f"file:{secret}" if password else ""
    tried(Source(str(pair.certfile), str(key), password=where))
    tried(Source(str(both), password=where))


def test_a_chain_in_two_files(root: Authority, tmp_path: Path) -> None:
    """What the client is shown is both, the certificate first."""
    pair = root.issue("localhost", file="chain")
    certificate = read(Source(str(pair.certfile), str(pair.keyfile), str(root.cafile)))
    assert certificate.chain.count(b"BEGIN CERTIFICATE") == 2
    assert certificate.chain.startswith(pair.certfile.read_bytes())
    tried(certificate.source)


def test_a_password_by_a_command(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("casks\n")
    assert password_of(f"command:cat {tmp_path / 'secret'}") == "casks"
    for wrong, why in (
        (f"command:cat {tmp_path / 'none'}", "ended with 1"),
        ("command:/no/such/program", "failed"),
        (f"file:{tmp_path / 'none'}", "No such file"),
    ):
        with pytest.raises(CertificateError, match=why):
            password_of(wrong)


def test_what_cannot_be_used(root: Authority, tmp_path: Path) -> None:
    """Each error names the file and the cause."""
    pair, other = root.issue("localhost", file="one"), root.issue("localhost", file="two")
    locked, empty, large = tmp_path / "locked", tmp_path / "empty", tmp_path / "large"
    locked.write_bytes(written(ec.generate_private_key(ec.SECP256R1()), password=b"secret"))
    empty.write_bytes(b"")
    large.write_bytes(bytes(1 << 20))
    damaged = tmp_path / "damaged"
    damaged.write_text(
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" + pair.keyfile.read_text()
    )
    (tmp_path / "password").write_text("wrong")
    cert, key = str(pair.certfile), str(pair.keyfile)
    for source, why in (
        (Source(str(tmp_path / "none")), "none: No such file"),
        (Source(str(tmp_path)), "Is a directory"),
        (Source(str(empty)), "empty: there is no certificate"),
        (Source(str(large)), "larger than"),
        (Source(cert), "no private key in PEM in it; name the file with the key"),
        (Source(cert, str(empty)), "empty: there is no private key"),
        (Source(cert, str(other.keyfile)), "two.key: the key is not that of the certificate in .*one.pem"),
        (Source(cert, str(locked)), "locked: the key is encrypted; say where its password comes from"),
        (Source(cert, str(locked), password=f"file:{tmp_path / 'password'}"), "password does not fit"),
        (Source(str(damaged)), "damaged: the certificate is damaged"),
        (Source(cert, key, str(tmp_path / "chain")), "chain: No such file"),
    ):
        with pytest.raises(CertificateError, match=why):
            tried(source)


def test_identities(tmp_path: Path) -> None:
    """Another one when a file is written to, replaced, added or gone."""
    path = tmp_path / "file"
    seen = [identity_of([str(path), ""])]
    path.write_text("a")
    seen.append(identity_of([str(path), ""]))
    path.write_text("ab")
    seen.append(identity_of([str(path), ""]))
    (tmp_path / "other").write_text("ab")
    (tmp_path / "other").replace(path)
    seen.append(identity_of([str(path), ""]))
    assert len(set(seen)) == 4
    assert identity_of([str(path), ""]) == seen[-1]
