"""HTTP/1.x request heads and chunked bodies, for tests and fuzzers; the server uses the C-level face
(http1.pxd).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from potstill.core.chunks import Chunks as Chunks
from potstill.core.fields import KNOWN_FIELDS as KNOWN_FIELDS
from potstill.core.refusals import REFUSALS as REFUSALS
from potstill.core.refusals import Refusal as Refusal

class Head(NamedTuple):
    """A request head that was accepted; every span as the bytes it covers."""

    length: int
    """Bytes of the head with its last CRLF, and with the empty line that was skipped before it."""
    method: bytes
    target: bytes
    """As it came."""
    path: bytes
    """Still percent-encoded; "/" where an absolute-form target has none; empty for "*"."""
    query: bytes
    authority: bytes
    """Of an absolute-form target, else empty."""
    form: Literal["origin", "absolute", "asterisk"]
    path_encoded: bool
    minor: int
    """0 or 1: HTTP/1.minor as it is to be treated."""
    version: bytes
    fields: list[tuple[bytes, bytes, str | None]]
    """Name and value as they came, and the name in KNOWN_FIELDS if it is there."""
    dropped: int
    """How many fields were left out because of an underscore in their name."""
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expect_continue: bool
    host: bytes | None

def parse_head(
    data: bytes,
    *,
    splits: Sequence[int] = (),
    line_bytes_max: int = 8190,
    fields_max: int = 100,
    field_bytes_max: int = 16384,
    head_bytes_max: int = 65536,
    header_map: Literal["drop", "refuse", "keep"] = "drop",
) -> Head | Refusal | None:
    """The head at the beginning of `data`, or why it is refused, or None while it is not whole.

    `splits` are the sizes, in ascending order, at which what had arrived by then is fed before all of it is.
    Each time the parser sees a copy of exactly that size, so that a sanitizer notices when it reads a byte
    too many.
    """

def decode_path(path: bytes) -> bytes | None:
    """`path` without its percent-encoding; None where a "%" is not followed by two hexadecimal digits."""

def measure_head(data: bytes, rounds: int, *, step: int = 0) -> float:
    """Seconds to read the head in `data`, on average; fed whole, or `step` more bytes at a time."""
