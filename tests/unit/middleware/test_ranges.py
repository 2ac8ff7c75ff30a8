"""Which octets a Range field asks for (RFC 9110 section 14)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware.ranges import GAP_MAX, RANGES_MAX, parse_range

SIZE = 10_000
IGNORED = None
UNSATISFIABLE: list[tuple[int, int]] = []

ROWS: list[tuple[str, list[tuple[int, int]] | None]] = [
    # The examples of section 14.1.2
    ("bytes=0-499", [(0, 500)]),
    ("bytes=500-999", [(500, 1000)]),
    ("bytes=-500", [(9500, 10000)]),
    ("bytes=9500-", [(9500, 10000)]),
    ("bytes=0-0,-1", [(0, 1), (9999, 10000)]),
    ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10000)]),
    ("bytes=500-600,601-999", [(500, 1000)]),
    ("bytes=500-700,601-999", [(500, 1000)]),
    # At the edges
    ("bytes=0-", [(0, 10000)]),
    ("bytes=9999-", [(9999, 10000)]),
    ("bytes=9990-20000", [(9990, 10000)]),
    ("bytes=-20000", [(0, 10000)]),
    ("BYTES=0-0", [(0, 1)]),
    ("bytes=0-0,", [(0, 1)]),
    ("bytes=,0-0,,", [(0, 1)]),
    ("bytes=\t0-0 ", [(0, 1)]),
    ("bytes=00000-0001", [(0, 2)]),
    # Nothing to satisfy
    ("bytes=10000-", UNSATISFIABLE),
    ("bytes=20000-30000", UNSATISFIABLE),
    ("bytes=-0", UNSATISFIABLE),
    ("bytes=10000-,-0", UNSATISFIABLE),
    ("bytes=9999999999999999999-", UNSATISFIABLE),
    # One of several
    ("bytes=20000-,0-0", [(0, 1)]),
    ("bytes=-0,5-5", [(5, 6)]),
    # The order asked for is kept, and joined ones stand where the first stood
    ("bytes=5000-5009,0-9", [(5000, 5010), (0, 10)]),
    ("bytes=5000-5009,0-9,5005-5019", [(5000, 5020), (0, 10)]),
    ("bytes=0-9,100-109,10-99", [(0, 110)]),
    (f"bytes=0-9,{10 + GAP_MAX}-200", [(0, 201)]),
    (f"bytes=0-9,{11 + GAP_MAX}-200", [(0, 10), (11 + GAP_MAX, 201)]),
    # Not well-formed, or of another unit: as if it were not there
    ("bytes", IGNORED),
    ("bytes=", IGNORED),
    ("bytes=,", IGNORED),
    ("bytes=-", IGNORED),
    ("bytes=abc", IGNORED),
    ("bytes=5-4", IGNORED),
    ("bytes=0-0,5-4", IGNORED),
    ("bytes=0-0;1-1", IGNORED),
    ("bytes=0 - 1", IGNORED),
    ("bytes=+1-2", IGNORED),
    ("bytes=1_0-20", IGNORED),
    ("bytes=0x1-2", IGNORED),
    ("bytes=--1", IGNORED),
    ("bytes=1-2-3", IGNORED),
    ("bytes=٠-١", IGNORED),
    ("bytes=99999999999999999999-", IGNORED),
    ("bytes 0-1", IGNORED),
    ("items=0-1", IGNORED),
    ("", IGNORED),
    ("=0-1", IGNORED),
]


@pytest.mark.parametrize(("header", "parts"), ROWS)
def test_what_is_asked_for(header: str, parts: list[tuple[int, int]] | None) -> None:
    """The parts to send, none for a 416, None for the whole."""
    assert parse_range(header, SIZE) == parts


def test_an_empty_file_has_no_satisfiable_range() -> None:
    """Section 14.1.2: a first position is never below a length of 0."""
    assert parse_range("bytes=0-", 0) == []
    assert parse_range("bytes=-5", 0) == []


def test_many_ranges_are_ignored() -> None:
    """Section 14.2: a set of many small ranges is an attack or a broken client."""
    some = ",".join(f"{place * 200}-{place * 200}" for place in range(RANGES_MAX))
    assert len(parse_range(f"bytes={some}", SIZE) or []) == RANGES_MAX
    assert parse_range(f"bytes={some},9999-9999", SIZE) is None


def test_overlapping_ranges_never_add_up_to_more_than_the_whole() -> None:
    """The attack on Apache of 2011: hundreds of times the same octets."""
    parts = parse_range("bytes=" + ",".join(f"{start}-" for start in range(RANGES_MAX)), SIZE)
    assert parts == [(0, SIZE)]


@given(st.lists(st.from_regex(r"[0-9]{0,3}-[0-9]{0,3}", fullmatch=True), max_size=40), st.integers(0, 600))
def test_whatever_is_asked_for_lies_inside_and_apart(specs: list[str], size: int) -> None:
    """Parts are not empty, lie in the file, and are further apart than what stands between them."""
    parts = parse_range("bytes=" + ",".join(specs), size) or []
    assert all(0 <= start < stop <= size for start, stop in parts)
    in_order = sorted(parts)
    assert all(one[1] + GAP_MAX < other[0] for one, other in pairwise(in_order))


@given(st.text("bytes=-,0123456789 \t", max_size=40), st.integers(0, 600))
def test_no_header_breaks_the_parser(header: str, size: int) -> None:
    """It is ignored, or asks for parts."""
    parts = parse_range(header, size)
    assert parts is None or all(0 <= start < stop <= size for start, stop in parts)
