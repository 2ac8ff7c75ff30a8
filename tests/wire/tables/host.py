"""Host: how many, and what it may say (RFC 9112 §3.2, RFC 9110 §7.2, RFC 3986 §3.2)."""

from __future__ import annotations

from tests.wire.rows import Row, accept, message, refuse

LINE = b"GET / HTTP/1.1"
OLD_LINE = b"GET / HTTP/1.0"


def valid(name: str, host: bytes, rule: str = "3986 §3.2.2") -> Row:
    """A Host that is taken, and HTTP_HOST as it was sent."""
    return accept(name, message(LINE, b"Host: " + host), rule, HTTP_HOST=host.decode("ascii"))


def invalid(name: str, host: bytes, rule: str = "9112 §3.2") -> Row:
    """A Host that is refused."""
    return refuse(name, message(LINE, b"Host: " + host), rule)


HOW_MANY = [
    refuse("none", message(LINE, b"Accept: */*"), "9112 §3.2"),
    refuse("none-and-no-field-at-all", message(LINE), "9112 §3.2"),
    refuse("two", message(LINE, b"Host: a.test", b"Host: b.test"), "9112 §3.2"),
    refuse("two-equal", message(LINE, b"Host: a.test", b"Host: a.test"), "9112 §3.2"),
    refuse("two-in-other-case", message(LINE, b"Host: a.test", b"hOST: a.test"), "9112 §3.2"),
    refuse("two-apart", message(LINE, b"Host: a.test", b"Accept: */*", b"Host: b.test"), "9112 §3.2"),
    refuse("two-of-which-one-empty", message(LINE, b"Host: a.test", b"Host:"), "9112 §3.2"),
    accept("none-on-1.0", message(OLD_LINE), "9112 §3.2", keep=False, absent=["HTTP_HOST"]),
    accept("one-on-1.0", message(OLD_LINE, b"Host: a.test"), "9112 §3.2", keep=False, HTTP_HOST="a.test"),
    refuse("two-on-1.0", message(OLD_LINE, b"Host: a.test", b"Host: a.test"), "9112 §3.2"),
    refuse("invalid-on-1.0", message(OLD_LINE, b"Host: a/b"), "9112 §3.2"),
    # RFC 9112 §3.2: where the target URI has no authority, Host is sent with an empty value.
    accept("empty", message(LINE, b"Host:"), "9112 §3.2", PATH_INFO="/"),
    accept("empty-of-asterisk", message(b"OPTIONS * HTTP/1.1", b"Host:"), "9112 §3.2", REQUEST_URI="*"),
    refuse("empty-beside-an-authority", message(b"GET http://a.test/ HTTP/1.1", b"Host:"), "rules: Host"),
    accept(
        "last-of-the-fields", message(LINE, b"Accept: */*", b"Host: a.test"), "9112 §3.2", HTTP_HOST="a.test"
    ),
    accept("in-lower-case", message(LINE, b"host: a.test"), "9110 §5.1", HTTP_HOST="a.test"),
    accept("in-whitespace", message(LINE, b"Host: \t a.test \t"), "9112 §5.1", HTTP_HOST="a.test"),
]

VALID = [
    valid("name", b"example.test"),
    valid("name-with-a-port", b"example.test:8080"),
    valid("name-in-mixed-case", b"ExAmPlE.Test"),
    valid("name-of-one-letter", b"a"),
    valid("name-with-a-dot-behind", b"example.test."),
    valid("name-with-dashes", b"a-b--c.test"),
    valid("name-with-an-underscore", b"a_b.test"),
    valid("name-with-a-tilde", b"a~b.test"),
    valid("name-of-digits", b"12345"),
    valid("name-in-punycode", b"xn--caf-dma.test"),
    valid("name-encoded", b"%41.test"),
    valid("name-of-sub-delims", b"a!$&'()*+;=b"),
    valid("ipv4", b"127.0.0.1"),
    valid("ipv4-with-a-port", b"127.0.0.1:80"),
    valid("ipv6", b"[::1]"),
    valid("ipv6-with-a-port", b"[2001:db8::1]:8080"),
    valid("ipv6-of-ipv4", b"[::ffff:192.0.2.1]"),
    valid("ip-future", b"[v1.fe80::a+en1]"),
    valid("port-empty", b"a.test:", "3986 §3.2.3"),
    valid("port-65535", b"a.test:65535", "3986 §3.2.3"),
]

INVALID = [
    invalid("two-names", b"a.test b.test"),
    invalid("list", b"a.test, b.test"),
    invalid("path", b"a.test/b"),
    invalid("slash-behind", b"a.test/"),
    invalid("query", b"a.test?b"),
    invalid("fragment", b"a.test#b"),
    invalid("scheme", b"http://a.test"),
    invalid("user", b"user@a.test", "rules: Host"),
    invalid("user-and-password", b"user:pw@a.test", "rules: Host"),
    invalid("user-empty", b"@a.test", "rules: Host"),
    invalid("at-behind", b"a.test@", "rules: Host"),
    invalid("port-of-letters", b"a.test:http"),
    invalid("port-with-a-letter", b"a.test:80a"),
    invalid("port-with-a-plus", b"a.test:+80"),
    invalid("port-with-a-minus", b"a.test:-80"),
    invalid("port-in-hex", b"a.test:0x50"),
    invalid("port-with-a-space", b"a.test:8 0"),
    invalid("space-before-the-port", b"a.test :80"),
    invalid("two-ports", b"a.test:80:80"),
    invalid("port-without-a-name", b":80", "9110 §4.2.1"),
    invalid("ipv6-without-brackets", b"::1"),
    invalid("ipv6-without-brackets-with-a-port", b"fe80::1:80"),
    invalid("bracket-open", b"[::1"),
    invalid("bracket-closed", b"::1]"),
    invalid("brackets-empty", b"[]"),
    invalid("brackets-and-a-name", b"[::1]a.test"),
    invalid("name-and-brackets", b"a.test[::1]"),
    invalid("name-in-brackets", b"[a.test]"),
    invalid("zone-in-brackets", b"[fe80::1%eth0]"),
    invalid("backslash", b"a.test\\b"),
    invalid("less-than", b"<script>"),
    invalid("quote", b'"a.test"'),
    invalid("bar", b"a|b"),
    invalid("caret", b"a^b"),
    invalid("brace", b"{a}"),
    invalid("backquote", b"a`b"),
    invalid("latin-1", b"caf\xe9.test"),
    invalid("utf8", "café.test".encode()),
    invalid("no-break-space", b"a.test\xa0"),
    invalid("escape-of-letters", b"a%zz.test"),
    invalid("escape-cut-short", b"a.test%4"),
    invalid("tab-inside", b"a\tb"),
    refuse("nul", message(LINE, b"Host: a.test\x00.evil.test"), "9110 §5.5"),
    refuse("space-before-the-colon-of-host", message(LINE, b"Host : a.test"), "9112 §5.1"),
    refuse("host-behind-a-space", message(LINE, b"Accept: */*", b" Host: a.test"), "9112 §5.2"),
]

ROWS: list[Row] = [*HOW_MANY, *VALID, *INVALID]
