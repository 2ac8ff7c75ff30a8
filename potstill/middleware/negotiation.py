"""Content codings by Accept-Encoding (RFC 9110 section 12.5.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable

IDENTITY = "identity"
# No client has more to say; the rest of a longer list is not read.
ELEMENTS_MAX = 32

_ELEMENT = re.compile(
    r"[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.ASCII,
)


def qualities(header: str) -> dict[str, float]:
    """Each coding that the field names, in lower case, with its weight; what is malformed is left out."""
    found: dict[str, float] = {}
    for element in header.split(",", ELEMENTS_MAX)[:ELEMENTS_MAX]:
        match = _ELEMENT.fullmatch(element)
        if match is not None:
            coding = match[1].lower().removeprefix("x-")  # section 8.4.1: x-gzip is gzip
            found[coding] = 1.0 if match[2] is None else float(match[2])
    return found


def choose(header: str | None, offers: Iterable[str]) -> str:
    """The coding to use: of those offered, the one that the client likes best; the first of equals.

    IDENTITY when there is no field, when nothing offered is acceptable, and when the client likes the plain
    form better. It is also the answer where the client excludes it: rather something than a 406.
    """
    if not header:
        return IDENTITY
    wishes = qualities(header)
    anything_else = wishes.get("*", 0.0)
    # Plain is acceptable without being named, but not wished for.
    best, weight = IDENTITY, wishes.get(IDENTITY, 0.0)
    for coding in offers:
        wish = wishes.get(coding, anything_else)
        if wish > weight or (wish == weight and wish > 0 and best == IDENTITY):
            best, weight = coding, wish
    return best
