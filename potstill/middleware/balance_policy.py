"""Who gets the next request: pure functions of the members that may be asked, and of a key.

round-robin         by weight, interleaved: nginx's smooth weighted round-robin least-connections   who has
the fewest requests under way for its weight; among equals round-robin hash                always the same
member for the same key. Rendezvous hashing: each member draws a number from the
                    key and the highest wins, so that a member that goes away or comes back moves no other's
                    keys

A member's share is its weight, less during a slow start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

from potstill.middleware.balance_member import Member

Candidates = Sequence[tuple[Member, float]]  # with their shares; never empty
Policy = Callable[[Candidates, str], Member]
Key = Callable[[dict[str, Any]], str]


def round_robin(candidates: Candidates, key: str = "") -> Member:
    """Everybody's credit grows by the share; the richest is chosen and pays for all."""
    best = candidates[0][0]
    total = 0.0
    for member, share in candidates:
        member.credit += share
        total += share
        if member.credit > best.credit:
            best = member
    best.credit -= total
    return best


def least_connections(candidates: Candidates, key: str = "") -> Member:
    loads = [(member.in_flight + 1) / share for member, share in candidates]
    least = min(loads)
    return round_robin([one for one, load in zip(candidates, loads, strict=True) if load <= least])


def rendezvous(candidates: Candidates, key: str) -> Member:
    """The highest of weighted random numbers (Schindelhauer and Schomaker): proportional to the shares."""
    octets = key.encode("utf-8", "surrogateescape")
    return max(candidates, key=lambda one: _score(one[0].name, octets, one[1]))[0]


def _score(name: str, key: bytes, share: float) -> float:
    digest = blake2b(key, digest_size=8, key=blake2b(name.encode(), digest_size=16).digest()).digest()
    drawn = (int.from_bytes(digest) + 1) / (2**64 + 1)  # above 0 and below 1
    return -share / math.log(drawn)


POLICIES: dict[str, Policy] = {
    "round-robin": round_robin,
    "least-connections": least_connections,
    "hash": rendezvous,
}


def key_function(text: str) -> Key:
    """What requests are told apart by: "address", "path", "header:NAME" or "cookie:NAME".

    A request without that header or cookie goes by its address. Raises ValueError for any other text.
    """
    kind, _, name = text.partition(":")
    if text == "address":
        return _address
    if text == "path":
        return lambda environ: f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    if kind == "header" and name:
        field = f"HTTP_{name.upper().replace('-', '_')}"
        return lambda environ: environ.get(field) or _address(environ)
    if kind == "cookie" and name:
        return lambda environ: _cookie(environ.get("HTTP_COOKIE", ""), name) or _address(environ)
    raise ValueError(f"{text!r} is no key; there are address, path, header:NAME and cookie:NAME")


def _address(environ: dict[str, Any]) -> str:
    return environ.get("REMOTE_ADDR") or ""


def _cookie(text: str, wanted: str) -> str:
    for pair in text.split(";"):
        name, _, value = pair.partition("=")
        if name.strip() == wanted:
            return value.strip()
    return ""
