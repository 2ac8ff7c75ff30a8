"""Transfer-Encoding and the chunked body (RFC 9112 §6.1, §6.3 and §7)."""

from __future__ import annotations

from tests.wire.rows import HOST, Row, accept, chunked, message, post, refuse

HELLO = b"hello"
HELLO_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
EVERY_BYTE = bytes(range(256))


def coded(*fields: bytes) -> bytes:
    """A POST with a correct chunked body and these fields to say so."""
    return post(*fields, body=HELLO_CHUNKS)


def takes(name: str, payload: bytes, body: bytes, rule: str = "9112 §7.1") -> Row:
    """A chunked body that is taken. Buffered, it has its real length (rules: PEP 3333 keys)."""
    return accept(
        name,
        chunked(payload),
        rule,
        body=body,
        absent=["HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_LENGTH"],
        CONTENT_LENGTH=str(len(body)),
    )


def extends(name: str, extension: bytes) -> Row:
    """A chunk extension that is grammatical, and ignored."""
    return takes(f"extension-{name}", b"5" + extension + b"\r\nhello\r\n0\r\n\r\n", HELLO, "9112 §7.1.1")


def breaks(name: str, payload: bytes, rule: str = "9112 §7.1") -> Row:
    """A chunked body that is refused."""
    return refuse(name, chunked(payload), rule)


def misextends(name: str, extension: bytes) -> Row:
    """A chunk extension that breaks the grammar."""
    return breaks(f"extension-{name}", b"5" + extension + b"\r\nhello\r\n0\r\n\r\n", "9112 §7.1.1")


