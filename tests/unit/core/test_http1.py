"""Request heads: lines, versions, framing, limits (RFC 9112, RFC 9110)."""

from __future__ import annotations

import pytest

from potstill.core.http1 import Head, Refusal, measure_head, parse_head
from tests.unit.core.heads import HOST, accepted, get, message, refused

CHUNKED = b"Transfer-Encoding: chunked"

BROWSER = message(
    b"GET /shop/items/42?sort=price HTTP/1.1",
    b"Host: shop.example.com",
    b"Connection: keep-alive",
    b'sec-ch-ua: "Chromium";v="124", "Not-A.Brand";v="99"',
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0",
    b"Accept: text/html,application/xhtml+xml,*/*;q=0.8",
    b"Accept-Encoding: gzip, deflate, br",
    b"Cookie: session=abcdef0123456789; theme=dark",
)


def test_a_browsers_head_is_read_into_its_parts() -> None:
    """Every part is where RFC 9112 section 3 and 5 say."""
    head = accepted(BROWSER)
    assert (head.method, head.target, head.version) == (b"GET", b"/shop/items/42?sort=price", b"HTTP/1.1")
    assert (head.path, head.query, head.form, head.path_encoded) == (
        b"/shop/items/42",
        b"sort=price",
        "origin",
        False,
    )
    assert [(name, known) for name, _, known in head.fields] == [
        (b"Host", "host"),
        (b"Connection", "connection"),
        (b"sec-ch-ua", "sec-ch-ua"),
        (b"User-Agent", "user-agent"),
        (b"Accept", "accept"),
        (b"Accept-Encoding", "accept-encoding"),
        (b"Cookie", "cookie"),
    ]
    assert head.fields[-1][1] == b"session=abcdef0123456789; theme=dark"
    assert (head.host, head.content_length, head.chunked, head.keep_alive) == (
        b"shop.example.com",
        None,
        False,
        True,
    )


# RFC 9112 section 3: request-line = method SP request-target SP HTTP-version
LINES = [
    (b"", (400, "no-version")),  # that is, b"GET / HTTP/1.1" cut after "GET /"
    (b"  HTTP/1.1", (400, "request-line-spaces")),
    (b" HTTP/1.1 ", (400, "request-line-spaces")),
    (b"\tHTTP/1.1", (400, "request-line-spaces")),
    (b" HTTP/1.1\t", (400, "request-line-spaces")),
    (b" x HTTP/1.1", (400, "request-line-spaces")),
    (b" ", (400, "request-line-spaces")),
    (b" http/1.1", (400, "bad-version")),
    (b" HTTP/1.10", (400, "bad-version")),
    (b" HTTP/1", (400, "bad-version")),
    (b" HTTP/1,1", (400, "bad-version")),
    (b" HTTP/1.\xb2", (400, "bad-version")),
    (b" HTTP/1.\r", (400, "bare-cr")),
    (b" HTTP/0.9", (505, "version")),
    (b" HTTP/2.0", (505, "version")),
]


@pytest.mark.parametrize(("rest", "refusal"), LINES)
def test_what_follows_the_target_is_one_space_and_a_version(rest: bytes, refusal: tuple[int, str]) -> None:
    """HTTP-version = HTTP-name "/" DIGIT "." DIGIT, of which 1.x is spoken here."""
    assert refused(message(b"GET /" + rest, HOST)) == refusal


# RFC 9110 section 9.1: method = token
METHODS = [
    (b"", (400, "bad-method")),
    (b"G(T", (400, "bad-method")),
    (b"G\x00T", (400, "bad-method")),
    (b"G\xc9T", (400, "bad-method")),
    (b"G\tT", (400, "request-line-spaces")),
    (b"G\rT", (400, "bare-cr")),
    (b"A" * 33, (501, "method-too-long")),
    (b"CONNECT", (501, "connect")),
]


