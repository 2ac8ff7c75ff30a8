"""Which of the things that a request says about its way here are believed.

Each proxy on the way has added one element to a list; the last was added by the peer of our socket. Anybody
can send a list of any length, so it is read from the end, and each element is believed only for who wrote it:

- With trusted networks: the peer must be in them, else nothing is believed. From the end on, an element whose
  address is trusted was written by one trusted proxy about another, so the one before it counts too. The
  first address that is not trusted is the client's. When all are, the first of the list is.
- With a number of hops: that many proxies are known to stand in front, so the client is that many elements
  from the end. A shorter list was written by fewer of them, so its first element is the client.

Scheme, host, port and prefix are those which the proxy saw that spoke to the client itself: of Forwarded the
same element, of X-Forwarded-… the value as far from the end, or the only one there is.

What is not to be believed is never looked at. What is to be believed and cannot be read raises
MalformedError: the address of the proxy in place of an unreadable client's would hand out the proxy's rights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from potstill.middleware.forwarded_nodes import (
    UNKNOWN,
    MalformedError,
    Node,
    forwarded_node,
    parse_forwarded,
    x_forwarded_node,
)
from potstill.middleware.networks import Networks, place_of

Family = Literal["x-forwarded", "forwarded"]

# More trusted proxies in a row than anybody has; a list of them is somebody's attempt to keep us busy.
HOPS_MAX = 64
HOST_CHARACTERS_MAX = 255
PREFIX_CHARACTERS_MAX = 1024

SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
FIELDS = {
    "proto": "X-Forwarded-Proto",
    "host": "X-Forwarded-Host",
    "port": "X-Forwarded-Port",
    "prefix": "X-Forwarded-Prefix",
}

_HOST = re.compile(r"([0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z.])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_PORT = re.compile(r"[0-9]{1,5}")
# Segments of pchar (RFC 3986 section 3.3). Two slashes in front would make another host of a path.
_PREFIX = re.compile(r"(?:/(?:[0-9A-Za-z\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+)*/?")


@dataclass(frozen=True)
class Trust:
    """Whom to believe and what. Exactly one of `networks` and `hops` is set."""

    networks: Networks | None
    hops: int
    family: Family
    believe: frozenset[str]


@dataclass(frozen=True)
class Told:
    """What is believed of a request.

    `walked` are the elements that were looked at, from the end, with whether each was passed as trusted.
    `client` is None when nobody said. `distance` is how far from the end the proxy wrote that spoke to the
    client.
    """

    walked: list[tuple[Node, bool]] = field(default_factory=list)
    client: Node | None = None
    distance: int = 1
    values: dict[str, str] = field(default_factory=dict)


def judge(environ: Mapping[str, str], trust: Trust) -> Told | None:
    """What is believed of this request; None when its peer is not, so that nothing is.

    Raises MalformedError.
    """
    if trust.networks is not None:
        place = place_of(environ.get("REMOTE_ADDR", "missing"))
        if place is None or not trust.networks.has_place(place):
            return None
    if trust.family == "forwarded":
        return _judge_forwarded(environ.get("HTTP_FORWARDED", ""), trust)
    return _judge_x_forwarded(environ, trust)


def _judge_forwarded(value: str, trust: Trust) -> Told:
    try:
        elements = parse_forwarded(value)
        nodes = [element.get("for", UNKNOWN) for element in elements]
        walked = _walk(nodes, trust, forwarded_node)
    except MalformedError as error:
        raise MalformedError(f"Forwarded: {error}") from None
    if not walked:
        return Told()
    said = elements[-len(walked)]
    values = {name: value for name, value in said.items() if name in {"proto", "host"} & trust.believe}
    return Told(walked, walked[-1][0], len(walked), _checked(values, "Forwarded"))


def _judge_x_forwarded(environ: Mapping[str, str], trust: Trust) -> Told:
    try:
        walked = _walk(items(environ.get("HTTP_X_FORWARDED_FOR", "")), trust, x_forwarded_node)
    except MalformedError as error:
        raise MalformedError(f"X-Forwarded-For: {error}") from None
    distance = max(len(walked), 1)
    values = {}
    for name in FIELDS:
        if name in trust.believe:
            given = items(environ.get(f"HTTP_X_FORWARDED_{name.upper()}", ""))
            if 1 < len(given) < distance:
                raise MalformedError(f"{FIELDS[name]}: {len(given)} values for {distance} proxies")
            if given:
                values[name] = given[0] if len(given) == 1 else given[-distance]
    client = walked[-1][0] if walked else None
    return Told(walked, client, distance, _checked(values, "X-Forwarded"))


def items(value: str) -> list[str]:
    """The items of a list field; empty ones do not count (RFC 9110 section 5.6.1.2)."""
    return [item for part in value.split(",") if (item := part.strip(" \t"))]


def _walk(nodes: list[str], trust: Trust, read: Callable[[str], Node]) -> list[tuple[Node, bool]]:
    """The nodes from the end on, as far as they are believed; the last of them is the client."""
    walked: list[tuple[Node, bool]] = []
    for text in reversed(nodes):
        if len(walked) == HOPS_MAX:
            raise MalformedError(f"more than {HOPS_MAX} trusted proxies in a row")
        node = read(text)
        if trust.networks is None:
            passed = len(walked) + 1 < trust.hops
        else:
            passed = node.place is not None and trust.networks.has_place(node.place)
        walked.append((node, passed))
        if not passed:
            break
    return walked


def _checked(values: dict[str, str], field_name: str) -> dict[str, str]:
    """The values as they go into the environ."""
    try:
        return {name: _CHECKS[name](value) for name, value in values.items()}
    except MalformedError as error:
        raise MalformedError(f"{field_name}: {error}") from None


def _scheme(value: str) -> str:
    scheme = SCHEMES.get(value.lower())
    if scheme is None:
        raise MalformedError(f"{value[:20]!r} is neither http nor https")
    return scheme


def _host(value: str) -> str:
    match = _HOST.fullmatch(value)
    if match is None or len(value) > HOST_CHARACTERS_MAX:
        raise MalformedError(f"{value[:60]!r} is no host")
    if match[1].startswith("[") and place_of(match[1][1:-1]) is None:
        raise MalformedError(f"{value[:60]!r} is no host")
    if match[2] is not None:
        _port(match[2])
    return value


def _port(value: str) -> str:
    if not _PORT.fullmatch(value) or not 1 <= int(value) <= 65535:
        raise MalformedError(f"{value[:20]!r} is no port")
    return str(int(value))


def _prefix(value: str) -> str:
    """SCRIPT_NAME: decoded octets as latin-1 (PEP 3333), without a slash at its end."""
    if not _PREFIX.fullmatch(value) or len(value) > PREFIX_CHARACTERS_MAX:
        raise MalformedError(f"{value[:60]!r} is no path")
    prefix = unquote(value, "latin-1").rstrip("/")
    segments = prefix.split("/")[1:]
    if any(segment in ("", ".", "..") for segment in segments) or re.search(r"[\0-\x1f\x7f\\]", prefix):
        raise MalformedError(f"{value[:60]!r} is no plain path")
    return prefix


def split_host(host: str) -> tuple[str, str]:
    """(name, port) of a Host; the port is empty when there is none, or when it is no host."""
    match = _HOST.fullmatch(host)
    return (match[1], match[2] or "") if match else (host, "")


_CHECKS = {"proto": _scheme, "host": _host, "port": _port, "prefix": _prefix}
