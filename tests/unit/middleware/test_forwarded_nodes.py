"""The grammar of Forwarded (RFC 7239) and the addresses in it, in tables and against a writer of valid
fields."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware.forwarded_nodes import (
    MalformedError,
    forwarded_node,
    parse_forwarded,
    x_forwarded_node,
)

TOKEN = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # The examples of RFC 7239, sections 4 and 7.1 and 7.4.
        ('for="_gazonk"', [{"for": "_gazonk"}]),
        ('For="[2001:db8:cafe::17]:4711"', [{"for": "[2001:db8:cafe::17]:4711"}]),
        (
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            [{"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}],
        ),
        ("for=192.0.2.43, for=198.51.100.17", [{"for": "192.0.2.43"}, {"for": "198.51.100.17"}]),
        (
            'for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown',
            [{"for": "192.0.2.43"}, {"for": "[2001:db8:cafe::17]"}, {"for": "unknown"}],
        ),
        ("for=_hidden, for=_SEVKISEK", [{"for": "_hidden"}, {"for": "_SEVKISEK"}]),
        # Quoting, empty pairs and empty elements.
        ('host="a\\"b\\\\c"', [{"host": 'a"b\\c'}]),
        ('host="a,b;c=d";proto=http', [{"host": "a,b;c=d", "proto": "http"}]),
        ('for=""', [{"for": ""}]),
        (";for=a;", [{"for": "a"}]),
        ("for=a;;proto=b", [{"for": "a", "proto": "b"}]),
        (", ,for=a,\t,  for=b , ", [{"for": "a"}, {"for": "b"}]),
        ("", []),
        (" \t", []),
        ("ext=x", [{"ext": "x"}]),
    ],
)
def test_what_the_grammar_has(value: str, expected: list[dict[str, str]]) -> None:
    """In order, by lower-case name."""
    assert parse_forwarded(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "for",
        "for=",
        "=a",
        "for =a",
        "for= a",
        "for=a; proto=b",
        "for=a ;proto=b",
        "for=a proto=b",
        'for="a',
        'for=a"',
        'for="a"b',
        'for="a\\"',
        'for="a\\',
        'for=", for=1.2.3.4',
        "for=[::1]",
        "for=1.2.3.4:80",
        "for=a;for=b",
        "for=a;FOR=a",
        "for=a\x00",
        'for="\x01"',
        'for="a\nb"',
        "for=é",
        "for=a/b",
        "1.2.3.4",
        "for:a",
        "for=a|,=",
        "for=a\xa0",
        'for="a\x7f"',
    ],
)
def test_what_the_grammar_does_not_have(value: str) -> None:
    """One bad place spoils all: where it ends is not known."""
    for whole in (value, f"for=192.0.2.1, {value}", f"{value}, for=192.0.2.1"):
        with pytest.raises(MalformedError):
            parse_forwarded(whole)


NAMES = st.text(st.sampled_from(TOKEN), min_size=1, max_size=5).map(str.lower)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF).filter(lambda c: not "\x7f" <= c <= "\x9f")
)
ELEMENTS = st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), max_size=5)


@given(ELEMENTS, st.randoms(use_true_random=False))
def test_what_was_written_by_the_grammar_is_read_back(elements: list[dict[str, str]], random: object) -> None:
    """Values as tokens where they can be, quoted where they must; names in any letters."""
    choose = random.choice  # type: ignore[attr-defined]

    def pair(name: str, value: str) -> str:
        if value and set(value) <= set(TOKEN) and choose((True, False)):
            return f"{choose((name, name.upper()))}={value}"
        escaped = "".join(f"\\{c}" if c in '"\\' or choose((True, False)) else c for c in value)
        return f'{name}="{escaped}"'

    value = choose((",", ", ", " ,\t")).join(
        ";".join(pair(*item) for item in element.items()) for element in elements
    )
    assert parse_forwarded(value) == elements


@given(st.text(max_size=40), st.text('=;,"\\ ab_:[]1.', max_size=40))
def test_no_text_does_anything_but_parse_or_be_malformed(any_text: str, near: str) -> None:
    """No other exception, whatever comes."""
    for text in (any_text, near):
        for parse in (parse_forwarded, forwarded_node, x_forwarded_node):
            try:
                parse(text)
            except MalformedError:
                continue


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.1", "192.0.2.1", ""),
        ("192.0.2.1:4711", "192.0.2.1", "4711"),
        ("[2001:DB8:0:0::1]", "2001:db8::1", ""),
        ("[2001:db8::1]:443", "2001:db8::1", "443"),
        ("[::ffff:192.0.2.1]:1", "192.0.2.1", "1"),
        ("unknown", "unknown", ""),
        ("Unknown:80", "unknown", "80"),
        ("_hidden", "_hidden", ""),
        ("_a.b-c_d:_port", "_a.b-c_d", ""),
        ("192.0.2.1:_port", "192.0.2.1", ""),
    ],
)
def test_nodes(text: str, address: str, port: str) -> None:
    """RFC 7239 section 6; the address in canonical form. X-Forwarded-For takes the same."""
    for read in (forwarded_node, x_forwarded_node):
        node = read(text)
        assert (node.address, node.port) == (address, port)
        assert (node.place is None) == address.startswith(("u", "_"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:+1",
        "1.2.3.4:123456",
        "1.2.3.4:65536",
        "1.2.3.4:８０",
        "1.2.3.4/8",
        "[1.2.3.4]",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1]:",
        "[]",
        "[::1]]",
        "[::1%eth0]",
        "fe80::1%eth0",
        "_",
        "_a b",
        "_é",
        "unknown_",
        "localhost",
        "10.0.0.1\n",
        "1.2.3.4 ",
        "-1",
        "0x7f000001",
        ":80",
        "unix",
    ],
)
def test_what_is_no_node(text: str) -> None:
    """Neither in Forwarded nor in X-Forwarded-For."""
    for read in (forwarded_node, x_forwarded_node):
        with pytest.raises(MalformedError):
            read(text)


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_without_brackets_is_for_x_forwarded_for_alone(
    address: ipaddress.IPv6Address,
) -> None:
    """Its last group could be a port: RFC 7239 wants brackets, X-Forwarded-For mostly has none."""
    assert x_forwarded_node(str(address)).place == forwarded_node(f"[{address}]").place
    with pytest.raises(MalformedError):
        forwarded_node(str(address))
