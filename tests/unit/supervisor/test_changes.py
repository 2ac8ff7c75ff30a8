"""What a reload may change, and how many workers a configuration means."""

from __future__ import annotations

from potstill.settings import Settings
from potstill.supervisor.changes import carry_over, this_machine, wanted_workers


def test_what_a_reload_may_change_is_taken_over() -> None:
    old, new = Settings(workers=2), Settings(workers=4, threads=3, keepalive=5.0)
    assert carry_over(old, new) == (new, [])


def test_what_it_may_not_change_stays_and_is_named() -> None:
    old = Settings(workers=2, bind=("127.0.0.1:1",), preload=True)
    kept, names = carry_over(old, Settings(workers=2, bind=("127.0.0.1:2",), threads=3))
    assert (kept.bind, kept.preload, kept.threads) == (("127.0.0.1:1",), True, 3)
    assert names == ["bind", "preload"]


def test_a_supervisor_cannot_be_reloaded_away() -> None:
    kept, names = carry_over(Settings(workers=2), Settings())
    assert (kept.workers, names) == (2, ["workers"])


def test_the_number_of_workers() -> None:
    """As it was written, or with a reason."""
    assert wanted_workers(Settings(workers=3)) == (3, "")
    number, why = wanted_workers(Settings(workers=None))
    assert 1 <= number <= this_machine().processors
    assert why.startswith(f"workers auto: {number}, for ")
