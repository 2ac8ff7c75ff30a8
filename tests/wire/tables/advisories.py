"""One row or more for each advisory, of anyone's, that a request can bring about.

The id names the advisory; most have a smuggled request in their body, which no server may ever answer.
Advisories about responses, lost clients and resources have their tests in `test_answers.py`, `test_faults.py`
and `test_connections.py`.
"""

from __future__ import annotations

from tests.wire.rows import HOST, Accepted, Refused, Row, accept, chunked, get, message, post, refuse, series

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
CHUNKS = b"0\r\n\r\n"
CHUNKS_AND_MORE = CHUNKS + SMUGGLED
CODING = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d" % len(CHUNKS_AND_MORE)


def smuggles(name: str, *fields: bytes, statuses: tuple[int, ...] = (400,), rule: str = "9112 §6.3") -> Row:
    """A POST that one reader takes for chunked and ended, another for one with a length."""
    return refuse(name, post(*fields, body=CHUNKS_AND_MORE), rule, *statuses)


CODINGS = [
    smuggles("gunicorn-CVE-2024-1135-chunked-not-last", b"Transfer-Encoding: chunked, identity", LENGTH),
    smuggles("gunicorn-CVE-2024-1135-listed-twice", b"Transfer-Encoding: chunked, chunked"),
    smuggles("gunicorn-CVE-2024-1135-junk-behind", b"Transfer-Encoding: chunked, xyz"),
    smuggles("gunicorn-CVE-2024-1135-identity-line-behind", CODING, b"Transfer-Encoding: identity"),
    smuggles("gunicorn-CVE-2024-6827-unknown", b"Transfer-Encoding: zip", LENGTH, statuses=(400, 501)),
    smuggles("gunicorn-CVE-2024-6827-misspelt", b"Transfer-Encoding: chunkedd", LENGTH),
    smuggles("gunicorn-20.0.1-length-and-coding", LENGTH, CODING),
    smuggles("gunicorn-20.0.1-coding-and-length", CODING, LENGTH),
    smuggles(
        "waitress-CVE-2019-16786-gzip-then-chunked", b"Transfer-Encoding: gzip, chunked", statuses=(501,)
    ),
    smuggles(
        "waitress-CVE-2019-16786-length-too", LENGTH, b"Transfer-Encoding: gzip, chunked", statuses=(400, 501)
    ),
    smuggles("waitress-CVE-2019-16789-vertical-tab", b"Transfer-Encoding: \x0bchunked", LENGTH),
    smuggles("waitress-CVE-2019-16789-form-feed", b"Transfer-Encoding: \x0cchunked", LENGTH),
    smuggles("waitress-464-kept-alive", CODING, LENGTH, b"Connection: keep-alive"),
    smuggles("waitress-465-coding-twice", CODING, CODING),
    smuggles("tornado-GHSA-753j-two-lines", CODING, b"transfer-encoding: chunked"),
    smuggles("puma-CVE-2020-11076-nul-before", b"Transfer-Encoding: \x00chunked", LENGTH),
    smuggles("puma-CVE-2020-11077-bracketed", b"Transfer-Encoding: [chunked]", LENGTH, statuses=(400, 501)),
    smuggles("puma-CVE-2022-24790-gzip-behind", b"Transfer-Encoding: chunked, gzip", LENGTH),
    smuggles(
        "puma-CVE-2022-24790-tab-before-the-colon", b"Transfer-Encoding\t: chunked", LENGTH, rule="9112 §5.1"
    ),
    smuggles("hypercorn-279-length-beside-coding", b"content-length: 5", b"transfer-encoding: chunked"),
    smuggles("garden-comma-before-chunked", b"Transfer-Encoding: ,chunked", LENGTH),
    smuggles("garden-no-break-space-before-chunked", b"Transfer-Encoding: \xa0chunked", LENGTH),
    smuggles("garden-next-line-behind-chunked", b"Transfer-Encoding: chunked\x85", LENGTH),
    smuggles(
        "garden-no-break-space-in-the-name", b"Transfer-Encoding\xa0: chunked", LENGTH, rule="9110 §5.1"
    ),
    smuggles("garden-nul-cuts-the-name", b"Transfer-Encoding\x00: chunked", LENGTH, rule="9110 §5.1"),
    smuggles(
        "garden-nul-cuts-the-value", b"Transfer-Encoding: chunked\x00, identity", LENGTH, rule="9110 §5.5"
    ),
    refuse(
        "puma-CVE-2020-11076-coding-on-1.0",
        message(b"POST / HTTP/1.0", b"Connection: keep-alive", CODING, LENGTH, body=CHUNKS_AND_MORE),
        "9112 §6.1",
    ),
]

