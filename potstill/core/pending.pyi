"""Bytes that a connection has read and cannot use yet; the server uses the C-level face (pending.pxd)."""

class PendingFace:
    """Such bytes, for tests."""

    def put(self, data: bytes) -> None:
        """Append. Raises MemoryError."""

    def consume(self, size: int) -> None:
        """Drop the first `size` bytes. Raises IndexError when there are not so many."""

    @property
    def content(self) -> bytes: ...
    @property
    def capacity(self) -> int: ...
