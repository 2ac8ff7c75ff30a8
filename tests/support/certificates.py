"""Certificates made for a test: an authority, what it issues, and clients that believe it or do not."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.support.engine import WAIT_S
from tests.support.wire import Address, Client

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in files."""

    certfile: Path
    keyfile: Path

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.certfile.read_bytes()).serial_number


def written(key: Key, form: str = "PKCS8", password: bytes | None = None) -> bytes:
    """A key in PEM; form "TraditionalOpenSSL" is PKCS#1 or SEC 1."""
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        how = serialization.BestAvailableEncryption(password)
    return key.private_bytes(PEM, getattr(serialization.PrivateFormat, form), how)


class Authority:
    """A root that issues certificates into a directory."""

    def __init__(self, directory: Path, name: str = "Test Root") -> None:
        self.directory = directory
        self.key: Key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self.name, self.key, ca=True)
        self.cafile = directory / f"{name.replace(' ', '-').lower()}.pem"
        self.cafile.write_bytes(self.certificate.public_bytes(PEM))

    def issue(
        self,
        *hosts: str,
        file: str = "server",
        subject: x509.Name | None = None,
        key: Key | None = None,
        begin_days: float = -1.0,
        end_days: float = 90.0,
    ) -> Pair:
        """A certificate for these hosts, in `file`.pem and `file`.key, which are replaced as a whole."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (hosts or ("client",))[0])])
        made = self._signed(subject, key, hosts, begin_days=begin_days, end_days=end_days)
        pair = Pair(self.directory / f"{file}.pem", self.directory / f"{file}.key")
        for path, content in ((pair.certfile, made.public_bytes(PEM)), (pair.keyfile, written(key))):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(content)
            fresh.replace(path)
        return pair

    def trusting(self) -> ssl.SSLContext:
        """A client's context that believes this authority, and no other."""
        return ssl.create_default_context(cafile=str(self.cafile))

    def _signed(
        self,
        subject: x509.Name,
        key: Key,
        hosts: tuple[str, ...] = (),
        *,
        ca: bool = False,
        begin_days: float = -1.0,
        end_days: float = 90.0,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=begin_days))
            .not_valid_after(now + timedelta(days=end_days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if ca:
            # Of the nine uses that a key may have (RFC 5280 section 4.2.1.3), the two of an authority.
            usage = dict.fromkeys(signature(x509.KeyUsage).parameters, False)
            usage |= {"key_cert_sign": True, "crl_sign": True}
            builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        if hosts:
            names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def careless(*, alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
    """A client's context that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(alpn))
    return context


def secure_client(
    address: Address, context: ssl.SSLContext | None = None, host: str | None = "localhost"
) -> Client:
    """A client whose handshake is over. Raises ssl.SSLError when it fails."""
    client = Client(address, WAIT_S)
    try:
        secure(client, context, host)
    except BaseException:
        client.close()
        raise
    return client


def secure(client: Client, context: ssl.SSLContext | None = None, host: str | None = "localhost") -> None:
    """Go on over TLS."""
    client.socket = (context or careless()).wrap_socket(client.socket, server_hostname=host)
