"""What real clients send and strictness must not cost: every row is accepted.

Taken from what browsers, command line clients, load balancers, health checks and crawlers are known to send.
"""

from __future__ import annotations

from tests.wire.rows import HOST, Row, accept, get, message, post

CHROME = (
    b"Connection: keep-alive",
    b"Cache-Control: max-age=0",
    b'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"',
    b"sec-ch-ua-mobile: ?0",
    b'sec-ch-ua-platform: "Linux"',
    b"Upgrade-Insecure-Requests: 1",
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0",
    b"Accept: text/html,application/xhtml+xml;q=0.9,image/avif,*/*;q=0.8",
    b"Sec-Fetch-Site: none",
    b"Accept-Encoding: gzip, deflate, br, zstd",
    b"Accept-Language: de-DE,de;q=0.9,en;q=0.8",
    b'Cookie: a=1; b=%7B%22x%22%3A1%7D; c="q"; d=x,y; e=a:b|c',
)
FORM = b"a=1&b=%20c&d=%C3%A9"
MULTIPART = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n'


def field(name: str, line: bytes, **environ: str) -> Row:
    """A GET with one field as clients write it."""
    return accept(f"field-{name}", get(line), "9110 §5.5", more=environ)


def query(name: str, sent: bytes) -> Row:
    """A query that is no URI by RFC 3986, but that browsers and other clients send unencoded."""
    return accept(
        f"query-{name}", get(target=b"/?" + sent), "rules: percent-encoding", QUERY_STRING=sent.decode()
    )


def path(name: str, sent: bytes) -> Row:
    """A path with a byte that RFC 3986 leaves out and that browsers do not encode."""
    return accept(f"path-{name}", get(target=b"/" + sent), "rules: target", PATH_INFO="/" + sent.decode())


