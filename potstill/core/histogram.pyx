# cython: language_level=3, boundscheck=False, wraparound=False
"""Log-linear histograms: each doubling of the unit is four buckets of equal width.

So a value is known to a quarter, from one microsecond to four minutes, or from one byte to 256 MiB, by counting in an
array that is found with two shifts; and the histograms of several workers add up, which no percentile does.
"""

from potstill.core.counting cimport add, load

from potstill.core.spread import Spread

cdef void histogram_fold(histogram_t *into, const histogram_t *other) noexcept nogil:
    cdef int bucket
    add(&into.sum, load(&other.sum))
    for bucket in range(BUCKETS):
        add(&into.counts[bucket], load(&other.counts[bucket]))


cdef object histogram_read(const histogram_t *histogram, double unit):
    """A Spread, its values divided by `unit`: 1e9 for seconds from nanoseconds."""
    cdef int bucket
    return Spread(load(&histogram.sum) / unit, tuple([load(&histogram.counts[bucket]) for bucket in range(BUCKETS)]))


def bucket_number(unsigned long long value):
    """The Python face, for tests: in which bucket a value is counted."""
    return bucket_of(value)


def read_back(values):
    """The Python face, for tests: the Spread of some whole numbers."""
    cdef histogram_t histogram
    cdef int bucket
    histogram.sum = 0
    for bucket in range(BUCKETS):
        histogram.counts[bucket] = 0
    for value in values:
        histogram_add(&histogram, value, value)
    return histogram_read(&histogram, 1.0)
