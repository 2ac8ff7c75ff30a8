"""What a proxy says about a hop: the grammar of Forwarded (RFC 7239) and of X-Forwarded-For.

Both come to the same: a list of elements, in the order in which the proxies added them, so that the last was
written by the peer of our own socket. The parser takes the grammar of RFC 7239 and nothing more, for what
two readers may read differently is where addresses are forged. X-Forwarded-For has no grammar; here it is a
list of addresses, with or without a port, and of what RFC 7239 has for those who will not tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from potstill.middleware.networks import address_at, place_of

UNKNOWN = "unknown"

# RFC 7239 section 4; token and quoted-string are RFC 9110 sections 5.6.2 and 5.6.4. There is no space in a
# pair and none around its semicolons.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"
_PAIR = re.compile(rf'({_TOKEN})=(?:({_TOKEN})|"({_QUOTED})")')
_SPACE = re.compile(r"[ \t]*")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
# RFC 7239 section 6. An obfuscated port is "_" and a name, and tells nothing.
_OBFUSCATED = re.compile(r"_[A-Za-z0-9._\-]+")
_NODE_PORT = re.compile(r"([0-9]{1,5})|_[A-Za-z0-9._\-]+")


class MalformedError(ValueError):
    """A field that has to be believed and cannot be read; the message says what is wrong with it."""


@dataclass(frozen=True)
class Node:
    """Whom a hop was for.

    `address` is in canonical form, or `unknown`, or an obfuscated identifier (RFC 7239 section 6.3). `place`
    is where it stands in networks.py, None without an address. `port` is digits, or empty.
    """

    address: str
    place: int | None = None
    port: str = ""


def parse_forwarded(value: str) -> list[dict[str, str]]:
    """The elements of a Forwarded field, each as its parameters by lower-case name, quoting undone.

    Raises MalformedError when any part of it is not as RFC 7239 section 4 has it: where one element ends and
    the next begins is known only when all of it can be read.
    """
    elements: list[dict[str, str]] = []
    element: dict[str, str] = {}
    position = _skip_space(value, 0)
    while position < len(value):
        if value[position] not in ",;":
            position = _pair(value, position, element)
        after = _skip_space(value, position)
        end = after == len(value)
        if end or value[after] == ",":
            if element:  # an empty element of a list does not count (RFC 9110 section 5.6.1.2)
                elements.append(element)
            element = {}
            position = after if end else _skip_space(value, after + 1)
        elif value[position] == ";":
            position += 1
            if value[position : position + 1] in (" ", "\t"):
                raise MalformedError("there is a space behind a semicolon (RFC 7239 section 4)")
        else:
            raise MalformedError(f"behind {value[:position][-20:]!r} comes neither a semicolon nor a comma")
    if element:
        elements.append(element)
    return elements


def _skip_space(value: str, position: int) -> int:
    match = _SPACE.match(value, position)
    return match.end() if match else position


def _pair(value: str, position: int, element: dict[str, str]) -> int:
    """Put the pair at this position into the element; returns where it ends."""
    match = _PAIR.match(value, position)
    if match is None:
        raise MalformedError(f"{value[position : position + 20]!r} is not name=value (RFC 7239 section 4)")
    name, token, quoted = match.groups()
    if name.lower() in element:
        raise MalformedError(f"an element has {name.lower()!r} twice (RFC 7239 section 4)")
    element[name.lower()] = token if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
    return match.end()


def forwarded_node(text: str) -> Node:
    """The node of RFC 7239 section 6 that a `for` or `by` parameter names; an IPv6 address is in brackets.

    Raises MalformedError.
    """
    name, colon, port = text, "", ""
    if text.startswith("["):
        name, bracket, rest = text.partition("]")
        name += bracket
        if rest and not rest.startswith(":"):
            raise MalformedError(f"{text!r}: behind an IPv6 address comes a colon and a port")
        colon, port = rest[:1], rest[1:]
    elif ":" in text:
        name, colon, port = text.partition(":")
    if colon and not _NODE_PORT.fullmatch(port):
        raise MalformedError(f"{text!r} has no valid port")
    return _node(name, port, text, bare_ipv6=False)


def x_forwarded_node(text: str) -> Node:
    """An item of X-Forwarded-For: as in RFC 7239, or an IPv6 address without brackets.

    Raises MalformedError.
    """
    if text.count(":") > 1 and not text.startswith("["):
        return _node(text, "", text, bare_ipv6=True)
    return forwarded_node(text)


def _node(name: str, port: str, text: str, *, bare_ipv6: bool) -> Node:
    digits = port if port.isdigit() else ""
    if digits and int(digits) > 65535:
        raise MalformedError(f"{text!r} has no valid port")
    if name.lower() == UNKNOWN:
        return Node(UNKNOWN, None, digits)
    if _OBFUSCATED.fullmatch(name):
        return Node(name, None, digits)
    bracketed = name.startswith("[") and name.endswith("]")
    address = name[1:-1] if bracketed else name
    place = place_of(address) if address and "%" not in address else None
    if place is None or (":" in address) != (bracketed or bare_ipv6):
        raise MalformedError(f"{text!r} is no address (RFC 7239 section 6)")
    return Node(address_at(place), place, digits)
