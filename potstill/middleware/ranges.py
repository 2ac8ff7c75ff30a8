"""Range requests: which parts of a representation the client asks for (RFC 9110 section 14).

What a server may ignore is ignored, so that the answer is the whole: unknown units, ranges that are not
well-formed, and more of them than anybody needs. Ranges that overlap or nearly touch are sent as one, so that
no answer is longer than the representation and a little framing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Players and readers of documents ask for one or a few; many small ones are an attack (section 14.2).
RANGES_MAX = 32
# Between two parts stand a boundary and two fields of about this size: a smaller gap is sent with them.
GAP_MAX = 80

_RANGE = re.compile(r"[ \t]*(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))[ \t]*", re.ASCII)


class Part(NamedTuple):
    """Octets from `start` up to but not including `stop`."""

    start: int
    stop: int


def parse_range(header: str, size: int) -> list[Part] | None:
    """The parts to send, in the order in which they were asked for.

    None: ignore the field and send the whole. An empty list: none can be satisfied, which is a 416.
    """
    unit, equals, text = header.partition("=")
    specs = text.split(",", RANGES_MAX)
    if unit.strip(" \t").lower() != "bytes" or not equals or len(specs) > RANGES_MAX:
        return None
    parts: list[Part] = []
    for spec in specs:
        if not spec.strip(" \t"):
            continue  # RFC 9110 section 5.6.1.2: empty elements of a list do not count
        match = _RANGE.fullmatch(spec)
        if match is None:
            return None
        first, last, suffix = match.groups()
        if suffix is None and last and int(last) < int(first):
            return None
        part = _part(first, last, suffix, size)
        if part is not None:
            _add(parts, part)
    # `bytes=` or `bytes=,` asks for nothing that could be said to be out of range.
    return parts if text.strip(" \t,") else None


def _part(first: str | None, last: str | None, suffix: str | None, size: int) -> Part | None:
    """One range within the representation, or None when it lies outside."""
    if first is None:
        length = min(int(suffix or 0), size)
        return Part(size - length, size) if length else None
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    return Part(start, stop) if start < size else None


def _add(parts: list[Part], part: Part) -> None:
    """Add a part, as one with those that it overlaps or nearly touches; the place is the first one's."""
    place = len(parts)
    for index in range(len(parts) - 1, -1, -1):
        other = parts[index]
        if part.start <= other.stop + GAP_MAX and other.start <= part.stop + GAP_MAX:
            part = Part(min(part.start, other.start), max(part.stop, other.stop))
            del parts[index]
            place = index
    parts.insert(place, part)