LENGTHS = [
    *(
        refuse(name, post(b"Content-Length: " + value, body=b"12345" + SMUGGLED), "9110 §8.6")
        for name, value in (
            ("gunicorn-3047-plus", b"+5"),
            ("gunicorn-3047-underscore", b"1_0"),
            ("aiohttp-CVE-2023-47627-minus", b"-5"),
            ("aiohttp-CVE-2023-47627-plus-zero", b"+0"),
            ("tornado-GHSA-qppv-underscore", b"0_5"),
            ("tornado-GHSA-qppv-minus-zero", b"-0"),
            ("waitress-CVE-2022-24761-plus", b"+05"),
            ("cheroot-unicode-digits", "٥".encode()),
            ("garden-hex", b"0x05"),
            ("garden-no-break-space", b"\xa05"),
            ("garden-nul-cuts-the-length", b"5\x000"),
            ("uwsgi-2775-atoi", b"5abc"),
            ("uwsgi-2775-atoi-of-a-list", b"5, 50"),
            ("uwsgi-2775-overflow", b"18446744073709551621"),
            ("uwsgi-CVE-2020-11984-overflow", b"4294967296" * 2),
        )
    ),
    *(
        refuse(name, post(*fields, body=b"12345" + SMUGGLED), "9112 §6.3")
        for name, fields in (
            ("waitress-CVE-2019-16792-twice", (b"Content-Length: 5", b"Content-Length: 5")),
            ("waitress-CVE-2019-16792-zero-and-more", (b"Content-Length: 0", b"Content-Length: 5")),
            ("puma-CVE-2023-40175-empty", (b"Content-Length:",)),
            ("puma-CVE-2023-40175-empty-and-five", (b"Content-Length: ", b"Content-Length: 5")),
            ("cheroot-275-twice", (b"Content-Length: 5", b"Content-Length: 45")),
            ("cheroot-714-space-before-the-colon", (b"Content-Length : 5",)),
            ("cheroot-721-empty-name", (b": 5", b"Content-Length: 5")),
            ("uwsgi-2775-folded", (b"Content-Length: 5\r\n 0",)),
        )
    ),
    # RFC 9112 §6.3: no framing field, no body. The eight bytes that old WebSocket drafts sent are the next
    # request.
    series(
        "gunicorn-20.0.1-hidden-eight-bytes",
        get(b"Sec-WebSocket-Key1: 12345", b"Upgrade: WebSocket", b"Connection: Upgrade") + get(target=b"/?2"),
        "9112 §6.3",
        Accepted({"HTTP_SEC_WEBSOCKET_KEY1": "12345"}),
        Accepted({"QUERY_STRING": "2"}),
    ),
    accept(
        "bjoern-underscore-length",
        get(b"Content_Length: 45"),
        "rules: name with _",
        absent=["HTTP_CONTENT_LENGTH"],
    ),
    accept(
        "fastwsgi-underscore-coding",
        get(b"Transfer_Encoding: chunked"),
        "rules: name with _",
        absent=["HTTP_TRANSFER_ENCODING"],
    ),
]

