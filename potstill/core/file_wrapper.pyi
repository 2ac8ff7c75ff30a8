"""A file as an answer (PEP 3333, "Optional Platform-Specific File Handling")."""

from typing import Protocol, Self, final

class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

@final
class FileWrapper:
    """`wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").

    An iterable over what is left of a file, in blocks of `blksize` octets. Returned as it is from an
    application, over a regular file opened in binary mode, it is sent by sendfile(2) from where the file
    stands. `close` closes the file, if it can be closed.
    """

    def __init__(self, filelike: Readable, blksize: int = 8192) -> None: ...
    @property
    def filelike(self) -> Readable: ...
    @property
    def blksize(self) -> int: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None: ...
