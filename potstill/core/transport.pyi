"""A client socket and the queue of what it has not taken yet. The server uses the C-level face
(transport.pxd).
"""

class TransportFace:
    """A transport over a non-blocking socket whose descriptor it takes over (`sock.detach()`), for tests."""

    def __init__(self, fd: int) -> None: ...
    def send(self, data: bytes, before: bytes = b"", after: bytes = b"") -> None:
        """Send `before`, `data` and `after` as one; what the socket does not take is queued.

        A client that has gone is no error: `lost` becomes true and everything sent from then on is dropped.
        """

    def send_file(self, before: bytes, fd: int, offset: int, size: int) -> None:
        """Send `before`, then `size` bytes of the file from `offset`. The file may be closed by its owner
        afterwards.

        Raises OSError when the file is shorter than that, or cannot be kept open.
        """

    def receive(self, room: int) -> bytes | None:
        """Up to `room` bytes; b"" at the end of the stream, None where it would block.

        Raises ConnectionError once the connection is lost.
        """

    def flush(self) -> None:
        """Send what is queued, as far as the socket takes it. Raises OSError where a file cannot be read."""

    def spill(self, directory: str | None) -> None:
        """Move what is queued in memory to a temporary file. Raises OSError, and then the queue is lost."""

    def shut_sending(self) -> None:
        """Half-close: the client sees the end, and may still send."""

    def close(self, *, reset: bool = False) -> None:
        """Close and drop what is queued; with `reset` the client sees an RST instead of an orderly end.
        Idempotent.
        """

    @property
    def drained(self) -> bool:
        """The last read came short, so there is nothing more to read before the poller says so (epoll(7))."""

    @property
    def sent(self) -> int:
        """Bytes that the kernel has taken."""

    @property
    def queued(self) -> int:
        """Bytes that it has not taken yet."""

    @property
    def held(self) -> int:
        """Of them, bytes in memory."""

    @property
    def spooled(self) -> int:
        """Of them, bytes in a temporary file."""

    @property
    def lost(self) -> bool:
        """Nothing more goes either way."""
