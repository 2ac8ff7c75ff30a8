"""When the next fork may be."""

from __future__ import annotations

import pytest

from potstill.supervisor.backoff import FORGOTTEN_AFTER_S, PAUSE_MAX_S, STABLE_S, Backoff, pause_after


def test_pauses_double_up_to_a_bound() -> None:
    """The first death costs nobody anything."""
    pauses = [pause_after(mishaps) for mishaps in range(10)]
    assert pauses == [0, 0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pause_after(100_000) == PAUSE_MAX_S


def test_deaths_of_the_young_add_up() -> None:
    backoff = Backoff()
    assert [backoff.died(now, lived_s=1.0) for now in (1.0, 2.0, 3.0)] == [0, 0.5, 1]
    assert backoff.next_try_at == 4.0


@pytest.mark.parametrize("lived_s", [STABLE_S, 3600.0])
def test_who_has_lived_is_replaced_at_once(lived_s: float) -> None:
    """And what was before is forgotten."""
    backoff = Backoff()
    for now in (1.0, 2.0, 3.0):
        backoff.died(now, lived_s=0.1)
    assert backoff.died(4.0, lived_s) == 0
    assert backoff.died(5.0, lived_s=0.1) == 0


def test_mishaps_are_forgotten_after_a_while() -> None:
    """Also when nobody has died since."""
    backoff = Backoff()
    for now in (1.0, 2.0, 3.0):
        backoff.died(now, lived_s=0.1)
    assert backoff.died(backoff.next_try_at + FORGOTTEN_AFTER_S + 1, lived_s=0.1) == 0


def test_at_the_desk_the_pause_is_short() -> None:
    """Nobody notices a save meanwhile."""
    backoff = Backoff(pause_max_s=1.0)
    assert [backoff.died(0.0, 0.0) for _ in range(6)] == [0.0, 0.5, 1.0, 1.0, 1.0, 1.0]
