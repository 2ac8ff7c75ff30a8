"""When certificates end: as `cryptography` reads them, and nothing but an error for what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from potstill.net.der import DerError, valid_until
from tests.support.certificates import Authority
from tests.support.properties import PATIENTLY


@pytest.mark.parametrize("days", [-10, 1, 90, 365 * 20, 365 * 60])
def test_certificates(tmp_path: Path, days: int) -> None:
    """From 2050 on the time is written in another form (RFC 5280 section 4.1.2.5)."""
    pair = Authority(tmp_path).issue("localhost", begin_days=-20, end_days=days)
    certificate = x509.load_pem_x509_certificate(pair.certfile.read_bytes())
    until_s = valid_until(certificate.public_bytes(Encoding.DER))
    assert until_s == certificate.not_valid_after_utc.timestamp()
    assert abs(until_s - (datetime.now(UTC) + timedelta(days=days)).timestamp()) < 60


def test_every_part_of_one(tmp_path: Path) -> None:
    """Cut anywhere, it is an error and never another time."""
    certificate = x509.load_pem_x509_certificate(Authority(tmp_path).issue("a").certfile.read_bytes())
    der = certificate.public_bytes(Encoding.DER)
    for end in range(len(der)):
        with pytest.raises(DerError):
            valid_until(der[:end])


@PATIENTLY
@given(st.binary(max_size=200))
def test_whatever_comes(data: bytes) -> None:
    with pytest.raises(DerError):
        valid_until(data)