LINE_ENDS = [
    smuggles(
        "waitress-CVE-2019-16785-lf-hides-a-field",
        b"X-A: b\nTransfer-Encoding: chunked",
        LENGTH,
        rule="9112 §2.2",
    ),
    smuggles("puma-CVE-2021-41136-lf-ends-a-name", b"X-A\n: b", LENGTH, rule="9112 §2.2"),
    smuggles("puma-CVE-2021-41136-lf-in-a-value", b"X-A: b\nX-B: c", LENGTH, rule="9112 §2.2"),
    smuggles(
        "waitress-CVE-2020-5236-control-behind-letters", b"X-A: " + b"x" * 2000 + b"\x10", rule="9110 §5.5"
    ),
    smuggles(
        "waitress-CVE-2020-5236-spaces-before-a-control", b"X-A: " + b" \t" * 4000 + b"\x10", rule="9110 §5.5"
    ),
    refuse(
        "garden-head-ends-on-cr-x",
        message(b"GET / HTTP/1.1", HOST)[:-2] + b"\rX\r\n\r\n" + SMUGGLED,
        "9112 §2.2",
    ),
    refuse("garden-nul-cuts-the-target", get(target=b"/a\x00b"), "9112 §3.2"),
    refuse("garden-nul-cuts-the-host", message(b"GET / HTTP/1.1", b"Host: a.test\x00b"), "9110 §5.5"),
]

