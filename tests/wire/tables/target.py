"""The request target: four forms, percent-encoding, and what it may not hold (RFC 9112 §3.2, RFC 3986)."""

from __future__ import annotations

from tests.wire.rows import HOST, Row, accept, get, message, refuse


def seen(name: str, target: bytes, rule: str, path: str, query: str = "") -> Row:
    """An origin-form target: the path decoded, the query and REQUEST_URI as they came."""
    return accept(
        name,
        get(target=target),
        rule,
        PATH_INFO=path,
        QUERY_STRING=query,
        REQUEST_URI=target.decode("ascii"),
        SCRIPT_NAME="",
    )


def unseen(name: str, target: bytes, rule: str) -> Row:
    """A target that is refused."""
    return refuse(name, get(target=target), rule)


ORIGIN_FORM = [
    seen("a-path", b"/a/b", "9112 §3.2.1", "/a/b"),
    seen("a-query", b"/a?x=1&y=2", "9112 §3.2.1", "/a", "x=1&y=2"),
    seen("an-empty-query", b"/a?", "9112 §3.2.1", "/a"),
    seen("a-question-mark-in-the-query", b"/a?b?c", "3986 §3.4", "/a", "b?c"),
    seen("a-slash-in-the-query", b"/?/a/b", "3986 §3.4", "/", "/a/b"),
    seen("two-slashes-first", b"//evil.test/a", "9112 §3.2.1", "//evil.test/a"),
    seen("empty-segments", b"/a//b///", "3986 §3.3", "/a//b///"),
    seen("dot-segments-are-left", b"/a/./b/../c", "rules: path", "/a/./b/../c"),
    seen("dots-above-the-root-are-left", b"/../../a", "rules: path", "/../../a"),
    seen("encoded-dots-are-decoded-and-left", b"/%2e%2E/a", "rules: path", "/../a"),
    seen("every-pchar", b"/!$&'()*+,;=:@-._~", "3986 §3.3", "/!$&'()*+,;=:@-._~"),
    seen("a-semicolon", b"/a;v=1/b;w=2", "3986 §3.3", "/a;v=1/b;w=2"),
    seen("a-colon-in-the-first-segment", b"/http://a/", "3986 §3.3", "/http://a/"),
    seen("four-thousand-bytes", b"/" + b"a" * 4000, "9112 §3", "/" + "a" * 4000),
]

ENCODING = [
    seen("encoded-letter", b"/%41", "3986 §2.1", "/A"),
    seen("encoded-in-lower-case", b"/%7e%5b", "3986 §2.1", "/~["),
    seen("encoded-utf8-is-latin-1-text", b"/caf%C3%A9", "3333 Unicode Issues", "/caf\xc3\xa9"),
    seen("encoded-byte-that-is-no-utf8", b"/%ff%FE", "3333 Unicode Issues", "/\xff\xfe"),
    seen("encoded-slash", b"/a%2Fb", "rules: path", "/a/b"),
    seen("encoded-space", b"/a%20b", "3986 §2.1", "/a b"),
    seen("a-plus-stays", b"/a+b?c+d", "3986 §2.1", "/a+b", "c+d"),
    seen("decoded-once", b"/%2541%25", "rules: path", "/%41%"),
    seen("encoded-question-mark", b"/a%3Fb?c", "3986 §2.4", "/a?b", "c"),
    seen("encoded-hash", b"/a%23b", "3986 §2.4", "/a#b"),
    seen("encoded-line-end", b"/a%0D%0Ab", "rules: path", "/a\r\nb"),
    seen("encoded-delete", b"/%7F", "rules: path", "/\x7f"),
    seen("query-is-not-decoded", b"/?a=%41%20&b=%C3%A9", "rules: percent-encoding", "/", "a=%41%20&b=%C3%A9"),
    seen("query-with-a-bad-escape", b"/?a=%zz", "rules: percent-encoding", "/", "a=%zz"),
    seen("query-with-an-escaped-nul", b"/?a=%00", "rules: percent-encoding", "/", "a=%00"),
    seen("query-that-ends-in-a-percent", b"/?a=%", "rules: percent-encoding", "/", "a=%"),
    unseen("percent-at-the-end", b"/%", "3986 §2.1"),
    unseen("percent-and-one-digit", b"/%4", "3986 §2.1"),
    unseen("percent-and-one-digit-before-the-query", b"/%4?1", "3986 §2.1"),
    unseen("percent-and-letters", b"/%zz", "3986 §2.1"),
    unseen("percent-and-a-bad-second-digit", b"/%4g", "3986 §2.1"),
    unseen("percent-and-a-bad-first-digit", b"/%g4", "3986 §2.1"),
    unseen("two-percents", b"/%%41", "3986 §2.1"),
    unseen("percent-with-a-sign", b"/%+1", "3986 §2.1"),
    unseen("percent-of-a-script", b"/%u0041", "3986 §2.1"),
    unseen("percent-of-a-percent-digit", b"/%4%31", "3986 §2.1"),
    unseen("escaped-nul", b"/a%00b", "rules: percent-encoding"),
    unseen("escaped-nul-alone", b"/%00", "rules: percent-encoding"),
]

