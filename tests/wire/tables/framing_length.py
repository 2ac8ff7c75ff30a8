"""Content-Length, and requests without a body (RFC 9110 §8.6, RFC 9112 §6.2 and §6.3)."""

from __future__ import annotations

from tests.wire.rows import HOST, Row, accept, get, message, post, refuse

HELLO = b"hello"
EVERY_BYTE = bytes(range(256))
# What a confused server would take for the next message.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"


def with_length(value: bytes) -> bytes:
    """A POST with these bytes behind `Content-Length:`, and five bytes of body."""
    return post(b"Content-Length:" + value, body=HELLO)


def of_method(method: bytes) -> bytes:
    """A request with this method and a body of five bytes."""
    return message(method + b" / HTTP/1.1", HOST, b"Content-Length: 5", body=HELLO)


LENGTHS = [
    accept("length", with_length(b" 5"), "9110 §8.6", body=HELLO, REQUEST_METHOD="POST", CONTENT_LENGTH="5"),
    accept("length-0", post(b"Content-Length: 0"), "9110 §8.6", CONTENT_LENGTH="0"),
    accept("length-without-a-space", with_length(b"5"), "9112 §5.1", body=HELLO, CONTENT_LENGTH="5"),
    accept("length-in-whitespace", with_length(b" \t 5 \t "), "9112 §5.1", body=HELLO, CONTENT_LENGTH="5"),
    accept("length-with-a-zero-before", with_length(b" 05"), "9110 §8.6", body=HELLO),
    accept(
        "length-of-nineteen-digits", with_length(b" " + b"0" * 18 + b"5"), "rules: Content-Length", body=HELLO
    ),
    accept(
        "length-in-lower-case",
        post(b"content-length: 5", body=HELLO),
        "9110 §5.1",
        body=HELLO,
        CONTENT_LENGTH="5",
    ),
    accept(
        "length-before-host",
        message(b"POST / HTTP/1.1", b"Content-Length: 5", HOST, body=HELLO),
        "9110 §5.3",
        body=HELLO,
    ),
    accept("body-of-every-byte", post(b"Content-Length: 256", body=EVERY_BYTE), "9112 §6", body=EVERY_BYTE),
    accept(
        "body-of-line-ends",
        post(b"Content-Length: 8", body=b"\r\n\r\n\n\n\r\r"),
        "9112 §6",
        body=b"\r\n\r\n\n\n\r\r",
    ),
    accept(
        "body-that-looks-like-a-request",
        post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED),
        "9112 §6",
        body=SMUGGLED,
    ),
    accept(
        "body-that-looks-chunked",
        post(b"Content-Length: 15", body=b"5\r\nhello\r\n0\r\n\r\n"),
        "9112 §6",
        body=b"5\r\nhello\r\n0\r\n\r\n",
    ),
    accept(
        "body-of-sixty-thousand-bytes",
        post(b"Content-Length: 60000", body=b"b" * 60_000),
        "9112 §6",
        body=b"b" * 60_000,
        CONTENT_LENGTH="60000",
    ),
    *(
        accept(
            f"body-of-{method.decode().lower()}",
            of_method(method),
            "9110 §9.3",
            body=HELLO,
            REQUEST_METHOD=method.decode(),
        )
        for method in (b"GET", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"PURGE")
    ),
    accept(
        "body-on-1.0",
        message(b"POST / HTTP/1.0", b"Content-Length: 5", body=HELLO),
        "9112 §6.3",
        body=HELLO,
        keep=False,
        CONTENT_LENGTH="5",
    ),
    # RFC 9112 §6.3: "If this is a request message and none of the above are true, then the message body
    # length is zero".
    accept("no-framing", post(), "9112 §6.3", REQUEST_METHOD="POST"),
    accept("no-framing-on-1.0", message(b"POST / HTTP/1.0"), "9112 §6.3", keep=False, REQUEST_METHOD="POST"),
    accept(
        "no-framing-but-a-type", post(b"Content-Type: text/plain"), "9112 §6.3", CONTENT_TYPE="text/plain"
    ),
]

