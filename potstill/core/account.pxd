# What is told of each request: in flight, in the ledger, in the access log.

from potstill.core.journal cimport Journal
from potstill.core.ledger cimport Ledger, outcome_t
from potstill.core.workspace cimport Workspace

cdef class Account:
    cdef Ledger _ledger
    cdef Journal _journal              # or None
    cdef readonly bint wants_fields    # of answers

    cdef void end(self, Workspace workspace, outcome_t *outcome, dict environ, list fields) noexcept
    cdef void _remember(self, int number, const outcome_t *outcome, dict environ) noexcept
    cdef void refuse(self, Workspace workspace, int status, long long sent, str addr, dict environ) noexcept

cdef int put_timing(Workspace workspace, long long queue_ns, long long called_ns) except -1