# RFC 3986 has none of these in a URI; §3.2 of RFC 9112 calls a target with them invalid.
FORBIDDEN_BYTES = [
    *(
        unseen(f"byte-{byte:02x}-in-the-path", b"/a" + bytes([byte]) + b"b", "9112 §3.2")
        for byte in (0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0xA0, 0xC3, 0xFF)
    ),
    *(
        unseen(f"byte-{byte:02x}-in-the-query", b"/?a" + bytes([byte]) + b"b", "9112 §3.2")
        for byte in (0x00, 0x01, 0x09, 0x1B, 0x7F, 0x80, 0xE9, 0xFF)
    ),
    unseen("utf8-in-the-path", "/café".encode(), "9112 §3.2"),
    unseen("a-fragment", b"/a#b", "9112 §3.2"),
    unseen("an-empty-fragment", b"/#", "9112 §3.2"),
    unseen("a-fragment-behind-a-query", b"/a?b#c", "9112 §3.2"),
]


def absolute(target: bytes, *fields: bytes) -> bytes:
    """A GET in absolute-form; with another Host unless told."""
    return message(b"GET " + target + b" HTTP/1.1", *(fields or (b"Host: other.test",)))


def absolute_seen(name: str, target: bytes, rule: str, host: str, path: str, query: str = "") -> Row:
    """RFC 9112 §3.2.2: the authority of the target replaces the Host received."""
    return accept(
        name,
        absolute(target),
        rule,
        HTTP_HOST=host,
        PATH_INFO=path,
        QUERY_STRING=query,
        REQUEST_URI=target.decode("ascii"),
    )