# RFC 9110 §8.6: Content-Length = 1*DIGIT, and DIGIT is one of ten ASCII bytes.
NO_NUMBERS = [
    refuse(f"length-{name}", with_length(value), "9110 §8.6")
    for name, value in (
        ("empty", b""),
        ("of-spaces", b"   "),
        ("plus", b" +5"),
        ("minus", b" -5"),
        ("minus-zero", b" -0"),
        ("in-hex", b" 0x5"),
        ("in-hex-digits", b" a"),
        ("in-octal", b" 0o5"),
        ("with-an-underscore", b" 5_0"),
        ("with-a-space", b" 5 5"),
        ("with-a-tab", b" 5\t5"),
        ("with-a-semicolon", b" 5;"),
        ("with-a-fraction", b" 5.0"),
        ("with-an-exponent", b" 5e0"),
        ("with-a-unit", b" 5B"),
        ("in-quotes", b' "5"'),
        ("of-a-word", b" five"),
        ("in-arabic-digits", " ٥".encode()),
        ("in-wide-digits", " ５".encode()),
        ("in-superscript", b" \xb2"),
        ("in-no-break-spaces", b" \xa05\xa0"),
        ("with-a-next-line", b" 5\x85"),
        ("with-a-nul", b" 5\x00"),
        ("with-a-vertical-tab", b" \x0b5"),
        ("with-a-form-feed", b" 5\x0c"),
        ("with-a-comma-behind", b" 5,"),
        ("with-a-comma-before", b" ,5"),
        ("list-of-equals", b" 5, 5"),
        ("list-without-a-space", b" 5,5"),
        ("list-of-others", b" 5, 6"),
        ("of-twenty-digits", b" " + b"0" * 19 + b"5"),
        ("of-two-to-the-64th", b" 18446744073709551616"),
        ("that-wraps-to-five", b" 18446744073709551621"),
        ("of-a-hundred-digits", b" " + b"9" * 100),
    )
]

REPEATED = [
    refuse(
        "lengths-equal",
        post(b"Content-Length: 5", b"Content-Length: 5", body=HELLO),
        "rules: several Content-Length",
    ),
    refuse("lengths-other", post(b"Content-Length: 5", b"Content-Length: 0", body=HELLO), "9112 §6.3"),
    refuse(
        "lengths-of-which-the-first-is-smaller",
        post(b"Content-Length: 0", b"Content-Length: 5", body=HELLO),
        "9112 §6.3",
    ),
    refuse(
        "lengths-in-other-case", post(b"Content-Length: 5", b"content-length: 5", body=HELLO), "9112 §6.3"
    ),
    refuse(
        "lengths-apart",
        post(b"Content-Length: 5", b"Accept: */*", b"Content-Length: 5", body=HELLO),
        "9112 §6.3",
    ),
    refuse(
        "lengths-of-which-one-is-empty",
        post(b"Content-Length: 5", b"Content-Length:", body=HELLO),
        "9112 §6.3",
    ),
    refuse("three-lengths", post(*[b"Content-Length: 5"] * 3, body=HELLO), "9112 §6.3"),
    refuse("lengths-of-get", get(b"Content-Length: 0", b"Content-Length: 0"), "9112 §6.3"),
    refuse(
        "lengths-on-1.0",
        message(b"POST / HTTP/1.0", b"Content-Length: 5", b"Content-Length: 5", body=HELLO),
        "9112 §6.3",
    ),
    refuse("bad-length-on-1.0", message(b"POST / HTTP/1.0", b"Content-Length: +5", body=HELLO), "9112 §6.3"),
    refuse("bad-length-of-get", get(b"Content-Length: -1"), "9112 §6.3"),
    refuse("length-before-a-space", post(b"Content-Length : 5", body=HELLO), "9112 §5.1"),
    refuse("length-folded", post(b"Content-Length:\r\n 5", body=HELLO), "9112 §5.2"),
    refuse("length-folded-behind", post(b"Content-Length: 5\r\n 0", body=HELLO), "9112 §5.2"),
]

# The answer comes at once: nobody has to send a body that will not be taken.
TOO_LARGE = [
    refuse("length-of-a-gibibyte-and-one", post(b"Content-Length: 1073741825"), "9110 §15.5.14", 413),
    refuse("length-of-two-to-the-32nd-and-five", with_length(b" 4294967301"), "9110 §15.5.14", 413),
    refuse("length-of-two-to-the-63rd-less-one", with_length(b" 9223372036854775807"), "9110 §15.5.14", 413),
    refuse("length-of-two-to-the-63rd", with_length(b" 9223372036854775808"), "9110 §15.5.14", 413),
    refuse("length-of-nineteen-nines", with_length(b" " + b"9" * 19), "9110 §15.5.14", 413),
]

ROWS: list[Row] = [*LENGTHS, *NO_NUMBERS, *REPEATED, *TOO_LARGE]
