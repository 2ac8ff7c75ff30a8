"""Conditional requests: what the client's preconditions make of a representation.

RFC 9110 section 13.2.2 gives the order, and `evaluate` reads like it. Only If-None-Match compares weakly; a
weak tag in If-Match or If-Range never matches (sections 13.1.1, 13.1.5).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from potstill.middleware.http_date import parse_http_date

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

OK, NOT_MODIFIED, PRECONDITION_FAILED = 200, 304, 412

# RFC 9110 section 8.8.3; octets from 0x80 come as latin-1 (PEP 3333).
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_ONE = re.compile(_TAG)
_LIST = re.compile(rf"[ \t,]*{_TAG}[ \t]*(?:,[ \t]*(?:{_TAG}[ \t]*)?)*")

# A file that changed less than this ago may change again within the same second, unseen by its date.
SETTLED_S = 2


def evaluate(environ: WSGIEnvironment, etag: str, modified_s: int) -> int:
    """OK, NOT_MODIFIED or PRECONDITION_FAILED for a GET or HEAD of a representation that exists.

    `etag` is quoted; `modified_s` is what Last-Modified says, in seconds since 1970.
    """
    # Steps 1 and 2: is it still what the client means?
    if_match = environ.get("HTTP_IF_MATCH")
    if if_match is not None:
        if not matches_strongly(if_match, etag):
            return PRECONDITION_FAILED
    else:
        date = parse_http_date(environ.get("HTTP_IF_UNMODIFIED_SINCE", ""))
        if date is not None and modified_s > date:
            return PRECONDITION_FAILED
    # Steps 3 and 4: does the client have it already?
    if_none_match = environ.get("HTTP_IF_NONE_MATCH")
    if if_none_match is not None:
        return NOT_MODIFIED if matches_weakly(if_none_match, etag) else OK
    date = parse_http_date(environ.get("HTTP_IF_MODIFIED_SINCE", ""))
    return NOT_MODIFIED if date is not None and modified_s <= date else OK


def range_applies(environ: WSGIEnvironment, etag: str, modified_s: int, now_s: float) -> bool:
    """Step 5: whether Range is to be heeded, by If-Range. A failed If-Range asks for the whole."""
    validator = environ.get("HTTP_IF_RANGE")
    if validator is None:
        return True
    if _ONE.fullmatch(validator):
        return bool(validator == etag and not etag.startswith("W/"))
    # Section 13.1.5: a date has to match exactly, and to be strong in the sense of section 8.8.2.2.
    return parse_http_date(validator) == modified_s and now_s - modified_s >= SETTLED_S


def matches_strongly(header: str, etag: str) -> bool:
    """Whether an If-Match list has this very tag; a list that is not well-formed has none."""
    if header.strip(" \t") == "*":
        return True
    return not etag.startswith("W/") and etag in tags(header)


def matches_weakly(header: str, etag: str) -> bool:
    """Whether an If-None-Match list has the tag, weak or not (section 8.8.3.2)."""
    if header.strip(" \t") == "*":
        return True
    return etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags(header)}


def tags(header: str) -> list[str]:
    """The entity tags of a list, with quotes and `W/`; none of a list that is not well-formed."""
    return _ONE.findall(header) if _LIST.fullmatch(header) else []
