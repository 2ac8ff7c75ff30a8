# A file as an answer.

cdef class FileWrapper:
    cdef readonly object filelike
    cdef readonly object blksize
