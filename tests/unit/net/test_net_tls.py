"""Contexts and keyrings as values; handshakes by them are in tests/tls."""

from __future__ import annotations

import ssl

import pytest

from potstill.net.certificates import CertificateError
from potstill.net.tls import Given, Policy, context_by


def test_a_context() -> None:
    """TLS 1.2 and 1.3, forward secrecy and AEAD, nothing that lets a client renegotiate."""
    context = context_by(Policy())
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    older = [each for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"]
    assert older
    assert all(each["aead"] and each["kea"] == "kx-ecdhe" for each in older)
    assert context_by(Policy(min_version="1.3")).minimum_version == ssl.TLSVersion.TLSv1_3
    chosen = context_by(Policy(ciphers="ECDHE-RSA-AES128-GCM-SHA256")).get_ciphers()
    assert "ECDHE-RSA-AES128-GCM-SHA256" in [each["name"] for each in chosen]


def test_what_is_none() -> None:
    for policy, why in (
        (Policy(ciphers="NONSENSE"), "knows none of 'NONSENSE'"),
        (Policy(cert_reqs="required", ca_certs="/dev/null"), "/dev/null: the roots cannot be used"),
    ):
        with pytest.raises(CertificateError, match=why):
            context_by(policy)
    with pytest.raises(CertificateError, match="not str"):
        Given("context")  # type: ignore[arg-type]


def test_a_context_of_the_programs() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    given = Given(context)
    given.look(0.0)
    assert given.context is context
    assert given.expiries() == ()
