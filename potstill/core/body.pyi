"""wsgi.input."""

from collections.abc import Iterable, Iterator
from typing import final

from typing_extensions import Buffer

@final
class Body:
    """The request's body as a binary file: readable, seekable, at its end for ever once it has been read.

    Arguments are taken as io.BytesIO takes them: None and negative numbers mean all there is. A body in a
    file (see `spooled`) may raise OSError from every method.
    """

    def read(self, size: int | None = -1) -> bytes: ...
    def read1(self, size: int | None = -1) -> bytes: ...
    def readline(self, size: int | None = -1) -> bytes: ...
    def readlines(self, hint: int | None = -1) -> list[bytes]: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def readinto(self, buffer: Buffer) -> int: ...
    def readinto1(self, buffer: Buffer) -> int: ...
    def seek(self, offset: int, whence: int = 0) -> int: ...
    def tell(self) -> int: ...
    def readable(self) -> bool: ...
    def writable(self) -> bool: ...
    def seekable(self) -> bool: ...
    def flush(self) -> None: ...
    def close(self) -> None:
        """Does nothing: the body is the server's, and closing it early harms nobody."""

    @property
    def closed(self) -> bool: ...
    @property
    def spooled(self) -> bool:
        """Whether it has outgrown memory and is in a temporary file."""

    @staticmethod
    def from_bytes(data: bytes, *, memory_max: int = 1048576, spool_dir: str | None = None) -> Body:
        """A sealed body, for tests."""

    @staticmethod
    def from_pieces(
        pieces: Iterable[bytes],
        *,
        announced: int | None = None,
        memory_max: int = 1048576,
        spool_dir: str | None = None,
    ) -> Body:
        """A sealed body, for tests, that arrives in pieces. With `announced` (the Content-Length, -1 for
        none) they are received in place as from a socket, else they are appended.
        """
