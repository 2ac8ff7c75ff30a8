"""The request that an upstream is sent, field by field (RFC 9110 section 7, RFC 9112 section 3)."""

from __future__ import annotations

from typing import Any

import h11
import pytest

from potstill.middleware.proxy.options import RemoteOptions
from potstill.middleware.proxy.request import RequestHead, request_head, request_target
from potstill.middleware.upstream import RequestRefused, parse_upstream
from potstill.middleware.upstream_body import RequestBody
from tests.support.upstream import environ_of

UPSTREAM = "http://10.0.0.1:8080"


def head_of(
    environ: dict[str, Any], upstream: str = UPSTREAM, options: RemoteOptions | None = None
) -> RequestHead:
    head = request_head(environ, parse_upstream(upstream), options or RemoteOptions(), RequestBody(environ))
    # Whatever is made here must be a request by another judge's grammar, too.
    h11.Request(method=head.method, target=head.target, headers=head.headers)
    return head


def fields_of(environ: dict[str, Any], **options: Any) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in head_of(environ, options=RemoteOptions(**options)).headers:
        fields.setdefault(name.lower(), []).append(value)
    return fields


TARGETS = [
    # upstream, SCRIPT_NAME, PATH_INFO, raw target, query, what is asked for
    ("http://a", "", "/", "", "", "/"),
    ("http://a", "", "", "", "", "/"),
    ("http://a", "/shop", "/cart", "", "x=1", "/shop/cart?x=1"),
    ("http://a/", "/shop", "/cart", "", "x=1", "/cart?x=1"),
    ("http://a/base", "/shop", "/cart", "", "", "/base/cart"),
    ("http://a/base/", "/shop", "", "", "", "/base"),
    ("http://a", "", "/with space/\xc3\xbc", "", "", "/with%20space/%C3%BC"),
    ("http://a", "", "/a?b#c%d", "", "", "/a%3Fb%23c%25d"),
    # The raw target remembers how a slash was written; it is believed where it says the same.
    ("http://a", "", "/a/b", "/a%2Fb?x=1", "x=1", "/a%2Fb?x=1"),
    ("http://a/base", "/m n", "/a/b", "/m%20n/a%2Fb", "", "/base/a%2Fb"),
    ("http://a", "", "/other", "/a%2Fb", "", "/other"),
    ("http://a", "/shop", "/cart", "http://evil/shop/cart", "", "/shop/cart"),
    ("http://a", "", "/%2e%2e", "/%252e%252e", "", "/%252e%252e"),
    # Real clients send queries that are none.
    ("http://a", "", "/", "", "a=%zz&b= c\xc3\xbc#d", "/?a=%zz&b=%20c%C3%BC%23d"),
    ("http://a", "", "//evil.example/x", "", "", "//evil.example/x"),
]


@pytest.mark.parametrize(("upstream", "script", "path", "raw", "query", "target"), TARGETS)
def test_targets(upstream: str, script: str, path: str, raw: str, query: str, target: str) -> None:
    """The path as routing has seen it, encoded again, with the mount point replaced if the upstream has a
    path.
    """
    environ = environ_of(path=path, query=query, SCRIPT_NAME=script, REQUEST_URI=raw)
    assert head_of(environ, upstream).target == target


@pytest.mark.parametrize("path", ["/../x", "/a/..", "/a/./b", "/..", "/a/../../etc/passwd"])
def test_a_path_that_climbs_is_refused(path: str) -> None:
    """The upstream would resolve it, and serve what the rules in front have not looked at."""
    with pytest.raises(RequestRefused) as refused:
        head_of(environ_of(path=path, SCRIPT_NAME="/public", REQUEST_URI="/public" + path))
    assert refused.value.status == 400


def test_options_for_the_server_itself() -> None:
    environ = environ_of("OPTIONS", path="", REQUEST_URI="*")
    assert request_target(environ, parse_upstream(UPSTREAM)) == "*"


@pytest.mark.parametrize(
    ("policy", "upstream", "client", "host"),
    [
        ("client", UPSTREAM, "shop.example", "shop.example"),
        ("client", UPSTREAM, None, "10.0.0.1:8080"),
        ("upstream", UPSTREAM, "shop.example", "10.0.0.1:8080"),
        ("upstream", "https://app.internal", "shop.example", "app.internal"),
        ("upstream", "unix:/run/a.sock", "shop.example", "localhost"),
        ("inner.example:81", UPSTREAM, "shop.example", "inner.example:81"),
    ],
)
def test_host(policy: str, upstream: str, client: str | None, host: str) -> None:
    head = head_of(environ_of(HTTP_HOST=client), upstream, RemoteOptions(host=policy))
    assert head.headers[0] == ("Host", host)
    assert [name for name, _ in head.headers].count("Host") == 1


