"""The tables themselves: enough rows, each one of its kind, each with the rule that decides it."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from tests.wire.corpus import TABLES
from tests.wire.rows import Accepted, Refused

ROWS_MIN = 300
# An RFC and its section, PEP 3333 and what it calls the passage, or a line of the rules.
RULE = re.compile(r"(9110|9112|3986|6585) §[A-Z\d.]+(, §[\d.]+)?|3333 [\w ]+|rules: [\w. ,*-]+", re.ASCII)
NAME = re.compile(r"[A-Za-z0-9.-]+")
REFUSALS = {400, 413, 414, 417, 421, 431, 501, 505}

ROWS = list(chain.from_iterable(TABLES.values()))


def test_there_are_enough_rows() -> None:
    """Both kinds count: a server that refuses everything must fail as badly as one that takes everything."""
    accepted = [row for row in ROWS if isinstance(row.answers[-1], Accepted)]
    assert len(ROWS) >= ROWS_MIN
    assert ROWS_MIN / 2 < len(accepted) < len(ROWS) - ROWS_MIN / 2


@pytest.mark.parametrize("subject", TABLES)
def test_no_row_stands_twice_in_a_table(subject: str) -> None:
    """Neither by its name nor by its bytes."""
    rows = TABLES[subject]
    assert len({row.name for row in rows}) == len(rows)
    twice = [row.name for row in rows if sum((other.raw, other.behind) == (row.raw, row.behind) for other in rows) > 1]
    assert twice == []


def test_a_row_has_a_name_bytes_answers_and_a_rule() -> None:
    """What the rule string says can be looked up."""
    bad = [
        row
        for row in ROWS
        if not (NAME.fullmatch(row.name) and row.raw and row.answers and RULE.fullmatch(row.rule))
    ]
    assert bad == []


def test_only_the_last_answer_of_a_row_may_end_the_connection() -> None:
    """Behind a refusal or a close no answer can be due."""
    earlier = [answer for row in ROWS for answer in row.answers[:-1]]
    assert [answer for answer in earlier if not (isinstance(answer, Accepted) and answer.keep)] == []


def test_a_refusal_has_a_status_that_the_rules_name() -> None:
    """The application answers 200, the server never does."""
    refused = [answer for row in ROWS for answer in row.answers if isinstance(answer, Refused)]
    assert [answer for answer in refused if not set(answer.statuses) <= REFUSALS] == []
