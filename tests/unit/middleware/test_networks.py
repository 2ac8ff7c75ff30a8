"""Sets of networks: notation, look-up against the standard library, and what they cost."""

from __future__ import annotations

import ipaddress
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware.networks import UNIX_PLACE, Networks, address_at, place_of

IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)


@st.composite
def networks(draw: st.DrawFn) -> str:
    address = draw(st.one_of(IPV4, IPV6))
    prefix = draw(st.integers(0, address.max_prefixlen))
    return str(ipaddress.ip_network((address, prefix), strict=False))


def unmapped(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The IPv4 network, of an IPv6 network that is within the mapped addresses."""
    first = getattr(network[0], "ipv4_mapped", None)
    if first is None or network.prefixlen < 96:
        return network
    return ipaddress.IPv4Network((first, network.prefixlen - 96))


@given(st.lists(networks(), max_size=30), st.one_of(IPV4, IPV6))
def test_an_address_is_in_the_set_when_it_is_in_one_network(
    entries: list[str], address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    """The model is the standard library, network by network; what is mapped is IPv4, address or network."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    model = any(mapped in unmapped(ipaddress.ip_network(entry)) for entry in entries)
    assert (str(address) in Networks(entries)) == model


@given(networks())
def test_the_ends_of_a_network_are_in_it_and_their_neighbours_are_not(entry: str) -> None:
    """The borders, where a binary search goes wrong first; what is mapped belongs to IPv4 and is left out."""
    network = ipaddress.ip_network(entry)
    kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    first, last = int(network[0]), int(network[-1])
    found = Networks([entry])
    for number, is_in in ((first, True), (last, True), (first - 1, False), (last + 1, False)):
        if 0 <= number < 1 << network.max_prefixlen:
            address = kind(number)
            if getattr(address, "ipv4_mapped", None) is None:
                assert (str(address) in found) == is_in


@given(st.one_of(IPV4, IPV6))
def test_places_and_addresses_are_each_others_inverse(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Except that a mapped address comes back as the IPv4 address it is."""
    place = place_of(str(address))
    assert place is not None
    expected = getattr(address, "ipv4_mapped", None) or address
    assert ipaddress.ip_address(address_at(place)) == expected


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        (
            "10.0.0.0/8",
            ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
            ["11.0.0.0", "9.255.255.255", "::10.1.2.3"],
        ),
        ("192.0.2.7", ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:207"], ["192.0.2.8", ""]),
        ("::ffff:10.0.0.0/104", ["10.9.9.9", "::ffff:10.9.9.9"], ["11.0.0.0"]),
        (
            "2001:db8::/32",
            ["2001:db8::1", "2001:0DB8:0:0::1", "2001:db8::%eth0"],
            ["2001:db9::", "32.1.13.184"],
        ),
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], ["::", "::1", ""]),
        ("::/0", ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], ["1.2.3.4", "::ffff:1.2.3.4", ""]),
        ("unix", [""], ["127.0.0.1", "::1", "unix", "0.0.0.0"]),
        (
            "all",
            ["", "0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["all", "x"],
        ),
    ],
)
def test_notations(entry: str, inside: list[str], outside: list[str]) -> None:
    """What a network covers, and what only looks like it."""
    found = Networks([entry])
    assert [address for address in inside if address not in found] == []
    assert [address for address in outside if address in found] == []


@pytest.mark.parametrize(
    "address",
    [
        "010.0.0.1",
        "10.1",
        "0x7f.1",
        "2130706433",
        "1.2.3.4.5",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4\0",
        "１.2.3.4",
        "1.2.3.4/32",
        "1.2.3.4:80",
        "[::1]",
        ":::",
        "::1 ",
        "unknown",
        "localhost",
        "unix",
        "%eth0",
        "1.2.3.4%eth0",
        "\n",
        "é",
    ],
)
def test_what_is_no_address_is_in_no_network(address: str) -> None:
    """Octal, short and dressed-up forms are read differently by others: they are not read at all."""
    assert place_of(address) is None
    assert address not in Networks(["all"])


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("10.0.0.1/8", "10.0.0.0/8 is the network around it"),
        ("2001:db8::1/32", "2001:db8::/32 is the network around it"),
        ("10.0.0.0/33", "no network"),
        ("10.0.0.0/255.0.0.0", "number of bits"),
        ("10.0.0.0/", "number of bits"),
        ("10.0.0.0/-1", "number of bits"),
        ("10.0.0/8", "no network"),
        ("010.0.0.0/8", "no network"),
        ("example.org", "no network"),
        ("", "no network"),
        ("UNIX", "no network"),
        ("10", "no network"),
    ],
)
def test_what_is_no_network_is_said_with_the_entry(entry: str, says: str) -> None:
    """The message names what was written and what to write."""
    with pytest.raises(ValueError, match=says) as raised:
        Networks([entry])
    assert repr(entry) in str(raised.value)


def test_networks_that_touch_become_one_stretch() -> None:
    """Sorted and joined, whatever the order; IPv4, IPv6 and unix never join."""
    found = Networks(["10.128.0.0/9", "unix", "10.0.0.0/9", "10.1.0.0/16", "0.0.0.0", "::/1", "8000::/1"])
    assert len(found) == 4
    assert place_of("") == UNIX_PLACE


def test_a_look_up_costs_the_same_in_ten_thousand_networks_as_in_ten() -> None:
    """Binary search: at most a few times what a handful costs, and no list walked through."""
    many = Networks(f"{10 + i // 65536}.{i // 256 % 256}.{i % 256}.128/25" for i in range(10_000))
    few = Networks(f"10.0.{i}.128/25" for i in range(10))
    assert (len(many), len(few)) == (10_000, 10)
    asked = ["10.0.5.200", "10.20.20.20", "203.0.113.9", "2001:db8::1"]

    def cost(found: Networks) -> float:
        return min(repeat(lambda: [address in found for address in asked], number=500, repeat=7))

    assert cost(many) < 4 * cost(few)
