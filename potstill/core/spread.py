"""What is read out of a histogram: how many values there were, their sum, and between which bounds they lay.

The buckets are those of `potstill.core.histogram`: four of equal width for each doubling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

BUCKETS = 108


def bucket_limit(bucket: int) -> int:
    """The value below which whatever a bucket counts lies, in units; that of the last is nominal."""
    if bucket < 4:
        return bucket + 1
    return (bucket % 4 + 5) << (bucket // 4 - 1)


LIMITS = tuple(map(bucket_limit, range(BUCKETS)))
NUMBERS = {limit: number for number, limit in enumerate(LIMITS)}


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of a histogram, at one moment."""

    total: float  # the sum of all values
    counts: tuple[int, ...]  # by bucket

    @property
    def count(self) -> int:
        return sum(self.counts)

    def below(self, limits: Iterable[int]) -> list[int]:
        """How many values lay below each limit; KeyError for one that is none of LIMITS."""
        running = tuple(accumulate(self.counts))
        return [running[NUMBERS[limit]] for limit in limits]

    def percentile(self, percent: float) -> float:
        """The value that so many per cent do not exceed, in units, as the middle of its bucket.

        So it is wrong by an eighth at the most, or by half a unit. 0.0 where there are no values.
        """
        rank = self.count * percent / 100
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if count and seen >= rank:
                return (LIMITS[bucket] + (LIMITS[bucket - 1] if bucket else 0)) / 2
        return 0.0

    def __add__(self, other: Spread) -> Spread:
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return Spread(self.total + other.total, counts)

    def __sub__(self, earlier: Spread) -> Spread:
        """What has come since."""
        counts = tuple(now - then for now, then in zip(self.counts, earlier.counts, strict=True))
        return Spread(self.total - earlier.total, counts)


NOTHING = Spread(0.0, (0,) * BUCKETS)


def joined(spreads: Iterable[Spread]) -> Spread:
    """All of them as one."""
    return sum(spreads, NOTHING)
