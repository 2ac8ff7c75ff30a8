"""Log-linear histograms: where a value is counted, and what can be told of it afterwards."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.core.histogram import bucket_number, read_back
from potstill.core.spread import BUCKETS, LIMITS, NOTHING, Spread, bucket_limit, joined
from tests.support.properties import PATIENTLY

VALUES = st.integers(0, (1 << 28) - 1)


@PATIENTLY
@given(VALUES)
def test_a_value_lies_between_the_limits_of_its_bucket(value: int) -> None:
    bucket = bucket_number(value)
    assert value < LIMITS[bucket]
    assert bucket == 0 or value >= LIMITS[bucket - 1]


@PATIENTLY
@given(st.integers(1 << 28, (1 << 63) - 1))
def test_what_is_beyond_all_buckets_is_counted_in_the_last(value: int) -> None:
    assert bucket_number(value) == BUCKETS - 1


def test_the_limits_rise_by_a_quarter_at_the_most() -> None:
    """Beyond the first few, which are one apart."""
    assert tuple(sorted(set(LIMITS))) == LIMITS
    assert all(after <= before * 1.25 for before, after in itertools.pairwise(LIMITS[3:]))
    assert bucket_limit(BUCKETS - 1) == 1 << 28


@PATIENTLY
@given(st.lists(VALUES, min_size=1), st.floats(0.0, 100.0))
def test_a_percentile_is_right_within_its_bucket(values: list[int], percent: float) -> None:
    """Against the exact one: the smallest value that so many per cent do not exceed."""
    exact = sorted(values)[max(0, math.ceil(len(values) * percent / 100 - 1e-9) - 1)]
    told = read_back(values).percentile(percent)
    assert abs(told - exact) <= max(1.0, exact / 4)
    bucket = bucket_number(exact)
    assert (LIMITS[bucket - 1] if bucket else 0) <= told <= LIMITS[bucket]


@PATIENTLY
@given(st.lists(VALUES))
def test_count_and_sum_are_exact(values: list[int]) -> None:
    spread = read_back(values)
    assert spread.count == len(values)
    assert spread.total == sum(values)


@PATIENTLY
@given(st.lists(VALUES), st.lists(VALUES))
def test_histograms_add_up_and_can_be_taken_apart(one: list[int], other: list[int]) -> None:
    assert read_back(one) + read_back(other) == read_back([*one, *other])
    assert read_back([*one, *other]) - read_back(one) == read_back(other)
    assert joined([read_back(one), read_back(other)]) == read_back([*one, *other])


def test_what_lies_below_a_limit_is_counted_exactly() -> None:
    spread = read_back([1, 255, 256, 300, 1 << 20])
    assert spread.below([256, 1 << 20]) == [2, 4]
    with pytest.raises(KeyError):
        spread.below([257])


def test_of_nothing_there_is_nothing_to_tell() -> None:
    assert NOTHING.percentile(99) == 0.0
    assert Spread(0.0, (0,) * BUCKETS) == NOTHING == joined([])
