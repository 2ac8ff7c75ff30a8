"""A grammar for request heads: half of what it builds has no bad part, the other half has some.

Even without bad parts the whole may be refused (two Host fields, a length beside a coding): that is for the
parser and the oracle to agree on.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from potstill.core.fields import KNOWN_FIELDS

METHODS = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"M-SEARCH", b"g", b"A" * 32)
BAD_METHODS = (b"CONNECT", b"", b"G(T", b"A" * 33, b"G\xe9T", b"\x16\x03")
VERSIONS = (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2")
BAD_VERSIONS = (b"HTTP/2.0", b"http/1.1", b"HTTP/1.10", b"HTTP/1.", b"", b"HTTP/1.1 ")
AUTHORITIES = (
    b"h", b"a.test:80", b"[::1]:8080", b"%41", b"[1:2:3:4:5:6:7:8]", b"[::1.2.3.4]", b"h:", b"h:65535",
    b"[v1.a:b]",
)  # fmt: skip
BAD_AUTHORITIES = (
    b"", b":80", b"u@h", b"[::1", b"[1::2::3]", b"[1:2:3:4:5:6:7:8::]", b"h:65536", b"h:123456", b"a b",
    b"%4",
    b"[::1.2.3.256]", b"[::1.2.3.4.5]", b"[v.a]", b"[::1]x", b"a,\xe9",
)  # fmt: skip
SEGMENTS = (b"/", b"a", b"%20", b"..", b";x=1", b"|", b"//", b"%fF", b"*")
BAD_SEGMENTS = (b"%", b"%0", b"%00", b"%zz", b"#", b"\x80", b"\x7f", b" ", b"\t")
QUERIES = (b"", b"?", b"?a=%zz&b", b"??/", b'?"{}')
NAMES = (
    b"Accept",
    b"User-Agent",
    b"x-real-ip",
    b"X",
    b"X_Y",
    b"!#$%&'*+.^`|~9",
    b"Content-Type",
    b"Hos",
    b"Proxy",
)
BAD_NAMES = (b"", b"X Y", b"X ", b"X\r", b"\xe9", b" X", b"\tX", b"X\x00", b"(")
VALUES = (b"", b"a", b"a b", b"\xff", b"a\tb" * 9, b"0123456789abcdef", b",", b'"q"')
BAD_VALUES = (b"\x00", b"\r", b"\x1f", b"\x7f", b"01234567\x1f89", b"0123456789abcde\x08", b"a\r\n b")
LENGTHS = (b"0", b"5", b"0000000000000000005", b"9223372036854775807")
BAD_LENGTHS = (b"+5", b"", b"5, 5", b"9223372036854775808", b"1" * 20, b"5 5", b"0x5", b"\xb2")
CODINGS = (b"chunked", b"Chunked", b"gzip", b"gzip, chunked")
BAD_CODINGS = (
    b"chunked, gzip",
    b"xchunked",
    b",chunked",
    b"chunked;a=b",
    b"",
    b'"chunked"',
    b"chunked, chunked",
)
OPTIONS = (b"close", b"keep-alive", b"x, Close ,y", b"", b"keep-alive,close", b"TE, Keep-Alive", b"closed")
SPACES = (b"", b" ", b" ", b"\t ")
BAD_SPACES = (b"\r\n ", b"\x0b", b"\xa0")
BAD_LINE_ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r")


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A whole head, and sometimes something before or behind it."""
    faults = draw(st.booleans())

    def one(good: Sequence[bytes], bad: Sequence[bytes] = ()) -> bytes:
        return draw(st.sampled_from(bad if bad and faults and draw(st.integers(0, 5)) == 0 else good))

    def target() -> bytes:
        form = draw(st.integers(0, 5))
        path = b"".join(one(SEGMENTS, BAD_SEGMENTS) for _ in range(draw(st.integers(0, 4))))
        if form == 0:
            return one((b"http://", b"HTTPS://"), (b"ftp://", b"http:/")) + one(AUTHORITIES, BAD_AUTHORITIES)
        if form == 1:
            return b"http://" + one(AUTHORITIES, BAD_AUTHORITIES) + b"/" + path + one(QUERIES)
        if form == 2 and faults:
            return path + one(AUTHORITIES)
        return b"*" if form == 3 else b"/" + path + one(QUERIES, BAD_SEGMENTS)

    def nearly_known() -> bytes:
        name = draw(st.sampled_from(KNOWN_FIELDS)).encode()
        at = draw(st.integers(0, len(name) - 1))
        return name[:at] + bytes([name[at] ^ draw(st.sampled_from((0, 0x20, 1)))]) + name[at + 1 :]

    def field() -> bytes:
        kind = draw(st.integers(0, 9))
        name, value = {
            0: (b"Content-Length", one(LENGTHS, BAD_LENGTHS)),
            1: (b"transfer-encoding", one(CODINGS, BAD_CODINGS)),
            2: (b"Connection", one(OPTIONS)),
            3: (
                b"Expect",
                one((b"100-continue", b"100-Continue, 100-continue", b""), (b"x", b"100-continued")),
            ),
            4: (b"hOST", one(AUTHORITIES, BAD_AUTHORITIES)),
            5: (nearly_known(), one(VALUES)),
        }.get(kind) or (one(NAMES, BAD_NAMES), one(VALUES, BAD_VALUES))
        return name + b":" + one(SPACES, BAD_SPACES) + value + one(SPACES, BAD_SPACES)

    space, end = (b" ",), (b"\r\n",)
    line = [one(METHODS, BAD_METHODS), one(space, (b"  ", b"\t")), target(), one(space, (b"  ",))]
    parts = [
        one((b"", b"", b"\r\n"), (b"\r\n\r\n", b"\n")),
        *line,
        one(VERSIONS, BAD_VERSIONS),
        one(end, BAD_LINE_ENDS),
    ]
    if draw(st.integers(0, 4)):
        parts += [b"Host: " + one(AUTHORITIES, BAD_AUTHORITIES), one(end, BAD_LINE_ENDS)]
    for _ in range(draw(st.integers(0, 4))):
        parts += [field(), one(end, BAD_LINE_ENDS)]
    return b"".join(
        [*parts, one(end, (b"", b"\n", b"\r")), one((b"", b"GET / HTTP/1.1\r\n", b"\x16", b"\n"))]
    )
