"""A self-signed certificate for localhost, for the desk: made in memory, gone with the process."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from potstill.net.certificates import CertificateError

NAMES = ("localhost", "*.localhost")
ADDRESSES = ("127.0.0.1", "::1")
# Clocks of virtual machines differ; and browsers take no certificate that is valid for long.
DAYS, EARLIER = 30, timedelta(hours=1)


def dev_certificate() -> bytes:
    """Certificate and key, in PEM. CertificateError where the extra is not installed."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError:
        raise CertificateError("--dev-cert needs an extra: pip install 'potstill[dev]'") from None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Potstill at your desk")])
    names = [
        *(x509.DNSName(each) for each in NAMES),
        *(x509.IPAddress(ipaddress.ip_address(each)) for each in ADDRESSES),
    ]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    return certificate.public_bytes(encoding) + key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
