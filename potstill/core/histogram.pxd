# Log-linear histograms in memory that processes may share: each doubling is four buckets of equal width.

from potstill.core.counting cimport add

cdef enum:
    BUCKETS = 108                      # from one to 2**28 of whatever is counted; the last one has all beyond

cdef struct histogram_t:
    long long sum                      # of all values, in the unit that they came in
    long long[BUCKETS] counts

cdef extern from * nogil:
    int clzll "__builtin_clzll"(unsigned long long number)


cdef inline int bucket_of(unsigned long long value) noexcept nogil:
    cdef int doubling
    if value < 4:
        return <int>value
    doubling = 63 - clzll(value)
    return min(4 * (doubling - 1) + <int>(value >> (doubling - 2) & 3), BUCKETS - 1)


# Count a value, none below zero, that came to `units` of what the first bucket holds.
cdef inline void histogram_add(histogram_t *histogram, long long value, unsigned long long units) noexcept nogil:
    add(&histogram.sum, value)
    add(&histogram.counts[bucket_of(units)], 1)


cdef void histogram_fold(histogram_t *into, const histogram_t *other) noexcept nogil
cdef object histogram_read(const histogram_t *histogram, double unit)
