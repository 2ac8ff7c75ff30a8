"""Names of certificates as RFC 4514 writes them; the rest is in tests/tls/test_clients.py."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from potstill.net.client_certificates import distinguished_name
from tests.support.properties import PATIENTLY

NAMES = [
    ([], ""),
    ([[("countryName", "SC")], [("organizationName", "A")], [("commonName", "b")]], "CN=b,O=A,C=SC"),
    ([[("commonName", "b"), ("userId", "7")]], "CN=b+UID=7"),
    ([[("emailAddress", "a@b.test")]], "emailAddress=a@b.test"),
    ([[("commonName", 'x"+,;<>\\=')]], 'CN=x\\"\\+\\,\\;\\<\\>\\\\='),
    ([[("commonName", " a ")]], "CN=\\ a\\ "),
    ([[("commonName", "#1")]], "CN=\\#1"),
    ([[("commonName", "Ä\0\n")]], "CN=\\C3\\84\\00\\0A"),
]


@pytest.mark.parametrize(("name", "text"), NAMES)
def test_names(name: list[list[tuple[str, str]]], text: str) -> None:
    assert distinguished_name(name) == text


@PATIENTLY
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_what_is_written_can_be_read(value: str) -> None:
    """By somebody else, and in printable ASCII only: no value looks like two."""
    text = distinguished_name([[("commonName", value)]])
    assert text.isascii()
    assert text.isprintable()
    (part,) = x509.Name.from_rfc4514_string(text)
    assert part.value == value