CODINGS = [
    *(
        accept(f"coding-{name}", coded(field), "9112 §6.1", body=HELLO, absent=["HTTP_TRANSFER_ENCODING"])
        for name, field in (
            ("capital", b"Transfer-Encoding: Chunked"),
            ("upper-case", b"Transfer-Encoding: CHUNKED"),
            ("name-in-lower-case", b"transfer-encoding: chunked"),
            ("without-a-space", b"Transfer-Encoding:chunked"),
            ("in-whitespace", b"Transfer-Encoding: \t chunked \t"),
        )
    ),
    accept(
        "chunked-get",
        message(b"GET / HTTP/1.1", HOST, b"Transfer-Encoding: chunked", body=HELLO_CHUNKS),
        "9110 §9.3.1",
        body=HELLO,
        REQUEST_METHOD="GET",
    ),
    accept(
        "chunked-on-1.2",
        message(b"POST / HTTP/1.2", HOST, b"Transfer-Encoding: chunked", body=HELLO_CHUNKS),
        "9112 §2.3",
        body=HELLO,
    ),
    refuse(
        "chunked-on-1.0",
        message(b"POST / HTTP/1.0", HOST, b"Transfer-Encoding: chunked", body=HELLO_CHUNKS),
        "9112 §6.1",
    ),
    refuse(
        "chunked-on-1.0-kept-alive",
        message(
            b"POST / HTTP/1.0", b"Connection: keep-alive", b"Transfer-Encoding: chunked", body=HELLO_CHUNKS
        ),
        "9112 §6.1",
    ),
    refuse("chunked-then-length", coded(b"Transfer-Encoding: chunked", b"Content-Length: 15"), "9112 §6.3"),
    refuse("length-then-chunked", coded(b"Content-Length: 15", b"Transfer-Encoding: chunked"), "9112 §6.3"),
    refuse("chunked-and-length-0", coded(b"Content-Length: 0", b"Transfer-Encoding: chunked"), "9112 §6.3"),
    # RFC 9112 §6.1: "A sender MUST NOT apply the chunked transfer coding more than once".
    refuse("chunked-twice", coded(b"Transfer-Encoding: chunked, chunked"), "9112 §6.1"),
    refuse(
        "chunked-in-two-lines",
        coded(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        "9112 §6.1",
    ),
    # RFC 9112 §6.3: chunked not final in a request, "the server MUST respond with the 400".
    refuse("chunked-then-gzip", coded(b"Transfer-Encoding: chunked, gzip"), "9112 §6.3"),
    refuse("chunked-then-identity", coded(b"Transfer-Encoding: chunked, identity"), "9112 §6.3"),
    refuse(
        "chunked-then-gzip-in-two-lines",
        coded(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"),
        "9112 §6.3",
    ),
    # RFC 9112 §6.1: a coding it does not understand, "SHOULD respond with 501".
    refuse("gzip-then-chunked", coded(b"Transfer-Encoding: gzip, chunked"), "9112 §6.1", 501),
    refuse("deflate-then-chunked", coded(b"Transfer-Encoding: deflate,chunked"), "9112 §6.1", 501),
    refuse("identity-then-chunked", coded(b"Transfer-Encoding: identity, chunked"), "9112 §6.1", 501),
    refuse(
        "gzip-then-chunked-in-two-lines",
        coded(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"),
        "9112 §6.1",
        501,
    ),
    # Alone they are both: not understood (501), and not ending in chunked (400).
    refuse("gzip", coded(b"Transfer-Encoding: gzip"), "9112 §6.1, §6.3", 400, 501),
    refuse("identity", coded(b"Transfer-Encoding: identity"), "9112 §6.1, §6.3", 400, 501),
    refuse("unknown", coded(b"Transfer-Encoding: cow"), "9112 §6.1, §6.3", 400, 501),
    refuse(
        "identity-and-length",
        post(b"Transfer-Encoding: identity", b"Content-Length: 5", body=HELLO),
        "9112 §6.3",
        400,
        501,
    ),
    refuse(
        "unknown-and-length",
        post(b"Transfer-Encoding: cow", b"Content-Length: 5", body=HELLO),
        "9112 §6.3",
        400,
        501,
    ),
    *(
        refuse(f"coding-{name}", coded(b"Transfer-Encoding:" + value), "rules: Transfer-Encoding")
        for name, value in (
            ("empty", b""),
            ("of-spaces", b"  "),
            ("with-a-letter-before", b" xchunked"),
            ("with-a-letter-behind", b" chunkedx"),
            ("with-a-parameter", b" chunked;a=b"),
            ("with-an-empty-parameter", b" chunked;"),
            ("in-quotes", b' "chunked"'),
            ("in-single-quotes", b" 'chunked'"),
            ("with-a-comma-behind", b" chunked,"),
            ("with-a-comma-before", b" ,chunked"),
            ("with-a-space-inside", b" chun ked"),
            ("with-a-nul", b" chunked\x00"),
            ("with-a-vertical-tab", b" \x0bchunked"),
            ("with-a-form-feed", b" chunked\x0c"),
            ("with-a-no-break-space-before", b" \xa0chunked"),
            ("with-a-no-break-space-behind", b" chunked\xa0"),
            ("with-a-next-line", b" chunked\x85"),
            ("with-a-colon", b" : chunked"),
        )
    ),
    refuse("coding-before-a-space", coded(b"Transfer-Encoding : chunked"), "9112 §5.1"),
    refuse("coding-folded", coded(b"Transfer-Encoding:\r\n chunked"), "9112 §5.2"),
    refuse("coding-folded-behind", coded(b"Transfer-Encoding: chunked\r\n , gzip"), "9112 §5.2"),
]

CHUNKS = [
    takes("one-chunk", HELLO_CHUNKS, HELLO),
    takes("two-chunks", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", HELLO),
    takes("no-chunk", b"0\r\n\r\n", b""),
    takes("size-in-lower-case", b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    takes("size-in-upper-case", b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    takes("size-with-zeros-before", b"0005\r\nhello\r\n0\r\n\r\n", HELLO),
    takes("size-of-fifteen-digits", b"0" * 14 + b"5\r\nhello\r\n0\r\n\r\n", HELLO, "rules: chunk size"),
    takes("last-chunk-of-zeros", b"5\r\nhello\r\n000\r\n\r\n", HELLO),
    takes("data-of-every-byte", b"100\r\n" + EVERY_BYTE + b"\r\n0\r\n\r\n", EVERY_BYTE),
    takes("data-of-line-ends", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
    takes("data-like-a-last-chunk", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
    takes("data-like-a-request", b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED), SMUGGLED),
    takes("five-hundred-chunks", b"1\r\nb\r\n" * 500 + b"0\r\n\r\n", b"b" * 500),
    takes("a-large-chunk", b"EA60\r\n" + b"b" * 60_000 + b"\r\n0\r\n\r\n", b"b" * 60_000),
]

# RFC 9112 §7.1.1: chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
EXTENSIONS = [
    extends("name", b";a"),
    extends("name-and-token", b";a=b"),
    extends("name-and-string", b';a="b c"'),
    extends("empty-string", b';a=""'),
    extends("string-with-escapes", b';a="b\\"c\\\\"'),
    extends("string-with-a-semicolon", b';a=";b=\\"c"'),
    extends("string-with-a-tab", b';a="b\tc"'),
    extends("string-of-obs-text", b';a="\xe9\\\xe9"'),
    extends("two", b";a=b;c"),
    extends("in-bad-whitespace", b" ;\ta =\t b ; c"),
    extends("of-every-mark", b";!#$%&'*+-.^_`|~=!#$%&'*+-.^_`|~"),
    extends("of-three-thousand-bytes", b";a=" + b"b" * 3000),
    takes("extension-of-the-last-chunk", b"5\r\nhello\r\n0;a=b\r\n\r\n", HELLO, "9112 §7.1.1"),
    misextends("empty", b";"),
    misextends("two-semicolons", b";;a"),
    misextends("without-a-name", b";=b"),
    misextends("without-a-value", b";a="),
    misextends("with-a-second-value", b";a=b=c"),
    misextends("with-two-words", b";a=b c"),
    misextends("with-a-comma", b";a,b"),
    misextends("without-a-semicolon", b" a=b"),
    misextends("semicolon-behind", b";a=b;"),
    misextends("string-open", b';a="b'),
    misextends("string-open-after-an-escape", b';a="b\\"'),
    misextends("string-and-more", b';a="b"c'),
    misextends("string-as-a-name", b';"a"=b'),
    misextends("string-with-a-nul", b';a="\x00"'),
    misextends("string-with-a-delete", b';a="\x7f"'),
    misextends("string-with-an-escaped-nul", b';a="\\\x00"'),
    misextends("string-with-an-lf", b';a="b\nc"'),
    misextends("string-with-a-cr", b';a="b\rc"'),
    misextends("with-a-nul", b";a\x00"),
    misextends("with-obs-text", b";\xe9"),
    misextends("with-an-lf", b";a\nb"),
    misextends("with-a-cr", b";a\rb"),
    misextends("with-an-lf-first", b";\n"),
    breaks("extension-of-the-last-chunk-empty", b"5\r\nhello\r\n0;\r\n\r\n", "9112 §7.1.1"),
    misextends("of-five-thousand-bytes", b";a=" + b"b" * 5000),
    breaks(
        "extensions-of-five-thousand-bytes-in-total",
        b"".join(b"1;a=" + b"b" * 996 + b"\r\nh\r\n" for _ in range(5)) + b"0\r\n\r\n",
        "rules: chunk extension",
    ),
]

SIZES = [
    breaks(f"size-{name}", size + b"\r\nhello\r\n0\r\n\r\n")
    for name, size in (
        ("empty", b""),
        ("missing-before-an-extension", b";a=b"),
        ("of-a-letter", b"g"),
        ("with-a-letter-behind", b"5g"),
        ("in-hex-with-a-prefix", b"0x5"),
        ("plus", b"+5"),
        ("minus", b"-5"),
        ("with-an-underscore", b"0_5"),
        ("with-a-space-before", b" 5"),
        ("with-a-tab-before", b"\t5"),
        ("with-a-space-behind", b"5 "),
        ("with-a-tab-behind", b"5\t"),
        ("with-a-space-inside", b"0 5"),
        ("with-a-nul", b"5\x00"),
        ("with-a-comma", b"5,"),
        ("with-a-fraction", b"5.0"),
        ("in-wide-digits", "５".encode()),
        ("in-arabic-digits", "٥".encode()),
        ("with-a-no-break-space", b"5\xa0"),
        ("of-sixteen-digits", b"0" * 15 + b"5"),
        ("of-a-hundred-zeros", b"0" * 100),
    )
]

# Too many digits, and too large a body as soon as fifteen of them have been read: either is a reason.
OVERFLOWS = [
    refuse(f"size-{name}", chunked(size + b"\r\nhello\r\n0\r\n\r\n"), "9112 §7.1", 400, 413)
    for name, size in (
        ("of-two-to-the-64th-less-one", b"f" * 16),
        ("that-wraps-to-five", b"10000000000000005"),
        ("of-a-hundred-digits", b"f" * 100),
    )
]

TERMINATORS = [
    breaks("lf-ends-the-size", b"5\nhello\r\n0\r\n\r\n"),
    breaks("cr-ends-the-size", b"5\rhello\r\n0\r\n\r\n"),
    breaks("cr-and-a-byte-end-the-size", b"5\rXhello\r\n0\r\n\r\n"),
    breaks("cr-cr-lf-ends-the-size", b"5\r\r\nhello\r\n0\r\n\r\n"),
    breaks("crlf-before-the-size", b"\r\n5\r\nhello\r\n0\r\n\r\n"),
    breaks("lf-after-the-data", b"5\r\nhello\n0\r\n\r\n"),
    breaks("cr-after-the-data", b"5\r\nhello\r0\r\n\r\n"),
    breaks("cr-and-a-byte-after-the-data", b"5\r\nhello\rX0\r\n\r\n"),
    breaks("two-bytes-after-the-data", b"5\r\nhelloXX0\r\n\r\n"),
    breaks("nothing-after-the-data", b"5\r\nhello0\r\n\r\n"),
    breaks("crlf-twice-after-the-data", b"5\r\nhello\r\n\r\n0\r\n\r\n"),
    breaks("more-data-than-the-size", b"3\r\nhello\r\n0\r\n\r\n"),
    breaks("less-data-than-the-size", b"7\r\nhello\r\n0\r\n\r\n"),
    breaks("lf-ends-the-last-chunk", b"5\r\nhello\r\n0\n\r\n"),
    breaks("lf-ends-the-body", b"5\r\nhello\r\n0\r\n\n"),
    breaks("cr-and-a-byte-end-the-body", b"5\r\nhello\r\n0\r\n\rX\r\n\r\n"),
    breaks("a-byte-ends-the-body", b"5\r\nhello\r\n0\r\nX\r\n\r\n"),
    breaks("last-chunk-minus-zero", b"5\r\nhello\r\n-0\r\n\r\n"),
    breaks("last-chunk-empty", b"5\r\nhello\r\n\r\n"),
]

TOO_LARGE = [
    refuse("chunk-of-a-gibibyte-and-one", chunked(b"40000001\r\nhello"), "9110 §15.5.14", 413),
    refuse("chunk-of-two-to-the-32nd", chunked(b"100000000\r\nhello"), "9110 §15.5.14", 413),
    refuse(
        "chunk-of-two-to-the-32nd-and-five", chunked(b"100000005\r\nhello\r\n0\r\n\r\n"), "9110 §15.5.14", 413
    ),
    refuse("chunk-of-fifteen-fs", chunked(b"f" * 15 + b"\r\nhello"), "9110 §15.5.14", 413),
    refuse("second-chunk-too-large", chunked(b"5\r\nhello\r\n3ffffffc\r\nhello"), "9110 §15.5.14", 413),
]

ROWS: list[Row] = [*CODINGS, *CHUNKS, *EXTENSIONS, *SIZES, *OVERFLOWS, *TERMINATORS, *TOO_LARGE]
