# cython: language_level=3, boundscheck=False, wraparound=False
"""`wsgi.file_wrapper`: a file that an application returns as its answer, and that response.pyx sends by better means
than reading it, where it is one on disk.
"""

cimport cython


@cython.final
cdef class FileWrapper:
    """`wsgi.file_wrapper` (PEP 3333): an iterable over a file that the server may send by better means.

    Args:
        filelike: an object with read(size); close() is passed on when it has one.
        blksize: octets a read, where it is read.
    """

    def __init__(self, filelike, blksize=8192):
        self.filelike = filelike
        self.blksize = blksize

    def __iter__(self):
        return self

    def __next__(self):
        block = self.filelike.read(self.blksize)
        if not block:
            raise StopIteration
        return block

    def close(self):
        close = getattr(self.filelike, "close", None)
        if close is not None:
            close()