CLIENTS = [
    accept("chrome", get(*CHROME), "9110 §5", HTTP_SEC_CH_UA_MOBILE="?0", HTTP_UPGRADE_INSECURE_REQUESTS="1"),
    accept("curl", get(b"User-Agent: curl/8.9.1", b"Accept: */*"), "9110 §5", HTTP_USER_AGENT="curl/8.9.1"),
    accept(
        "curl-upgrading-to-h2c",
        get(
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
        ),
        "9110 §7.8",
        HTTP_UPGRADE="h2c",
    ),
    accept(
        "websocket-handshake",
        get(
            b"Connection: keep-alive, Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        "9110 §7.8",
        HTTP_SEC_WEBSOCKET_VERSION="13",
    ),
    accept(
        "old-health-check", b"OPTIONS / HTTP/1.0\r\n\r\n", "9112 §9.3", keep=False, REQUEST_METHOD="OPTIONS"
    ),
    accept("old-head", b"HEAD / HTTP/1.0\r\n\r\n", "9112 §9.3", keep=False, REQUEST_METHOD="HEAD"),
    accept(
        "apache-bench",
        message(
            b"GET / HTTP/1.0", b"Connection: Keep-Alive", HOST, b"User-Agent: ApacheBench/2.3", b"Accept: */*"
        ),
        "9112 §9.3",
        HTTP_USER_AGENT="ApacheBench/2.3",
    ),
    accept(
        "reverse-proxy-of-1.0",
        message(b"GET /a HTTP/1.0", b"X-Real-IP: 192.0.2.1", b"Host: a.test", b"Connection: close"),
        "9112 §9.3",
        keep=False,
        HTTP_X_REAL_IP="192.0.2.1",
    ),
    accept(
        "load-balancer-in-lower-case",
        message(
            b"GET / HTTP/1.1",
            b"host: a.test",
            b"x-forwarded-for: 192.0.2.1",
            b"x-amzn-trace-id: Root=1-67891233",
        ),
        "9110 §5.1",
        HTTP_X_AMZN_TRACE_ID="Root=1-67891233",
    ),
    accept(
        "form",
        post(
            b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: %d" % len(FORM), body=FORM
        ),
        "9112 §6.2",
        body=FORM,
        CONTENT_TYPE="application/x-www-form-urlencoded",
    ),
    accept(
        "multipart",
        post(
            b"Content-Type: multipart/form-data; boundary=B",
            b"Content-Length: %d" % len(MULTIPART),
            body=MULTIPART,
        ),
        "9112 §6.2",
        body=MULTIPART,
        CONTENT_TYPE="multipart/form-data; boundary=B",
    ),
    accept(
        "webdav",
        message(b"PROPFIND /a/ HTTP/1.1", HOST, b"Depth: 1", b"Content-Length: 4", body=b"<a/>"),
        "9110 §9.1",
        body=b"<a/>",
        REQUEST_METHOD="PROPFIND",
        HTTP_DEPTH="1",
    ),
    accept(
        "upnp",
        message(b"M-SEARCH /a HTTP/1.1", HOST, b'MAN: "ssdp:discover"'),
        "9110 §9.1",
        HTTP_MAN='"ssdp:discover"',
    ),
]

FIELDS = [
    field("cookie-of-eight-kilobytes", b"Cookie: a=" + b"c" * 8192, HTTP_COOKIE="a=" + "c" * 8192),
    field("cookie-empty", b"Cookie:", HTTP_COOKIE=""),
    field("cookie-of-semicolons", b"Cookie: ;;a=1;;", HTTP_COOKIE=";;a=1;;"),
    field("cookie-in-utf8", "Cookie: a=é".encode(), HTTP_COOKIE="a=\xc3\xa9"),
    field("user-agent-in-utf8", "User-Agent: Bär/1".encode(), HTTP_USER_AGENT="B\xc3\xa4r/1"),
    field("user-agent-empty", b"User-Agent:", HTTP_USER_AGENT=""),
    field("user-agent-with-odd-parentheses", b"User-Agent: a (b", HTTP_USER_AGENT="a (b"),
    field("referer-in-latin-1", b"Referer: http://a.test/caf\xe9", HTTP_REFERER="http://a.test/caf\xe9"),
    field("referer-with-spaces", b"Referer: http://a.test/a b", HTTP_REFERER="http://a.test/a b"),
    field("accept-of-empty-members", b"Accept: ,,*/*,", HTTP_ACCEPT=",,*/*,"),
    field("accept-encoding-empty", b"Accept-Encoding:", HTTP_ACCEPT_ENCODING=""),
    field(
        "authorization", b"Authorization: Bearer a.b-c_d~e+f/g==", HTTP_AUTHORIZATION="Bearer a.b-c_d~e+f/g=="
    ),
    field("etag", b'If-None-Match: W/"a", "b"', HTTP_IF_NONE_MATCH='W/"a", "b"'),
    field("date-nobody-can-read", b"If-Modified-Since: yesterday", HTTP_IF_MODIFIED_SINCE="yesterday"),
    field("range", b"Range: bytes=0-,5-6", HTTP_RANGE="bytes=0-,5-6"),
    field("origin-null", b"Origin: null", HTTP_ORIGIN="null"),
    field("priority", b"Priority: u=1, i", HTTP_PRIORITY="u=1, i"),
    field("forwarded", b'Forwarded: for="[::1]:80";proto=http', HTTP_FORWARDED='for="[::1]:80";proto=http'),
    field("via", b"Via: 1.0 fred, 1.1 p.test (x)", HTTP_VIA="1.0 fred, 1.1 p.test (x)"),
    field("json-in-a-value", b'X-Meta: {"a": [1, "b"]}', HTTP_X_META='{"a": [1, "b"]}'),
    field("trailing-spaces", b"X-A: b      ", HTTP_X_A="b"),
    field(
        "trace-context",
        b"traceparent: 00-0af7651916cd43dd-b7ad6b7169203331-01",
        HTTP_TRACEPARENT="00-0af7651916cd43dd-b7ad6b7169203331-01",
    ),
]

TARGETS = [
    query("brackets", b"a[]=1&a[b]=2"),
    query("braces", b'filter={"a":1}'),
    query("bars", b"a|b"),
    query("carets-and-backquotes", b"a^b`c"),
    query("backslashes", b"a\\b"),
    query("angles", b"<a>"),
    query("quotes", b"a=\"b\"'c'"),
    query("nested-url", b"next=http://b.test/?c=d%26e"),
    query("plus-and-percent", b"a+b%20100%"),
    path("bar", b"a|b"),
    path("brackets", b"a[1]"),
    path("caret", b"a^b"),
    path("apostrophe", b"it's"),
    path("at", b"@user"),
    path("matrix-parameters", b"a;b=c;d/e"),
    path("commas", b"1,2,3"),
    path("colons", b"urn:a:b"),
]

ROWS: list[Row] = [*CLIENTS, *FIELDS, *TARGETS]