@pytest.mark.parametrize(("method", "refusal"), METHODS)
def test_a_method_is_a_token_of_at_most_32_bytes(method: bytes, refusal: tuple[int, str]) -> None:
    """Apart from CONNECT any token will do."""
    assert refused(message(method + b" / HTTP/1.1", HOST)) == refusal


@pytest.mark.parametrize("method", [b"get", b"M-SEARCH", b"!#$%&'*+-.^_`|~", b"A" * 32, b"connect"])
def test_any_token_is_a_method_in_its_own_case(method: bytes) -> None:
    """RFC 9110 section 9.1: the method token is case-sensitive."""
    assert accepted(message(method + b" / HTTP/1.1", HOST)).method == method


@pytest.mark.parametrize(
    ("version", "minor"), [(b"HTTP/1.0", 0), (b"HTTP/1.1", 1), (b"HTTP/1.2", 1), (b"HTTP/1.9", 1)]
)
def test_a_higher_minor_version_is_read_as_1_1(version: bytes, minor: int) -> None:
    """RFC 9110 section 2.5; the version as it came is kept for SERVER_PROTOCOL."""
    head = accepted(message(b"GET / " + version, HOST))
    assert (head.version, head.minor) == (version, minor)


# RFC 9112 section 2.2: line ends
@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"GET / HTTP/1.1\nHost: h\r\n\r\n", "bare-lf"),
        (b"GET / HTTP/1.1\r\nHost: h\n\r\n", "bare-lf"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\n", "bare-lf"),
        (b"\nGET / HTTP/1.1\r\n", "bare-lf"),
        (b"\r\n\nGET / HTTP/1.1\r\n", "bare-lf"),
        (b"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", "bare-cr"),
        (b"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", "bare-cr"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rY: b\r\n\r\n", "bare-cr"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\rX: a\r\n\r\n", "bare-cr"),
        (b"\rGET / HTTP/1.1\r\n", "bare-cr"),
        (b"\r\n\r\nGET / HTTP/1.1\r\n", "empty-lines"),
    ],
)
def test_lines_end_in_crlf_and_nothing_else(data: bytes, rule: str) -> None:
    """RFC 9112 section 2.2 allows a bare LF as a line end: a choice, and the door of many smugglers."""
    assert refused(data) == (400, rule)


def test_one_empty_line_before_the_request_line_is_skipped() -> None:
    """RFC 9112 section 2.2: a server SHOULD ignore at least one; its bytes belong to the head's length."""
    head = accepted(b"\r\n" + get())
    assert (head.method, head.path, head.host) == (b"GET", b"/", b"a.test")


@pytest.mark.parametrize(
    ("first", "rule"),
    [
        (b"\x16", "tls-on-plain"),
        (b"\x00", "bad-method"),
        (b" ", "bad-method"),
        (b"\n", "bare-lf"),
        (b"{", "bad-method"),
    ],
)
@pytest.mark.parametrize("before", [b"", b"\r\n"])
def test_a_first_byte_that_begins_no_request_is_refused_at_once(
    before: bytes, first: bytes, rule: str
) -> None:
    """A TLS client, or another protocol's, gets its answer without having to send a line end."""
    answer = parse_head(before + first)
    assert isinstance(answer, Refusal)
    assert (answer.status, answer.rule) == (400, rule)


# RFC 9112 section 6: framing
FRAMINGS = [
    ([], (None, False)),
    ([b"Content-Length: 0"], (0, False)),
    ([b"content-length:5"], (5, False)),
    ([b"Content-Length: \t0000000000000000005 "], (5, False)),
    ([b"Content-Length: 9223372036854775807"], (9223372036854775807, False)),
    ([CHUNKED], (None, True)),
    ([b"transfer-encoding:\tCHUNKED "], (None, True)),
    ([b"Transfer_Encoding: chunked"], (None, False)),
]


