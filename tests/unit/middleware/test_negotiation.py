"""Accept-Encoding, by RFC 9110 section 12.5.3."""

from __future__ import annotations

import pytest

from potstill.middleware.negotiation import choose, qualities

OFFERS = ("br", "zstd", "gzip")
ROWS = [
    (None, "identity"),
    ("", "identity"),
    ("gzip", "gzip"),
    ("GZip", "gzip"),
    ("x-gzip", "gzip"),
    ("gzip, deflate, br, zstd", "br"),
    ("gzip, deflate", "gzip"),
    ("deflate", "identity"),
    ("*", "br"),
    ("*;q=0", "identity"),
    ("br;q=0", "identity"),
    ("br;q=0, *", "zstd"),
    ("br;q=0.0, zstd;q=0.000, gzip;q=0.001", "gzip"),
    ("gzip;q=1.0, br;q=0.9", "gzip"),
    ("gzip;q=0.5, br;q=0.8, zstd;q=0.8", "br"),
    ("gzip ; q=0.5 , br ; Q=0.8", "br"),
    ("identity, gzip", "gzip"),
    ("identity;q=1, gzip;q=0.5", "identity"),
    ("identity;q=0.5, gzip;q=0.5", "gzip"),
    ("identity;q=0", "identity"),
    ("gzip;q=2", "identity"),
    ("gzip;q=0.1234", "identity"),
    ("gzip;q=x", "identity"),
    ("gzip;level=9", "identity"),
    ("gz ip", "identity"),
    (";q=1", "identity"),
    (",,gzip,,", "gzip"),
]


@pytest.mark.parametrize(("header", "coding"), ROWS)
def test_the_coding_that_is_liked_best(header: str | None, coding: str) -> None:
    """Of those offered; the first of equals; plain rather than nothing."""
    assert choose(header, OFFERS) == coding


def test_nothing_offered_is_plain() -> None:
    """Whatever is accepted."""
    assert choose("gzip, *", ()) == "identity"


def test_only_the_beginning_of_an_endless_list_is_read() -> None:
    """A bound on the work for one field."""
    assert len(qualities(",".join(f"c{number}" for number in range(1000)))) == 32
