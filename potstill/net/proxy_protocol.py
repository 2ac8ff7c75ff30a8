"""The PROXY protocol: whom a proxy speaks for, said once, before the first octet of TLS or HTTP.

    PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\\r\\n            version 1, a line
    \\r\\n\\r\\n\\0\\r\\nQUIT\\n  0x21 0x11 length addresses TLVs    version 2, binary

Both versions are told apart by their first octets, and by nothing else: whether a header is to come at all is
decided by who connects (`--proxy-allow-from`), never guessed from what arrives. Lengths are bounded before
anything is believed. Of the address that the client had asked for, and of the TLVs, nothing is used.

Sans-I/O: `read_header(data)` is asked again whenever more has come.
"""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
# "PROXY TCP6 " with two addresses and two ports of full length, and CRLF.
LINE_BYTES_MAX = 107
# Version 2 allows 64 KiB of TLVs; what proxies do send takes some hundred octets, with a client's certificate
# some thousand.
HEADER_BYTES_MAX = 16 + 4096

_LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: [\x20-\x7e]*)?|TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) "
    rb"(0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\r\n"
)
_FAMILIES = {1: (socket.AF_INET, 4), 2: (socket.AF_INET6, 16)}
_VERSION, _LOCAL, _PROXY, _STREAM = 2, 0, 1, 1
_PORT_MAX = 65535


class Header(NamedTuple):
    """A whole header: its octets, and who the client is; no address: the connection's own peer."""

    length: int
    address: str
    port: str


class ProxyProtocolError(ValueError):
    """What came is no PROXY header; the text says why, as the end of a sentence."""


def read_header(data: bytes) -> Header | None:
    """The header at the beginning of `data`, or None while it is not whole. Raises ProxyProtocolError."""
    if data[: len(SIGNATURE)] == SIGNATURE[: len(data)]:
        return _read_binary(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _read_line(data)
    raise ProxyProtocolError("no PROXY header came from a peer that has to send one")


def _read_line(data: bytes) -> Header | None:
    line, found, _ = data[:LINE_BYTES_MAX].partition(b"\r\n")
    if not found:
        if len(data) >= LINE_BYTES_MAX:
            raise ProxyProtocolError(f"the PROXY line is longer than {LINE_BYTES_MAX} octets")
        return None
    match = _LINE.fullmatch(line + found)
    if match is None:
        raise ProxyProtocolError("the PROXY line is malformed")
    length, (kind, *rest) = len(line) + len(found), match.groups()
    if kind is None:
        return Header(length, "", "")
    family = socket.AF_INET if kind == b"4" else socket.AF_INET6
    texts = [each.decode("ascii") for each in rest]
    if int(texts[2]) > _PORT_MAX or int(texts[3]) > _PORT_MAX:
        raise ProxyProtocolError("a port of the PROXY line is larger than 65535")
    try:
        source, _ = (socket.inet_ntop(family, socket.inet_pton(family, text)) for text in texts[:2])
    except OSError:
        raise ProxyProtocolError(f"an address of the PROXY line is none of TCP{kind.decode()}") from None
    return Header(length, _plain(source), texts[2])


def _read_binary(data: bytes) -> Header | None:
    start = len(SIGNATURE)
    if len(data) < start + 4:
        return None
    version, command = data[start] >> 4, data[start] & 15
    family, transport = data[start + 1] >> 4, data[start + 1] & 15
    length = start + 4 + int.from_bytes(data[start + 2 : start + 4])
    if version != _VERSION or command not in (_LOCAL, _PROXY):
        raise ProxyProtocolError("the PROXY header has another version or command than 2 knows")
    if length > HEADER_BYTES_MAX:
        raise ProxyProtocolError(f"the PROXY header is longer than {HEADER_BYTES_MAX} octets")
    if len(data) < length:
        return None
    if command == _LOCAL or family not in _FAMILIES or transport != _STREAM:
        return Header(length, "", "")  # the proxy speaks for itself, or for somebody without an address
    number, size = _FAMILIES[family]
    addresses = data[start + 4 : length]
    if len(addresses) < 2 * size + 4:
        raise ProxyProtocolError("the PROXY header is too short for its addresses")
    port = int.from_bytes(addresses[2 * size : 2 * size + 2])
    return Header(length, _plain(socket.inet_ntop(number, addresses[:size])), str(port))


def _plain(address: str) -> str:
    """An IPv4 client of an IPv6 socket is named by IPv4, as everywhere here."""
    return address.removeprefix("::ffff:") if "." in address else address