CHUNK_FAULTS = [
    refuse(name, chunked(payload + SMUGGLED), "9112 §7.1")
    for name, payload in (
        ("gunicorn-3047-chunk-plus", b"+5\r\nhello\r\n0\r\n\r\n"),
        ("gunicorn-3047-chunk-underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
        ("aiohttp-CVE-2023-47627-chunk-hex-prefix", b"0x5\r\nhello\r\n0\r\n\r\n"),
        ("waitress-CVE-2022-24761-chunk-minus", b"-5\r\nhello\r\n0\r\n\r\n"),
        ("cheroot-chunk-unicode-digits", "٥\r\nhello\r\n0\r\n\r\n".encode()),
        ("garden-empty-chunk-size", b"\r\nhello\r\n0\r\n\r\n"),
        ("garden-empty-chunk-size-for-the-last", b"5\r\nhello\r\n\r\n"),
        ("h11-CVE-2025-43859-two-octets", b"5\r\nhelloAB0\r\n\r\n"),
        ("h11-CVE-2025-43859-octets-that-are-a-size", b"5\r\nhello0d\r\n0\r\n\r\n"),
        ("puma-GHSA-68xg-after-the-last-chunk", b"5\r\nhello\r\n0\r\nAB"),
        ("bun-29732-lf-after-the-last-chunk", b"5\r\nhello\r\n0\r\n\n"),
        ("llhttp-cr-x-ends-the-size", b"5\rXhello\r\n0\r\n\r\n"),
        ("llhttp-cr-x-ends-the-data", b"5\r\nhello\rX0\r\n\r\n"),
        ("kestrel-CVE-2025-55315-lf-in-an-extension", b"5;\nhello\r\n0\r\n\r\n"),
        ("kestrel-CVE-2025-55315-cr-in-an-extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
        ("erratum-7633-lf-before-the-line-end", b"5;a\n\r\nhello\r\n0\r\n\r\n"),
        ("puma-CVE-2024-21647-one-large-extension", b"5;" + b"a" * 20_000 + b"\r\nhello\r\n0\r\n\r\n"),
        ("puma-GHSA-c2f4-extension-of-the-last-chunk", b"5\r\nhello\r\n0;" + b"a" * 20_000 + b"\r\n\r\n"),
        ("go-CVE-2023-39326-many-extensions", b"1;abcdefgh\r\nb\r\n" * 1000 + b"0\r\n\r\n"),
        ("gevent-CVE-2023-41419-request-as-trailers", b"5\r\nhello\r\n0\r\n"),
        ("eventlet-CVE-2025-58068-trailer-without-a-colon", b"0\r\nX\r\n\r\n"),
        ("puma-CVE-2023-40175-trailer-with-an-lf", b"0\r\nX-T: a\nX-U: b\r\n\r\n"),
        ("cheroot-737-goes-on-after-a-bad-chunk", b"zz\r\n"),
    )
]

TRUST = [
    accept(
        "puma-CVE-2024-45614",
        get(b"X-Forwarded-For: 192.0.2.1", b"X_Forwarded_For: 127.0.0.1"),
        "rules: name with _",
        HTTP_X_FORWARDED_FOR="192.0.2.1",
    ),
    accept(
        "CVE-2015-0219-underscore-first",
        get(b"X_Auth_User: root", b"X-Auth-User: guest"),
        "rules: name with _",
        HTTP_X_AUTH_USER="guest",
    ),
    accept(
        "CVE-2015-0219-underscore-alone",
        get(b"X_Auth-User: root"),
        "rules: name with _",
        absent=["HTTP_X_AUTH_USER"],
    ),
    # Nothing that a client says changes who or what it is taken for, unless an option says so.
    accept(
        "waitress-451-forwarded-proto",
        get(b"X-Forwarded-Proto: https"),
        "rules: trust",
        more={"wsgi.url_scheme": "http"},
    ),
    accept(
        "mod-wsgi-CVE-2022-2255-forwarded-for",
        get(b"X-Forwarded-For: 192.0.2.1", b"X-Client-IP: 192.0.2.1"),
        "rules: trust",
        REMOTE_ADDR="127.0.0.1",
    ),
    accept(
        "apache-CVE-2022-31813-forwarded",
        get(b"Forwarded: for=192.0.2.1;proto=https;host=evil.test"),
        "rules: trust",
        REMOTE_ADDR="127.0.0.1",
        HTTP_HOST="a.test",
        more={"wsgi.url_scheme": "http"},
    ),
    accept(
        "waitress-451-forwarded-host",
        get(b"X-Forwarded-Host: evil.test", b"X-Forwarded-Port: 1"),
        "rules: trust",
        HTTP_HOST="a.test",
    ),
    accept(
        "httpoxy-CVE-2016-5385", get(b"Proxy: http://evil.test:8080/"), "rules: Proxy", absent=["HTTP_PROXY"]
    ),
    accept(
        "httpoxy-with-an-underscore",
        get(b"HTTP_PROXY: evil", b"_Proxy: evil"),
        "rules: name with _",
        absent=["HTTP_PROXY", "HTTP_HTTP_PROXY", "HTTP__PROXY"],
    ),
    refuse("starlette-host-with-a-path", message(b"GET /a HTTP/1.1", b"Host: a.test/b?"), "9112 §3.2"),
    refuse("starlette-host-with-a-query", message(b"GET /a HTTP/1.1", b"Host: a.test?b"), "9112 §3.2"),
    refuse("puma-proxy-line-unasked", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(), "9112 §3"),
    refuse(
        "gunicorn-26-proxy-line-between",
        get(b"X-A: a")[:-2] + b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n\r\n",
        "9112 §5",
    ),
    refuse(
        "proxy-signature-unasked",
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + b"\x7f\x00\x00\x01" * 3 + get(),
        "9112 §3",
    ),
    series(
        "waitress-CVE-2024-49768-behind-a-close",
        get(b"Connection: close") + SMUGGLED,
        "9112 §9.6",
        Accepted(keep=False),
    ),
    series(
        "waitress-CVE-2024-49768-behind-a-refusal",
        get(b"X A: b") + SMUGGLED,
        "rules: refusal",
        Refused((400,)),
    ),
    accept("waitress-expect-without-a-body", get(b"Expect: 100-continue"), "9110 §10.1.1"),
    accept(
        "uwsgi-CVE-2018-7490-dots",
        get(target=b"/../../etc/passwd"),
        "rules: path",
        PATH_INFO="/../../etc/passwd",
    ),
    accept(
        "uwsgi-CVE-2018-6758-long-path",
        get(target=b"/" + b"../" * 2000),
        "rules: path",
        PATH_INFO="/" + "../" * 2000,
    ),
    refuse("werkzeug-chunk-of-four-gibibytes", chunked(b"ffffffff\r\nx"), "9110 §15.5.14", 413),
]

ROWS: list[Row] = [*CODINGS, *LENGTHS, *LINE_ENDS, *CHUNK_FAULTS, *TRUST]