HOP_BY_HOP = {
    "HTTP_CONNECTION": "close, X-Secret, keep-alive",
    "HTTP_KEEP_ALIVE": "timeout=5",
    "HTTP_PROXY_CONNECTION": "keep-alive",
    "HTTP_PROXY_AUTHORIZATION": "Basic eA==",
    "HTTP_TE": "trailers",
    "HTTP_TRAILER": "X",
    "HTTP_UPGRADE": "h2c",
    "HTTP_HTTP2_SETTINGS": "AAMAAABkAAQAAP__",
    "HTTP_EXPECT": "100-continue",
    "HTTP_PROXY": "http://evil",
    "HTTP_X_SECRET": "named by Connection",
    "HTTP_CONTENT_LENGTH": "7",
    "HTTP_CONTENT_TYPE": "x/y",
}


def test_what_is_between_the_client_and_us_stays_here() -> None:
    """RFC 9110 section 7.6.1, httpoxy, and the offer of h2c, which would lead past every rule."""
    fields = fields_of(environ_of(**HOP_BY_HOP, HTTP_ACCEPT="*/*", HTTP_X_OTHER="stays"))
    assert fields.keys() == {
        "host",
        "accept",
        "x-other",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "via",
    }


def test_connection_cannot_name_away_what_we_add() -> None:
    """CVE-2022-31813: `Connection: X-Forwarded-For` made a client's address disappear."""
    fields = fields_of(environ_of(HTTP_CONNECTION="X-Forwarded-For, Host, Via, Content-Length", body=b"x"))
    assert fields["x-forwarded-for"] == ["192.0.2.7"]
    assert fields["host"] == ["front.test"]
    assert fields["content-length"] == ["1"]


