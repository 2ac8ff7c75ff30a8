"""The table of refusals."""

from __future__ import annotations

import http
import re

from potstill.core.refusals import REFUSALS

ROWS = [refusal for refusal in REFUSALS if refusal is not None]


def test_the_first_two_codes_are_no_refusals() -> None:
    """They are INCOMPLETE and COMPLETE."""
    assert REFUSALS[:2] == [None, None]
    assert len(ROWS) == len(REFUSALS) - 2


def test_every_rule_has_a_name_of_its_own() -> None:
    """Counters and logs tell them apart by it."""
    rules = [refusal.rule for refusal in ROWS]
    assert len(set(rules)) == len(rules)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]+", rule) for rule in rules)


def test_every_status_is_an_error() -> None:
    """And one that has a reason phrase."""
    assert all(refusal.status >= 400 and http.HTTPStatus(refusal.status).phrase for refusal in ROWS)


def test_every_text_is_one_sentence_with_its_section() -> None:
    """It goes to the client and to the log, so it is plain ASCII as well."""
    for refusal in ROWS:
        assert re.fullmatch(r"[A-Z][ -~]+ \(RFC \d+ section [\d.]+\)\.", refusal.text), refusal
