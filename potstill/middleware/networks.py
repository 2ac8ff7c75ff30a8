"""A set of networks that answers "is this address in it?" in less than a microsecond, however many there are.

Every address is a place on one line of whole numbers: IPv4 at the beginning, IPv6 far behind it, and the
empty text, which stands for a peer on a unix socket, alone before them. A network is a stretch of that line.
Stretches are sorted and joined when the set is made, so that a look-up is one binary search, and 10,000
networks cost a few steps more than ten.

An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is what dual-stack sockets
report and the same host: it has the place of the IPv4 address, so that no list is passed by in the other
family.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Iterable
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Self

IPV6_ORIGIN = 1 << 128
UNIX_PLACE = -2
_MAPPED_FIRST = IPV6_ORIGIN + (0xFFFF << 32)
_MAPPED_LAST = _MAPPED_FIRST + 0xFFFF_FFFF
_PREFIX = re.compile(r"[0-9]{1,3}", re.ASCII)

Stretch = tuple[int, int]


def place_of(address: str) -> int | None:
    """Where an address stands on the line; None when it is none.

    The empty text is a unix peer. A zone (`fe80::1%eth0`) does not count. Leading zeros, hexadecimal and
    short IPv4 forms are no addresses: what others read differently is not guessed at.
    """
    try:
        if ":" in address:
            number = int.from_bytes(inet_pton(AF_INET6, address.partition("%")[0]))
            place = IPV6_ORIGIN + number
            return place - _MAPPED_FIRST if _MAPPED_FIRST <= place <= _MAPPED_LAST else place
        if address:
            return int.from_bytes(inet_pton(AF_INET, address))
    except (OSError, ValueError):  # ValueError: a NUL, or text that is not ASCII
        return None
    return UNIX_PLACE


def address_at(place: int) -> str:
    """The address at a place, in the form of RFC 5952: the inverse of `place_of`."""
    if place == UNIX_PLACE:
        return ""
    if place < IPV6_ORIGIN:
        return inet_ntop(AF_INET, place.to_bytes(4))
    return inet_ntop(AF_INET6, (place - IPV6_ORIGIN).to_bytes(16))


def stretches_of(text: str) -> list[Stretch]:
    """The first and last places of a network as it is written in a configuration.

    `10.0.0.0/8`, `2001:db8::/32`, one address, `unix`, or `all`, which is every peer there is.

    Raises ValueError, with what to write instead where that is known.
    """
    if text == "unix":
        return [(UNIX_PLACE, UNIX_PLACE)]
    if text == "all":
        return [stretch for every in ("unix", "0.0.0.0/0", "::/0") for stretch in stretches_of(every)]
    address, slash, prefix = text.partition("/")
    if slash and not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{text!r}: behind the slash comes a number of bits, as in 10.0.0.0/8")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is no network: write 10.0.0.0/8, 2001:db8::/32, one address, unix or all"
        ) from None
    if ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"{text!r} has bits set behind its prefix: {network} is the network around it")
    first = int(network.network_address) + (IPV6_ORIGIN if network.version == 6 else 0)
    last = first + network.num_addresses - 1
    if _MAPPED_FIRST <= first <= last <= _MAPPED_LAST:
        return [(first - _MAPPED_FIRST, last - _MAPPED_FIRST)]
    return [(first, last)]


class Networks:
    """An immutable set of addresses, made of networks. Safe to use from any thread.

        office = Networks(["10.0.0.0/8", "2001:db8::/32", "unix"])
        "10.1.2.3" in office

    Raises ValueError for the first entry that is no network.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._firsts, self._lasts = _joined(stretch for entry in entries for stretch in stretches_of(entry))

    @classmethod
    def of_stretches(cls, stretches: Iterable[Stretch]) -> Self:
        """The same, made of what `stretches_of` gave: for whoever wants to say which entry was wrong."""
        networks = cls()
        networks._firsts, networks._lasts = _joined(stretches)
        return networks

    def has_place(self, place: int) -> bool:
        """Whether the address at this place (see `place_of`) is in one of the networks."""
        index = bisect_right(self._firsts, place) - 1
        return index >= 0 and place <= self._lasts[index]

    def __contains__(self, address: str) -> bool:
        """Whether the address is in one of the networks; what is no address is in none."""
        place = place_of(address)
        return place is not None and self.has_place(place)

    def __len__(self) -> int:
        """How many separate stretches of addresses the networks have come to."""
        return len(self._firsts)


def _joined(stretches: Iterable[Stretch]) -> tuple[list[int], list[int]]:
    """Sorted, with those that touch or overlap made one: the first places, and the last places."""
    firsts: list[int] = []
    lasts: list[int] = []
    for first, last in sorted(stretches):
        if lasts and first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], last)
        else:
            firsts.append(first)
            lasts.append(last)
    return firsts, lasts
