"""What is read out of a histogram; the arithmetic is in test_histogram.py, where there are histograms to
read.
"""

from __future__ import annotations

from potstill.core.spread import BUCKETS, LIMITS, Spread


def only(bucket: int, count: int = 1) -> Spread:
    return Spread(0.0, tuple(count if number == bucket else 0 for number in range(BUCKETS)))


def test_a_percentile_is_the_middle_of_its_bucket() -> None:
    assert only(0).percentile(50) == 0.5
    assert only(40).percentile(50) == (LIMITS[39] + LIMITS[40]) / 2


def test_the_rank_decides_between_buckets() -> None:
    """Of a hundred, ninety-nine are quick: the 99th per cent is quick still, the next is not."""
    spread = only(10, 99) + only(60)
    assert spread.percentile(99) < LIMITS[10]
    assert spread.percentile(99.5) > LIMITS[59]