ABSOLUTE_FORM = [
    absolute_seen("absolute", b"http://a.test/a?b", "9112 §3.2.2", "a.test", "/a", "b"),
    absolute_seen("absolute-with-a-port", b"http://a.test:8080/a", "9112 §3.2.2", "a.test:8080", "/a"),
    absolute_seen("absolute-in-upper-case", b"HTTP://a.test/a", "3986 §3.1", "a.test", "/a"),
    absolute_seen("absolute-without-a-path", b"http://a.test", "9110 §4.2.3", "a.test", "/"),
    absolute_seen("absolute-with-a-query-alone", b"http://a.test?b=c", "9110 §4.2.3", "a.test", "/", "b=c"),
    absolute_seen("absolute-of-an-ipv6-address", b"http://[::1]:8000/", "3986 §3.2.2", "[::1]:8000", "/"),
    absolute_seen("absolute-encoded", b"http://a.test/%41%2F", "3986 §2.1", "a.test", "/A/"),
    accept(
        "absolute-on-http-1.0",
        b"GET http://a.test/x HTTP/1.0\r\n\r\n",
        "9112 §3.2.2",
        keep=False,
        HTTP_HOST="a.test",
        PATH_INFO="/x",
    ),
    accept(
        "absolute-of-options",
        message(b"OPTIONS http://a.test/a HTTP/1.1", HOST),
        "9112 §3.2.2",
        PATH_INFO="/a",
        REQUEST_URI="http://a.test/a",
    ),
    # RFC 9112 §3.2.4: without path and query it asks for the server as a whole, as `*` does.
    accept(
        "absolute-of-options-without-a-path",
        message(b"OPTIONS http://a.test HTTP/1.1", HOST),
        "9112 §3.2.4",
        HTTP_HOST="a.test",
        QUERY_STRING="",
        REQUEST_URI="http://a.test",
    ),
    accept(
        "absolute-of-options-with-a-query-alone",
        message(b"OPTIONS http://a.test?a HTTP/1.1", HOST),
        "9112 §3.2.4",
        PATH_INFO="/",
        QUERY_STRING="a",
    ),
    absolute_seen("absolute-with-an-empty-query", b"http://a.test?", "9110 §4.2.3", "a.test", "/"),
    absolute_seen("absolute-with-an-empty-port", b"http://a.test:/a", "3986 §3.2.3", "a.test:", "/a"),
    # RFC 9110 §7.4: "a request for an "https" resource MUST be rejected unless it has been received over a
    # connection that has been secured".
    refuse("absolute-of-https", absolute(b"https://a.test/a"), "9110 §7.4", 400, 421),
    refuse("absolute-of-ftp", absolute(b"ftp://a.test/a"), "9110 §7.4", 400, 421),
    refuse("absolute-of-a-websocket", absolute(b"ws://a.test/a"), "9110 §7.4", 400, 421),
    refuse("absolute-without-host", b"GET http://a.test/ HTTP/1.1\r\n\r\n", "9112 §3.2"),
    refuse("absolute-with-two-hosts", absolute(b"http://a.test/", HOST, HOST), "9112 §3.2"),
    refuse("absolute-with-an-invalid-host", absolute(b"http://a.test/", b"Host: a/b"), "9112 §3.2"),
    refuse("absolute-with-an-empty-authority", absolute(b"http:///a"), "9110 §4.2.1"),
    refuse("absolute-with-an-empty-host", absolute(b"http://:80/a"), "9110 §4.2.1"),
    refuse("absolute-with-nothing-behind", absolute(b"http://"), "9110 §4.2.1"),
    refuse("absolute-with-one-slash", absolute(b"http:/a"), "9110 §4.2.1"),
    refuse("absolute-without-slashes", absolute(b"http:a"), "9110 §4.2.1"),
    refuse("absolute-with-a-user", absolute(b"http://user@a.test/"), "9110 §4.2.4"),
    refuse("absolute-with-a-user-and-password", absolute(b"http://user:pw@a.test/"), "9110 §4.2.4"),
    refuse("absolute-with-an-open-bracket", absolute(b"http://[::1/"), "3986 §3.2.2"),
    refuse("absolute-with-a-bad-port", absolute(b"http://a.test:80a/"), "3986 §3.2.3"),
    refuse("absolute-with-a-backslash-in-the-host", absolute(b"http://a.test\\@evil.test/"), "3986 §3.2.2"),
    refuse("absolute-with-a-bad-escape", absolute(b"http://a.test/%zz"), "3986 §2.1"),
    refuse("absolute-with-a-nul", absolute(b"http://a.test/%00"), "rules: percent-encoding"),
    refuse("absolute-with-a-fragment", absolute(b"http://a.test/a#b"), "9112 §3.2"),
    refuse("absolute-with-a-fragment-after-the-host", absolute(b"http://a.test#b"), "9112 §3.2"),
]

OTHER_FORMS = [
    accept(
        "asterisk",
        message(b"OPTIONS * HTTP/1.1", HOST),
        "9112 §3.2.4",
        REQUEST_METHOD="OPTIONS",
        REQUEST_URI="*",
        QUERY_STRING="",
    ),
    accept("options-of-a-path", message(b"OPTIONS /a HTTP/1.1", HOST), "9112 §3.2.1", PATH_INFO="/a"),
    unseen("asterisk-of-get", b"*", "9112 §3.2.4"),
    refuse("asterisk-of-options-in-lower-case", message(b"options * HTTP/1.1", HOST), "9112 §3.2.4"),
    refuse("asterisk-and-more", message(b"OPTIONS *a HTTP/1.1", HOST), "9112 §3.2.4"),
    refuse("asterisk-and-query", message(b"OPTIONS *?a HTTP/1.1", HOST), "9112 §3.2.4"),
    refuse("two-asterisks", message(b"OPTIONS ** HTTP/1.1", HOST), "9112 §3.2.4"),
    unseen("authority", b"a.test:80", "9112 §3.2.3"),
    unseen("a-host-alone", b"a.test", "9112 §3.2"),
    unseen("a-relative-path", b"a/b", "9112 §3.2"),
    unseen("a-dot-path", b"./a", "9112 §3.2"),
    unseen("a-query-alone", b"?a", "9112 §3.2"),
    unseen("a-fragment-alone", b"#a", "9112 §3.2"),
    unseen("a-backslash-path", b"\\a", "9112 §3.2"),
    unseen("an-encoded-slash-first", b"%2Fa", "9112 §3.2"),
    unseen("a-mail-address", b"mailto:a@b.test", "9112 §3.2"),
]

ROWS: list[Row] = [*ORIGIN_FORM, *ENCODING, *FORBIDDEN_BYTES, *ABSOLUTE_FORM, *OTHER_FORMS]