@pytest.mark.parametrize(("fields", "framing"), FRAMINGS)
def test_framing(fields: list[bytes], framing: tuple[int | None, bool]) -> None:
    """RFC 9112 section 6.3: by chunked, by length, or no body at all."""
    head = accepted(get(*fields))
    assert (head.content_length, head.chunked) == framing


MISFRAMINGS = [
    *(
        ([b"Content-Length:" + value], (400, "bad-length"))
        for value in (
            *(b"", b" +5", b" -1", b" 0x5", b" 5_0", b" 5 5", b" 5,5", b" 5,", b" \xb2", b" 5.0",
            b" " + b"1" * 20),
        )
    ),
    ([b"Content-Length: 9223372036854775808"], (413, "body-too-large")),
    ([b"Content-Length: 5", b"Content-Length: 5"], (400, "two-lengths")),
    ([b"Content-Length: 5", CHUNKED], (400, "length-and-coding")),
    ([CHUNKED, b"Content-Length: 5"], (400, "length-and-coding")),
    ([b"Content-Length: 5", b"Transfer-Encoding: gzip"], (400, "length-and-coding")),
    ([CHUNKED, CHUNKED], (400, "bad-coding")),
    ([CHUNKED, b"Transfer-Encoding: gzip"], (400, "bad-coding")),
    *(
        ([b"Transfer-Encoding: " + value], (400, "bad-coding"))
        for value in (
            *(b"", b",", b"chunked,", b",chunked", b"chunked, chunked", b"chunked, gzip", b"xchunked",
            b"chunkedx"),
            *(b"chunked;a=b", b'"chunked"', b"gzip, xChunkeD", b"chun ked", b"gzip;q=1", b"\xa0chunked",
            b"g zip"),
        )
    ),
    *(([b"Transfer-Encoding: " + value], (501, "coding")) for value in (b"gzip", b"gzip, chunked",
    b"identity")),
    ([b"Transfer-Encoding: gzip", CHUNKED], (501, "coding")),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "refusal"), MISFRAMINGS)
def test_framing_that_could_be_read_in_two_ways_is_refused(
    fields: list[bytes], refusal: tuple[int, str]
) -> None:
    """RFC 9112 section 6.1 and 6.3; 501 is for a coding that is merely not known here."""
    assert refused(get(*fields)) == refusal


def test_transfer_encoding_is_refused_on_1_0() -> None:
    """RFC 9112 section 6.1: a server MUST treat such a message as if its framing is faulty."""
    assert refused(message(b"POST / HTTP/1.0", CHUNKED)) == (400, "coding-on-1.0")


# RFC 9112 section 9.3, 9.6
KEPT = [
    (b"HTTP/1.1", [], True),
    (b"HTTP/1.1", [b"close"], False),
    (b"HTTP/1.1", [b"x, Close ,y"], False),
    (b"HTTP/1.1", [b"keep-alive", b"close"], False),
    (b"HTTP/1.1", [b"closed", b"xclose", b"", b","], True),
    (b"HTTP/1.0", [], False),
    (b"HTTP/1.0", [b"Keep-Alive"], True),
    (b"HTTP/1.0", [b"x,keep-alive"], True),
    (b"HTTP/1.0", [b"keep-alive, close"], False),
]


@pytest.mark.parametrize(("version", "options", "kept"), KEPT)
def test_version_and_connection_say_whether_it_is_kept(
    version: bytes, options: list[bytes], kept: bool
) -> None:
    """`close` weighs more than `keep-alive`; 1.0 has to ask for it."""
    head = accepted(message(b"GET / " + version, HOST, *(b"Connection: " + option for option in options)))
    assert head.keep_alive is kept


@pytest.mark.parametrize(
    ("version", "value", "expected"),
    [
        (b"HTTP/1.1", b"100-continue", True),
        (b"HTTP/1.1", b"100-Continue , 100-CONTINUE", True),
        (b"HTTP/1.1", b"", False),
        (b"HTTP/1.0", b"100-continue", False),
    ],
)
def test_expect_100_continue(version: bytes, value: bytes, expected: bool) -> None:
    """RFC 9110 section 10.1.1: in an HTTP/1.0 request it is ignored."""
    assert accepted(message(b"GET / " + version, HOST, b"Expect: " + value)).expect_continue is expected


