"""HTTP dates: one form is written, three are read, and nothing else is."""

from __future__ import annotations

import pytest

from potstill.middleware.http_date import http_date, parse_http_date

MOMENT = 784111777
READ = [
    # RFC 9110 section 5.6.7 has these three.
    ("Sun, 06 Nov 1994 08:49:37 GMT", MOMENT),
    ("Sunday, 06-Nov-94 08:49:37 GMT", MOMENT),
    ("Sun Nov  6 08:49:37 1994", MOMENT),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ("Sun Feb 29 00:00:00 2032", 1961625600),
    ("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800),
]
INVALID = [
    "",
    "0",
    "784111777",
    "yesterday",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 CET",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "sun, 06 nov 1994 08:49:37 gmt",
    "So, 06 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Wed, 29 Feb 2023 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 0000 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    "Sun, 06 Nov 1994 08:49:37 GMT\n",
    "Sun, ٠٦ Nov 1994 08:49:37 GMT",
]


@pytest.mark.parametrize(("text", "seconds"), READ)
def test_the_three_forms_are_read(text: str, seconds: int) -> None:
    """RFC 9110 section 5.6.7: recipients accept all three."""
    assert parse_http_date(text) == seconds


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_date_is_none(text: str) -> None:
    """A condition whose date is not valid has to be ignored (sections 13.1.3 and 13.1.4)."""
    assert parse_http_date(text) is None


def test_a_date_of_two_digits_is_of_the_nearest_century() -> None:
    """More than 50 years ahead means the last century."""
    year_99 = parse_http_date("Friday, 31-Dec-99 23:59:59 GMT")
    assert year_99 is not None
    assert http_date(year_99) == "Fri, 31 Dec 1999 23:59:59 GMT"


@pytest.mark.parametrize("seconds", [0, MOMENT, MOMENT + 0.999, 4102444800])
def test_what_is_written_can_be_read(seconds: float) -> None:
    """IMF-fixdate, in GMT, whatever the locale; parts of a second are cut off."""
    assert parse_http_date(http_date(seconds)) == int(seconds)
