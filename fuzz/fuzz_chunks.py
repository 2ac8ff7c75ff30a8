"""Fuzzes chunked bodies: however they are cut, and against a second opinion (oracle_chunks.py)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from hypothesis import strategies as st

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz import harness
from fuzz.oracle_chunks import Body, judge
from fuzz.oracle_head import Limits
from potstill.core.http1 import Chunks, Refusal

SPIKES = (
    b"\r", b"\n", b"\r\n", b"0\r\n", b"0\r\n\r\n", b"1\r\na\r\n", b";", b"=", b'"', b"\\", b" ", b"\t",
    b";a=b", b';a="b"',
    b"\x00", b"\x7f", b"\x80", b"f", b"F", b"g", b"x", b"-", b"+", b"_", b"0x", b"000000000000000",
    b"ffffffffffffffff",
    b"X: y\r\n", b"Content-Length: 5\r\n", b"X_Y: z\r\n", b" folded\r\n", b":", b"GET / HTTP/1.1\r\n",
    b"a" * 40,
)  # fmt: skip

LIMITS = (Limits(), Limits(fields=2, field=12, head=30))


def check(data: bytes, cuts: Sequence[float]) -> None:
    """One answer, however the bytes are cut, and the oracle's."""
    sizes = harness.cut(data, cuts)
    pieces = [data[start:end] for start, end in zip([0, *sizes], [*sizes, len(data)], strict=True)]
    for limits in LIMITS:
        whole = fed([data], limits)
        assert fed([data[at : at + 1] for at in range(len(data))], limits) == whole, "byte by byte differs"
        assert fed(pieces, limits) == whole, "in pieces differs"
        verdict = judge(data, limits)
        if isinstance(verdict, Body):
            assert whole == (verdict.payload, True, verdict.trailers, verdict.rest), f"oracle: {verdict}"
        elif verdict == "refuse":
            assert isinstance(whole[1], Refusal), f"oracle refuses, parser: {whole}"
        else:
            assert whole[1] is not True, f"oracle waits, parser: {whole}"
            # A line that has not ended may be refused; but not one that could still have become right.
            assert whole[1] is False or not could_go_on(data, limits), f"refused too early: {whole[1]}"


def could_go_on(data: bytes, limits: Limits) -> bool:
    """Whether one of some likely continuations makes a body of it."""
    ends = (b"0\r\n\r\n", b"\n", b"\r\n", b'"\r\n', b"a\r\n", b"a:\r\n", b":\r\n", b'a"\r\n')
    lasts = (b"", b"\r\n", b"0\r\n\r\n", b"\r\n0\r\n\r\n", b"\n0\r\n\r\n")
    return any(isinstance(judge(data + end + last, limits), Body) for end in ends for last in lasts)


def fed(pieces: Iterable[bytes], limits: Limits) -> tuple[bytes, bool | Refusal, bytes, bytes]:
    """Payload, how it ended, trailers (at the end), what came behind (at the end)."""
    chunks = Chunks(fields_max=limits.fields, field_bytes_max=limits.field, head_bytes_max=limits.head)
    payload = b""
    state: bool | Refusal = False
    for piece in pieces:
        more, state = chunks.feed(piece)
        payload += more
    return (payload, state, chunks.trailers, chunks.rest) if state is True else (payload, state, b"", b"")


def linear() -> None:
    """Many chunks, extensions and trailers, trickling in, take time in proportion."""
    shapes: dict[str, Callable[[int], bytes]] = {
        "chunks of a byte": lambda size: b"1\r\na\r\n" * (size // 6) + b"0\r\n\r\n",
        "a long chunk": lambda size: b"%x\r\n" % size + b"a" * size + b"\r\n0\r\n\r\n",
        "trailers": lambda size: b"0\r\n" + b"X: y\r\n" * (size // 6) + b"\r\n",
        "dropped trailers": lambda size: b"0\r\n" + b"Host:\r\n" * (size // 7) + b"\r\n",
        "a long trailer": lambda size: b"0\r\nX: " + b"y" * size + b"\r\n\r\n",
    }
    for what, shape in shapes.items():
        for step in (7, 1 << 30):
            harness.grows_linearly(partial(seconds, shape, step), 20_000, what)


def seconds(shape: Callable[[int], bytes], step: int, size: int) -> float:
    data = shape(size)
    chunks = Chunks(fields_max=1 << 30, field_bytes_max=1 << 30, head_bytes_max=1 << 30)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    begun = time.perf_counter()
    for piece in pieces:
        _, state = chunks.feed(piece)
    taken = time.perf_counter() - begun
    assert state is True
    return taken


# A grammar for bodies: half of what it builds has no bad part.

EXTENSIONS = (b"", b"", b";a", b";a=b", b' ;\ta\t=\t"b;c\\"d\xff"', b";a;b", b';a=""', b";" + b"a" * 1500)
BAD_EXTENSIONS = (
    b" ",
    b";",
    b";=",
    b";a=",
    b';a="',
    b';a="b"c',
    b";a b",
    b";\x00",
    b";a\n",
    b';a="\r"',
    b";a;",
)
TRAILERS = (
    b"X: y",
    b"ETag:a",
    b"Content-Length: 5",
    b"Host: h",
    b"X_Y: z",
    b"te:",
    b"E:",
    b"X-Long: " + b"a" * 9,
)
BAD_TRAILERS = (b"X", b": y", b"X : y", b" X: y", b"X: \x00", b"X: a\rb", b"\xe9: y", b"X\ty: z")


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    faults = draw(st.booleans())

    def one(good: Sequence[bytes], bad: Sequence[bytes] = ()) -> bytes:
        return draw(st.sampled_from(bad if bad and faults and draw(st.integers(0, 5)) == 0 else good))

    def line_end() -> bytes:
        return one((b"\r\n",), (b"\n", b"\r", b"\r\r\n", b""))

    parts = []
    for _ in range(draw(st.integers(0, 3))):
        data = draw(st.binary(min_size=1, max_size=20))
        size = one((b"%x", b"%X", b"00%x"), (b"0x%x", b"+%x", b" %x", b"%x_0", b"000000000000000%x")) % len(
            data
        )
        parts += [
            size,
            one(EXTENSIONS, BAD_EXTENSIONS),
            line_end(),
            data,
            one((b"",), (b"a", b"\r")),
            line_end(),
        ]
    parts += [one((b"0", b"00"), (b"", b"g")), one(EXTENSIONS, BAD_EXTENSIONS), line_end()]
    for _ in range(draw(st.integers(0, 3))):
        parts += [one(TRAILERS, BAD_TRAILERS), line_end()]
    return b"".join([*parts, line_end(), one((b"", b"GET / HTTP/1.1\r\n", b"0\r\n"))])


FUZZED = harness.Target("chunks", check, bodies(), SPIKES, linear)

if __name__ == "__main__":
    sys.exit(harness.main(FUZZED))
