# cython: language_level=3, boundscheck=False, wraparound=False
"""What the engine counts, in an anonymous shared mapping: one slot a thread, each written by its owner alone.

A plain 64-bit store is never torn, so a reader needs no lock: it sums the slots and may at worst see one counter a
moment older than another. The mapping is made before the fork, so that a parent can read what its children count.
"""

import mmap

from potstill.core.http1 import REFUSALS

cdef extern from * nogil:
    long long atomic_load_n "__atomic_load_n"(const long long *source, int order)
    void atomic_store_n "__atomic_store_n"(long long *target, long long value, int order)
    long long atomic_exchange_n "__atomic_exchange_n"(long long *target, long long value, int order)
    int clzll "__builtin_clzll"(unsigned long long number)
    int ATOMIC_RELAXED "__ATOMIC_RELAXED"


cdef long long load(const long long *counter) noexcept nogil:
    return atomic_load_n(counter, ATOMIC_RELAXED)


cdef long long take(long long *counter) noexcept nogil:
    # For the one counter that two threads write, its owner and the watch.
    return atomic_exchange_n(counter, 0, ATOMIC_RELAXED)


cdef void store(long long *counter, long long value) noexcept nogil:
    atomic_store_n(counter, value, ATOMIC_RELAXED)


cdef void add(long long *counter, long long value) noexcept nogil:
    # Not a read-modify-write instruction: a slot has one writer.
    atomic_store_n(counter, counter[0] + value, ATOMIC_RELAXED)


cdef void stats_queue(counters_t *counters, long long waited_ns) noexcept nogil:
    """Count a request that has waited so long for its turn."""
    add(&counters.queue_ns, waited_ns)
    add(&counters.queued[_bucket(waited_ns)], 1)


cdef int _bucket(long long waited_ns) noexcept nogil:
    """Log-linear: each doubling of a microsecond is four buckets of equal width."""
    cdef unsigned long long waited_us = waited_ns // 1000
    cdef int doubling
    if waited_us < 4:
        return <int>waited_us
    doubling = 63 - clzll(waited_us)
    return min(4 * (doubling - 1) + <int>(waited_us >> (doubling - 2) & 3), QUEUE_BUCKETS - 1)


def bucket_limit_s(int bucket):
    """Seconds below which a request in this bucket has waited."""
    if bucket < 4:
        return (bucket + 1) / 1e6
    return ((bucket % 4 + 5) << (bucket // 4 - 1)) / 1e6


cdef class Stats:
    """Counters of one worker with `threads` engine threads.

    Args:
        threads: how many threads will count, at least 1.
    """

    def __init__(self, int threads):
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        if len(REFUSALS) > REFUSALS_MAX:
            raise RuntimeError("REFUSALS_MAX in core/stats.pxd is smaller than the table of refusals")
        cdef unsigned char[::1] view
        self.threads = threads
        self._mapping = mmap.mmap(-1, threads * sizeof(counters_t))
        view = self._mapping
        self._slots = <counters_t *>&view[0]

    cdef counters_t *slot(self, int thread) noexcept:
        return &self._slots[thread]

    def totals(self) -> dict:
        """The sum over all threads: counter name → count."""
        cdef int i
        totals = dict.fromkeys(("exchanges", "accepted", "closed", "failures", "octets_received", "octets_sent"), 0)
        for i in range(self.threads):
            totals["exchanges"] += load(&self._slots[i].exchanges)
            totals["accepted"] += load(&self._slots[i].accepted)
            totals["closed"] += load(&self._slots[i].closed)
            totals["failures"] += load(&self._slots[i].failures)
            totals["octets_received"] += load(&self._slots[i].octets_received)
            totals["octets_sent"] += load(&self._slots[i].octets_sent)
        return totals

    def refused(self) -> dict:
        """How many requests were refused, by the slug of the rule; rules never broken are left out."""
        cdef int i, code
        counts = {}
        for code in range(2, len(REFUSALS)):
            count = sum(load(&self._slots[i].refused[code]) for i in range(self.threads))
            if count:
                counts[REFUSALS[code].rule] = count
        return counts

    def queue_times(self) -> list:
        """(seconds, how many requests waited less than that and no less than the one before), without empty ones."""
        cdef int i, bucket
        times = []
        for bucket in range(QUEUE_BUCKETS):
            count = sum(load(&self._slots[i].queued[bucket]) for i in range(self.threads))
            if count:
                times.append((bucket_limit_s(bucket), count))
        return times

    def in_application(self) -> int:
        """How many threads are inside the application now."""
        cdef int i
        return sum(load(&self._slots[i].application_since_ns) != 0 for i in range(self.threads))


def count(Stats stats not None, int thread, str counter, long long value=1, int code=0):
    """The Python face, for tests: what the engine thread `thread` would do to its slot."""
    cdef counters_t *slot
    if not 0 <= thread < stats.threads:
        raise IndexError(thread)
    slot = stats.slot(thread)
    if counter == "exchanges":
        add(&slot.exchanges, value)
    elif counter == "working_since_ns":
        add(&slot.working_since_ns, value)
    elif counter == "accepted":
        add(&slot.accepted, value)
    elif counter == "closed":
        add(&slot.closed, value)
    elif counter == "failures":
        add(&slot.failures, value)
    elif counter == "octets_received":
        add(&slot.octets_received, value)
    elif counter == "octets_sent":
        add(&slot.octets_sent, value)
    elif counter == "refused":
        add(&slot.refused[code], value)
    elif counter == "application_since_ns":
        store(&slot.application_since_ns, value)
    else:
        raise KeyError(counter)
