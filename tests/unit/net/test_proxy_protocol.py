"""The PROXY protocol, by its specification: both versions, in pieces, and everything that is none of them."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.net.proxy_protocol import SIGNATURE, ProxyProtocolError, read_header
from tests.support.properties import PATIENTLY

LONGEST = b"PROXY TCP6 " + b" ".join([b"ffff:" * 7 + b"ffff"] * 2 + [b"65535"] * 2) + b"\r\n"


def binary(command: int, family: int, addresses: bytes, version: int = 2) -> bytes:
    return SIGNATURE + struct.pack("!BBH", version << 4 | command, family, len(addresses)) + addresses


def packed(*addresses: str) -> bytes:
    return b"".join(ipaddress.ip_address(each).packed for each in addresses) + struct.pack("!HH", 50000, 443)


WHOLE = [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n", ("192.0.2.7", "50000")),
    (b"PROXY TCP6 2001:DB8::7 2001:db8::1 0 65535\r\n", ("2001:db8::7", "0")),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", ("192.0.2.7", "1")),
    (b"PROXY UNKNOWN\r\n", ("", "")),
    (b"PROXY UNKNOWN ffff::1 whatever 1 2\r\n", ("", "")),
    (LONGEST, ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "65535")),
    (binary(1, 0x11, packed("192.0.2.7", "198.51.100.1")), ("192.0.2.7", "50000")),
    (binary(1, 0x21, packed("2001:db8::7", "2001:db8::1")), ("2001:db8::7", "50000")),
    (binary(1, 0x21, packed("::ffff:192.0.2.7", "::1")), ("192.0.2.7", "50000")),
    (
        binary(1, 0x11, packed("192.0.2.7", "198.51.100.1") + b"\x04\x00\x01\x00" * 200),
        ("192.0.2.7", "50000"),
    ),
    (binary(0, 0x00, b""), ("", "")),
    (binary(0, 0x11, packed("192.0.2.7", "198.51.100.1")), ("", "")),
    (binary(1, 0x31, bytes(216)), ("", "")),
    (binary(1, 0x12, packed("192.0.2.7", "198.51.100.1")), ("", "")),
]

BROKEN = [
    (b"GET / HTTP/1.1\r\n", "no PROXY header"),
    (b"\x16\x03\x01", "no PROXY header"),
    (b"proxy TCP4", "no PROXY header"),
    (b"PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n", "malformed"),
    (b"PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n", "malformed"),
    (b"PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n", "malformed"),
    (b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n", "malformed"),
    (b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n", "malformed"),
    (b"PROXY TCP4 1.1.1.1 1.1.1.1 70000 1\r\n", "port"),
    (b"PROXY TCP4 ::1 ::1 1 1\r\n", "TCP4"),
    (b"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n", "TCP6"),
    (b"PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n", "TCP4"),
    (b"PROXY TCP4 " + b"1" * 100, "longer than 107"),
    (LONGEST[:-2] + b"0\r\n", "malformed|longer"),
    (binary(1, 0x11, packed("1.1.1.1", "1.1.1.1"), version=1), "version or command"),
    (binary(2, 0x11, packed("1.1.1.1", "1.1.1.1")), "version or command"),
    (binary(1, 0x11, bytes(11)), "too short"),
    (binary(1, 0x21, bytes(35)), "too short"),
    (SIGNATURE + b"\x21\x11\xff\xff", "longer than"),
]


@pytest.mark.parametrize(("raw", "client"), WHOLE)
def test_a_whole_header(raw: bytes, client: tuple[str, str]) -> None:
    """It ends where it ends, whatever follows; and no beginning of it is more than a beginning."""
    for behind in (b"", b"GET / HTTP/1.1\r\n", b"PROXY ", SIGNATURE):
        header = read_header(raw + behind)
        assert header is not None
        assert (header.length, header.address, header.port) == (len(raw), *client)
    assert {read_header(raw[:end]) for end in range(len(raw))} == {None}


@pytest.mark.parametrize(("raw", "why"), BROKEN)
def test_what_is_none(raw: bytes, why: str) -> None:
    with pytest.raises(ProxyProtocolError, match=why):
        read_header(raw)


@PATIENTLY
@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda tail: b"PROXY " + tail),
        st.binary(max_size=300).map(lambda tail: SIGNATURE + tail),
        st.binary(max_size=60).map(lambda tail: b"PROXY TCP4 " + tail + b"\r\n"),
    )
)
def test_whatever_comes(raw: bytes) -> None:
    """There is always one of three answers; an address that is believed is one, and the port a port."""
    try:
        header = read_header(raw)
    except ProxyProtocolError:
        return
    if header is not None:
        assert 0 < header.length <= len(raw)
        assert not header.address or ipaddress.ip_address(header.address)
        assert not header.port or 0 <= int(header.port) <= 65535
