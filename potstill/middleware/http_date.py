"""HTTP dates (RFC 9110 section 5.6.7): written in one form, read in all three.

`time.strptime` and `strftime` follow the process's locale, and `email.utils` reads nearly anything as a date;
a recipient has to ignore a condition whose date is not valid, so neither is used for reading.
"""

from __future__ import annotations

import calendar
import re
import time
from email.utils import formatdate

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(MONTHS)
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = (
    # Sun, 06 Nov 1994 08:49:37 GMT
    re.compile(
        rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d\d) (?P<month>{_MONTH}) (?P<year>\d{{4}}) {_CLOCK} GMT",
        re.ASCII,
    ),
    # Sunday, 06-Nov-94 08:49:37 GMT
    re.compile(
        rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-(?P<month>{_MONTH})-(?P<year>\d\d) "
        rf"{_CLOCK} GMT",
        re.ASCII,
    ),
    # Sun Nov  6 08:49:37 1994
    re.compile(
        rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>{_MONTH}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
        re.ASCII,
    ),
)


def http_date(seconds: float) -> str:
    """IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`; parts of a second are cut off."""
    return formatdate(int(seconds), usegmt=True)


def parse_http_date(text: str) -> int | None:
    """Seconds since 1970, or None where the text is no valid HTTP date."""
    match = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    if match is None:
        return None
    year, month, day = int(match["year"]), MONTHS.index(match["month"]) + 1, int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if len(match["year"]) == 2:
        # A date of two digits that is more than 50 years ahead is one of the last century.
        this_year = time.gmtime().tm_year
        year += this_year - this_year % 100
        year -= 100 if year > this_year + 50 else 0
    if year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 60:  # 60: a leap second
        return None
    return calendar.timegm((year, month, day, hour, minute, second))