@pytest.mark.parametrize("value", [b"200-ok", b"100-continue, x", b"100-continued", b"100-continue;q"])
def test_no_other_expectation_is_met(value: bytes) -> None:
    """RFC 9110 section 10.1.1: 417."""
    assert refused(get(b"Expect: " + value)) == (417, "expectation")


# Limits. HEAD has a line of 14 bytes, fields of 12 and 4, and 38 bytes in all.
HEAD = message(b"GET / HTTP/1.1", HOST, b"X: y")


@pytest.mark.parametrize(
    ("limit", "enough", "refusal"),
    [
        ("line_bytes_max", 14, (414, "line-too-long")),
        ("field_bytes_max", 12, (431, "field-too-large")),
        ("fields_max", 2, (431, "too-many-fields")),
        ("head_bytes_max", 38, (431, "head-too-large")),
    ],
)
def test_limits_are_kept_to_the_byte(limit: str, enough: int, refusal: tuple[int, str]) -> None:
    """Lines are counted without their CRLF, the head with all of them."""
    assert len(HEAD) == 38
    assert accepted(HEAD, **{limit: enough}).host == b"a.test"
    assert refused(HEAD, **{limit: enough - 1}) == refusal


@pytest.mark.parametrize(
    ("data", "limits", "rule"),
    [
        (b"GET /" + b"a" * 12, {"line_bytes_max": 15}, "line-too-long"),
        (b"GET / HTTP/1.1\r\nX:" + b"a" * 12, {"field_bytes_max": 12}, "field-too-large"),
        (b"GET / HTTP/1.1\r\nX:" + b"a" * 13, {"head_bytes_max": 30}, "head-too-large"),
    ],
)
def test_a_line_beyond_its_limit_is_refused_before_it_ends(
    data: bytes, limits: dict[str, int], rule: str
) -> None:
    """Nobody waits for the end of what is too long. One byte less could still be followed by CRLF."""
    answer = parse_head(data, **limits)  # type: ignore[arg-type]
    assert isinstance(answer, Refusal)
    assert answer.rule == rule
    assert parse_head(data[:-1], **limits) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line_bytes_max", "head_bytes_max", "rule"),
    [
        (20, 40, "line-too-long"),
        (40, 30, "head-too-large"),
        (20, 21, "line-too-long"),
        (20, 20, "head-too-large"),
    ],
)
def test_of_two_limits_the_one_crossed_first_counts(
    line_bytes_max: int, head_bytes_max: int, rule: str
) -> None:
    """Byte by byte there is no doubt which one that is; fed whole, the answer is the same."""
    data = message(b"GET /" + b"a" * 50 + b" HTTP/1.1", HOST)
    assert refused(data, line_bytes_max=line_bytes_max, head_bytes_max=head_bytes_max)[1] == rule


def test_dropped_fields_count_towards_the_limit() -> None:
    """Otherwise they would be a way to send any number of them."""
    assert accepted(get(*[b"X_A: 1"] * 99)).dropped == 99
    assert refused(get(*[b"X_A: 1"] * 100)) == (431, "too-many-fields")


def test_a_head_is_none_until_its_last_byte() -> None:
    """Every prefix of a correct head is waited for."""
    assert all(parse_head(BROWSER[:size]) is None for size in range(len(BROWSER)))
    assert isinstance(parse_head(BROWSER), Head)


def test_measuring_reads_the_whole_head() -> None:
    """The clock of the benchmark, and of the fuzzers' check for linear time."""
    assert measure_head(BROWSER, 10) > 0
    assert measure_head(BROWSER, 10, step=7) > 0
