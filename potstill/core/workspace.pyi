"""What one engine thread works with. The server uses the C-level face (workspace.pxd)."""

class WorkspaceFace:
    """One thread's output buffer, for tests."""

    def __init__(self, fields_max: int = 100) -> None: ...
    def put(self, data: bytes) -> None:
        """Append; the buffer grows. Raises MemoryError."""

    def put_date(self) -> None:
        """Append `Date: ` and the present time as an IMF-fixdate (RFC 9110 section 5.6.7), and CRLF."""

    def take(self) -> bytes:
        """What was put since the last time."""

    @property
    def capacity(self) -> int:
        """Bytes that fit before it has to grow."""
