cdef int raise_in(unsigned long thread, object error) except -1
cdef void withdraw() noexcept
