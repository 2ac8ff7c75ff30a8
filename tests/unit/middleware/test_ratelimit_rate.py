"""The grammar of rates, and GCRA against a token bucket counted in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware.ratelimit_rate import SECOND_NS, Rate, seconds

START_NS = 5_000 * SECOND_NS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20/s", Rate(20, 1, 20)),
        ("20/s burst 40", Rate(20, 1, 40)),
        ("  20 / s   burst  1 ", Rate(20, 1, 1)),
        ("100/15min", Rate(100, 900, 100)),
        ("100/15m", Rate(100, 900, 100)),
        ("1/m", Rate(1, 60, 1)),
        ("1000/d burst 10", Rate(1000, 86400, 10)),
        ("5/2h", Rate(5, 7200, 5)),
        ("1000000/7d", Rate(1_000_000, 604_800, 1_000_000)),
    ],
)
def test_rates(text: str, expected: Rate) -> None:
    """Requests, period, and how many at once; written out, a rate means the same."""
    assert Rate.parse(text) == expected
    assert Rate.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "20/s burst 40"),
        ("20", "20/s burst 40"),
        ("20/", "20/s burst 40"),
        ("20/y", "20/s burst 40"),
        ("-1/s", "20/s burst 40"),
        ("1.5/s", "20/s burst 40"),
        ("20/s burst", "20/s burst 40"),
        ("20/s burst=40", "20/s burst 40"),
        ("20/s burst 40 nodelay", "20/s burst 40"),
        ("２/s", "20/s burst 40"),
        ("0/s", "number of requests must be 1"),
        ("1/0s", "period in seconds must be 1"),
        ("1/s burst 0", "burst must be 1"),
        ("1000001/s", "1 to 1000000"),
        ("1/8d", "1 to 604800"),
        ("9" * 5000 + "/s", "20/s burst 40"),
    ],
)
def test_what_is_no_rate_is_said_with_its_text(text: str, says: str) -> None:
    """And with what to write."""
    with pytest.raises(ValueError, match=says) as raised:
        Rate.parse(text)
    assert repr(text)[:30] in str(raised.value)


RATES = st.builds(Rate, st.integers(1, 1000), st.integers(1, 86400), st.integers(1, 50))
GAPS = st.lists(st.one_of(st.just(0), st.integers(0, 3 * SECOND_NS), st.integers(0, 10**14)), max_size=60)


@given(RATES, GAPS)
def test_it_judges_as_a_bucket_of_tokens_does(rate: Rate, gaps: list[int]) -> None:
    """A token comes each interval, a burst fits in; whether, how many more, when the next, when all."""
    tokens, now, arrival = Fraction(rate.burst), START_NS, 0
    for gap in gaps:
        now += gap
        tokens = min(Fraction(rate.burst), tokens + Fraction(gap, rate.interval_ns))
        passes = tokens >= 1
        tokens -= passes
        arrival, verdict = rate.judge(arrival, now)
        assert verdict.passes == passes
        assert verdict.remaining == (int(tokens) if passes else 0)
        assert verdict.reset_ns == (rate.burst - tokens) * rate.interval_ns
        assert verdict.retry_ns == (0 if passes else (1 - tokens) * rate.interval_ns)


@given(RATES, GAPS)
def test_never_more_than_the_rate_and_the_burst(rate: Rate, gaps: list[int]) -> None:
    """In any stretch of time, with the rate as it was written."""
    now, arrival = START_NS, 0
    passed: list[int] = []
    for gap in gaps:
        now += gap
        arrival, verdict = rate.judge(arrival, now)
        if verdict.passes:
            passed.append(now)
    for index, first in enumerate(passed):
        for count, last in enumerate(passed[index:], start=1):
            assert count <= rate.burst + Fraction((last - first) * rate.requests, rate.period_s * SECOND_NS)


@pytest.mark.parametrize(
    ("text", "interval_ns"), [("3/s", 333_333_334), ("7/s", 142_857_143), ("20/s", 50_000_000)]
)
def test_intervals_are_rounded_up(text: str, interval_ns: int) -> None:
    """A nanosecond earlier would be more than the rate."""
    rate = Rate.parse(f"{text} burst 1")
    arrival, _ = rate.judge(0, START_NS)
    assert not rate.judge(arrival, START_NS + interval_ns - 1)[1].passes
    assert rate.judge(arrival, START_NS + interval_ns)[1].passes


@pytest.mark.parametrize("arrival", [2**64 - 1, START_NS * 2, START_NS + 86_400 * SECOND_NS])
def test_a_number_out_of_nowhere_is_taken_for_a_used_up_burst(arrival: int) -> None:
    """And no more than that."""
    rate = Rate.parse("1/s burst 5")
    arrival, verdict = rate.judge(arrival, START_NS)
    assert (verdict.passes, verdict.retry_ns, arrival) == (False, SECOND_NS, START_NS + 5 * SECOND_NS)


@given(RATES, st.integers(0, 2**64 - 1))
def test_a_number_that_makes_no_sense_locks_nobody_out(rate: Rate, arrival: int) -> None:
    """After one full window the burst is there again, whatever was torn or left over."""
    arrival, _ = rate.judge(arrival, START_NS)
    _, verdict = rate.judge(arrival, START_NS + rate.window_ns)
    assert (verdict.passes, verdict.remaining) == (True, rate.burst - 1)


@given(RATES, GAPS)
def test_who_waits_as_long_as_told_passes(rate: Rate, gaps: list[int]) -> None:
    """Retry-After is true, and no longer than it has to be."""
    now, arrival = START_NS, 0
    for gap in gaps:
        now += gap
        arrival, verdict = rate.judge(arrival, now)
        if not verdict.passes:
            assert not rate.judge(arrival, now + verdict.retry_ns - 1)[1].passes
            assert rate.judge(arrival, now + verdict.retry_ns)[1].passes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20/s burst 40", (40, 2)),
        ("20/s", (20, 1)),
        ("100/15min", (100, 900)),
        ("100/min burst 30", (30, 18)),
        ("20/s burst 1", (20, 1)),
        ("10/s burst 25", (30, 3)),
        ("1/d", (1, 86400)),
    ],
)
def test_the_policy_is_the_rate_in_whole_numbers(text: str, expected: tuple[int, int]) -> None:
    """Quota and window for RateLimit-Policy."""
    assert Rate.parse(text).policy() == expected


@given(RATES)
def test_the_policy_promises_neither_less_nor_more(rate: Rate) -> None:
    """Its quota has room for the burst, and its rate is the rate, but for less than a request."""
    quota, window_s = rate.policy()
    assert quota >= rate.burst
    assert abs(quota - Fraction(window_s * rate.requests, rate.period_s)) < 1 + Fraction(
        rate.requests, rate.period_s
    )


def test_seconds_are_rounded_up() -> None:
    """Nobody is told to come back too early."""
    assert [seconds(time) for time in (0, 1, SECOND_NS, SECOND_NS + 1)] == [0, 1, 1, 2]
