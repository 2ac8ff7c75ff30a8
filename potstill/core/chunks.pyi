"""Chunked bodies."""

from potstill.core.refusals import Refusal

class Chunks:
    """A chunked body, fed in pieces."""

    def __init__(
        self,
        *,
        fields_max: int = 100,
        field_bytes_max: int = 16384,
        head_bytes_max: int = 65536,
        header_map: int = 0,
    ) -> None: ...
    def feed(self, data: bytes) -> tuple[bytes, bool | Refusal]:
        """The body's bytes that `data` adds, and how things stand: False while more is to come, True at the
        end of the body, or why it is refused. After the end, or a refusal, whatever is fed adds nothing.
        """

    @property
    def trailers(self) -> bytes:
        """The lines of the trailer section as they came, apart from those that may not be trailers. Valid at
        the end.
        """

    @property
    def extension_bytes(self) -> int:
        """What all chunk extensions so far took; the limit is for the whole body."""

    @property
    def rest(self) -> bytes:
        """What was fed behind the end of the body."""
