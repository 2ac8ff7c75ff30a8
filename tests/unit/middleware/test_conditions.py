"""Preconditions in the order of RFC 9110 section 13.2.2, row by row."""

from __future__ import annotations

import pytest

from potstill.middleware.conditions import evaluate, range_applies, tags
from potstill.middleware.http_date import http_date

TAG = '"abc"'
WEAK = 'W/"abc"'
MODIFIED = 1_700_000_000
SAME, EARLIER, LATER = http_date(MODIFIED), http_date(MODIFIED - 1), http_date(MODIFIED + 1)

Row = tuple[dict[str, str], int]
ROWS: list[Row] = [
    ({}, 200),
    # 13.1.1 If-Match, compared strongly
    ({"IF_MATCH": TAG}, 200),
    ({"IF_MATCH": "*"}, 200),
    ({"IF_MATCH": ' "x" , "abc" '}, 200),
    ({"IF_MATCH": '"x", "y,", "abc"'}, 200),
    ({"IF_MATCH": '"x"'}, 412),
    ({"IF_MATCH": WEAK}, 412),
    ({"IF_MATCH": ""}, 412),
    ({"IF_MATCH": "abc"}, 412),
    ({"IF_MATCH": '"abc'}, 412),
    ({"IF_MATCH": '"abc" "x"'}, 412),
    # 13.1.4 If-Unmodified-Since, only without If-Match
    ({"IF_UNMODIFIED_SINCE": SAME}, 200),
    ({"IF_UNMODIFIED_SINCE": LATER}, 200),
    ({"IF_UNMODIFIED_SINCE": EARLIER}, 412),
    ({"IF_UNMODIFIED_SINCE": "never"}, 200),
    ({"IF_MATCH": TAG, "IF_UNMODIFIED_SINCE": EARLIER}, 200),
    ({"IF_MATCH": '"x"', "IF_UNMODIFIED_SINCE": LATER}, 412),
    # 13.1.2 If-None-Match, compared weakly
    ({"IF_NONE_MATCH": TAG}, 304),
    ({"IF_NONE_MATCH": WEAK}, 304),
    ({"IF_NONE_MATCH": "*"}, 304),
    ({"IF_NONE_MATCH": '"x", W/"abc"'}, 304),
    ({"IF_NONE_MATCH": ',, "x",, "abc",'}, 304),
    ({"IF_NONE_MATCH": '"x"'}, 200),
    ({"IF_NONE_MATCH": '"ABC"'}, 200),
    ({"IF_NONE_MATCH": "abc"}, 200),
    ({"IF_NONE_MATCH": 'w/"abc"'}, 200),
    # 13.1.3 If-Modified-Since, only without If-None-Match
    ({"IF_MODIFIED_SINCE": SAME}, 304),
    ({"IF_MODIFIED_SINCE": LATER}, 304),
    ({"IF_MODIFIED_SINCE": EARLIER}, 200),
    ({"IF_MODIFIED_SINCE": "soon"}, 200),
    ({"IF_NONE_MATCH": '"x"', "IF_MODIFIED_SINCE": LATER}, 200),
    ({"IF_NONE_MATCH": TAG, "IF_MODIFIED_SINCE": EARLIER}, 304),
    # Steps 1 and 2 come before 3 and 4
    ({"IF_MATCH": '"x"', "IF_NONE_MATCH": TAG}, 412),
    ({"IF_MATCH": TAG, "IF_NONE_MATCH": TAG}, 304),
    ({"IF_UNMODIFIED_SINCE": EARLIER, "IF_NONE_MATCH": TAG}, 412),
    ({"IF_UNMODIFIED_SINCE": SAME, "IF_MODIFIED_SINCE": SAME}, 304),
]


@pytest.mark.parametrize(("fields", "verdict"), ROWS)
def test_the_order_of_preconditions(fields: dict[str, str], verdict: int) -> None:
    """Each field alone, the pairs of which one silences the other, and who comes first."""
    environ = {f"HTTP_{name}": value for name, value in fields.items()}
    assert evaluate(environ, TAG, MODIFIED) == verdict


@pytest.mark.parametrize(
    ("validator", "now", "applies"),
    [
        (None, MODIFIED + 9, True),
        (TAG, MODIFIED + 9, True),
        (WEAK, MODIFIED + 9, False),
        ('"x"', MODIFIED + 9, False),
        (f"{TAG}, {TAG}", MODIFIED + 9, False),
        (SAME, MODIFIED + 9, True),
        (EARLIER, MODIFIED + 9, False),
        (LATER, MODIFIED + 9, False),
        ("*", MODIFIED + 9, False),
        ("", MODIFIED + 9, False),
        # Section 8.8.2.2: within the second it may have changed twice
        (SAME, MODIFIED + 1, False),
    ],
)
def test_if_range(validator: str | None, now: float, applies: bool) -> None:
    """Section 13.1.5: an exact match of a strong validator, or the whole representation."""
    environ = {} if validator is None else {"HTTP_IF_RANGE": validator}
    assert range_applies(environ, TAG, MODIFIED, now) is applies


def test_a_weak_tag_of_ours_matches_weakly_only() -> None:
    """Section 8.8.3.2."""
    assert evaluate({"HTTP_IF_NONE_MATCH": TAG}, WEAK, MODIFIED) == 304
    assert evaluate({"HTTP_IF_MATCH": WEAK}, WEAK, MODIFIED) == 412
    assert not range_applies({"HTTP_IF_RANGE": WEAK}, WEAK, MODIFIED, MODIFIED + 9)


def test_a_long_list_takes_no_long_time() -> None:
    """As long as a field may be, and not well-formed at its very end: one pass over it, no search."""
    assert tags(", ".join(['"a"'] * 4000) + ' "') == []
    assert len(tags(", ".join(['W/"a"'] * 4000))) == 4000
