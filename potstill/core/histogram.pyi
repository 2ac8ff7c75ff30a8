"""Log-linear histograms in shared memory; what is read out of one is a `potstill.core.spread.Spread`."""

from collections.abc import Iterable

from potstill.core.spread import Spread

def bucket_number(value: int) -> int:
    """For tests: in which bucket a value is counted."""

def read_back(values: Iterable[int]) -> Spread:
    """For tests: what some whole numbers, none below zero, are counted as."""