FRAMINGS = [
    ("GET", {}, {}),
    ("POST", {}, {"content-length": ["0"]}),
    ("PUT", {"CONTENT_LENGTH": ""}, {"content-length": ["0"]}),
    ("DELETE", {"CONTENT_LENGTH": "0"}, {}),
    ("POST", {"CONTENT_LENGTH": "007"}, {"content-length": ["7"]}),
    ("GET", {"CONTENT_LENGTH": "3"}, {"content-length": ["3"]}),
    (
        "POST",
        {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
        {"transfer-encoding": ["chunked"]},
    ),
    # A length and a coding: the length is what the server has framed the body by.
    ("POST", {"CONTENT_LENGTH": "3", "HTTP_TRANSFER_ENCODING": "chunked"}, {"content-length": ["3"]}),
    ("POST", {"CONTENT_LENGTH": "3", "HTTP_TRANSFER_ENCODING": "xchunked"}, {"content-length": ["3"]}),
]


@pytest.mark.parametrize(("method", "more", "framing"), FRAMINGS)
def test_framing_is_made_anew(method: str, more: dict[str, Any], framing: dict[str, list[str]]) -> None:
    """One framing field at most, from what the server says and never from what the client wrote."""
    fields = fields_of(environ_of(method, **more))
    found = {name: fields[name] for name in ("content-length", "transfer-encoding") if name in fields}
    assert found == framing


@pytest.mark.parametrize(
    "more",
    [
        {"HTTP_X": "a\r\nContent-Length: 5"},
        {"HTTP_X": "a\nb"},
        {"HTTP_X": "a\0b"},
        {"HTTP_X": "\x7f"},
        {"HTTP_X Y": "a"},
        {"HTTP_X:Y": "a"},
        {"HTTP_": "a"},
        {"CONTENT_TYPE": "a/b\r\nX: y"},
        {"HTTP_HOST": "a\r\nX: y"},
        {"HTTP_HOST": "a b"},
        {"HTTP_HOST": "a, b"},
        {"REQUEST_METHOD": "GET / HTTP/1.1\r\nX: y"},
        {"REQUEST_METHOD": ""},
    ],
)
def test_nothing_gets_in_between_the_lines(more: dict[str, Any]) -> None:
    """A lax server in front must not make ours the smuggler."""
    with pytest.raises(RequestRefused) as refused:
        head_of(environ_of(**more))
    assert refused.value.status == 400


def test_control_characters_in_targets_are_encoded() -> None:
    environ = environ_of(path="/a\r\nX: y\0", query="q\r\n=\x7f")
    assert head_of(environ).target == "/a%0D%0AX:%20y%00?q%0D%0A=%7F"


def test_what_the_client_claims_about_forwarding_is_replaced() -> None:
    """Whatever the client says about itself, the upstream learns what this server knows."""
    claims = {
        "HTTP_X_FORWARDED_FOR": "127.0.0.1",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "evil",
        "HTTP_X_FORWARDED_PREFIX": "/evil",
        "HTTP_X_FORWARDED_ANYTHING": "evil",
        "HTTP_X_REAL_IP": "127.0.0.1",
        "HTTP_FORWARDED": "for=127.0.0.1",
    }
    x_forwarded = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
    for option, expected in {
        "x-forwarded": x_forwarded,
        "forwarded": {"forwarded"},
        "both": x_forwarded | {"forwarded"},
        "off": set(),
    }.items():
        fields = fields_of(environ_of(**claims), forwarded=option)
        assert {name for name in fields if "forwarded" in name or "real" in name} == expected
        assert "evil" not in str(fields)
        assert "127.0.0.1" not in str(fields)


@pytest.mark.parametrize(
    ("address", "node"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::1", '"[2001:db8::1]"'), ("", "unknown"), (None, "unknown")],
)
def test_forwarded_of_rfc_7239(address: str | None, node: str) -> None:
    fields = fields_of(
        environ_of(REMOTE_ADDR=address, HTTP_HOST="a:80", **{"wsgi.url_scheme": "https"}), forwarded="both"
    )
    assert fields["forwarded"] == [f'for={node};proto=https;host="a:80"']
    assert fields["x-forwarded-for"] == [address or "unknown"]


def test_the_prefix_that_was_taken_off_is_told() -> None:
    environ = environ_of(path="/cart", SCRIPT_NAME="/shop")
    assert ("X-Forwarded-Prefix", "/shop") in head_of(environ, "http://a/").headers
    assert "X-Forwarded-Prefix" not in dict(head_of(environ, "http://a").headers)


def test_via_grows_by_one() -> None:
    """RFC 9110 section 7.6.3, with the version that this hop received."""
    assert fields_of(environ_of())["via"] == ["1.1 potstill"]
    fields = fields_of(environ_of(HTTP_VIA="1.1 edge", SERVER_PROTOCOL="HTTP/1.0"), via="shop")
    assert fields["via"] == ["1.1 edge, 1.0 shop"]
    assert fields_of(environ_of(SERVER_PROTOCOL="nonsense"))["via"] == ["1.1 potstill"]


def test_a_request_that_goes_in_circles_ends() -> None:
    with pytest.raises(RequestRefused) as refused:
        head_of(environ_of(HTTP_VIA=", ".join(["1.1 potstill"] * 16)))
    assert refused.value.status == 508


def test_max_forwards() -> None:
    """RFC 9110 section 7.6.2: counted for TRACE and OPTIONS, and for them alone."""
    assert fields_of(environ_of("OPTIONS", HTTP_MAX_FORWARDS="3"))["max-forwards"] == ["2"]
    assert fields_of(environ_of("GET", HTTP_MAX_FORWARDS="0"))["max-forwards"] == ["0"]
    for text, status in (("0", 501), ("-1", 400), ("x", 400)):
        with pytest.raises(RequestRefused) as refused:
            head_of(environ_of("TRACE", HTTP_MAX_FORWARDS=text))
        assert refused.value.status == status


def test_connect_is_not_ours() -> None:
    with pytest.raises(RequestRefused) as refused:
        head_of(environ_of("CONNECT"))
    assert refused.value.status == 501


WEBSOCKET = {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "keep-alive, Upgrade"}


def test_an_upgrade_is_asked_for_where_the_server_lends_its_socket() -> None:
    head = head_of(environ_of(**WEBSOCKET, **{"gunicorn.socket": object()}))
    assert head.upgrade == "websocket"
    assert head.headers[-2:] == [("Connection", "Upgrade"), ("Upgrade", "websocket")]


def test_an_upgrade_is_refused_where_it_does_not() -> None:
    with pytest.raises(RequestRefused, match="does not pass connections through") as refused:
        head_of(environ_of(**WEBSOCKET))
    assert refused.value.status == 501


@pytest.mark.parametrize(
    "more",
    [
        {"HTTP_UPGRADE": "h2c", "HTTP_CONNECTION": "Upgrade, HTTP2-Settings"},
        {"HTTP_UPGRADE": "websocket"},
        {"HTTP_UPGRADE": "websocket, h2c", "HTTP_CONNECTION": "Upgrade"},
        {"HTTP_UPGRADE": "TLS/1.3", "HTTP_CONNECTION": "upgrade"},
    ],
)
def test_other_offers_to_upgrade_are_ignored(more: dict[str, Any]) -> None:
    """RFC 9110 section 7.8 allows it, and h2c behind a proxy is a way around it."""
    head = head_of(environ_of(**more, **{"gunicorn.socket": object()}))
    assert head.upgrade == ""
    assert not {"Upgrade", "Connection"} & dict(head.headers).keys()
