"""The certificate for the desk: a browser's demands, but for its trust."""

from __future__ import annotations

import ssl
import sys

import pytest
from cryptography import x509

from potstill.net.certificates import CertificateError, Source, load, read
from potstill.net.dev_certificate import dev_certificate


def test_the_certificate() -> None:
    """Names and addresses of this machine, a month, and a key that fits."""
    pem = dev_certificate()
    certificate = x509.load_pem_x509_certificate(pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    load(read(Source(pem=pem, default=True)), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert dev_certificate() != pem


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(CertificateError, match=r"pip install 'potstill\[dev\]'"):
        dev_certificate()
