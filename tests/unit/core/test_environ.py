"""A request head → environ, as PEP 3333 ("environ Variables") and RFC 3875 section 4.1 have it."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from potstill.core.body import Body
from potstill.core.environ import KEYS, EnvironBuilder, build
from potstill.core.http1 import KNOWN_FIELDS

FACILITIES = (
    "potstill.deadline",
    "potstill.client_disconnected",
    "waitress.client_disconnected",
    "potstill.on_disconnect",
    "potstill.io_bound",
    "potstill.trailers",
    "potstill.send_trailers",
    "wsgi.early_hints",
    "gunicorn.socket",
)
EXTRA = {"wsgi.errors": sys.stderr, "wsgi.multithread": True, "SERVER_SOFTWARE": "potstill"}


def builder() -> EnvironBuilder:
    return EnvironBuilder("shop.test", "8080", "http", EXTRA)


def environ(
    line: bytes = b"GET / HTTP/1.1", *fields: bytes, by: EnvironBuilder | None = None
) -> dict[str, Any]:
    """The environ of a head; a Host is added where none is given."""
    given = (
        [*fields]
        if any(field.lower().startswith(b"host:") for field in fields)
        else [b"Host: a.test", *fields]
    )
    return build(b"\r\n".join((line, *given, b"", b"")), by or builder())


def test_the_environ_of_a_plain_request() -> None:
    """Nothing more than this: in particular not the process's own environment."""
    made = environ()
    assert isinstance(made.pop("wsgi.input"), Body)
    assert made == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "REQUEST_URI": "/",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "shop.test",
        "SERVER_PORT": "8080",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "a.test",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "potstill.queue_seconds": 0.0,
        # Filled in for each request by those who run it.
        **dict.fromkeys(FACILITIES),
        **EXTRA,
    }


def test_it_is_a_plain_dict_of_its_own() -> None:
    """PEP 3333: a builtin dict, which the application may change; the next request sees nothing of it."""
    by = builder()
    first = environ(by=by)
    assert type(first) is dict
    first.clear()
    second = environ(by=by)
    assert second["REQUEST_METHOD"] == "GET"
    assert second["wsgi.input"] is not environ(by=by)["wsgi.input"]


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "PURGE", "M-SEARCH"]
)
def test_the_method_is_passed_on_as_it_came(method: str) -> None:
    """RFC 9110 section 9.1: it is case-sensitive."""
    assert environ(f"{method} / HTTP/1.1".encode())["REQUEST_METHOD"] == method


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/shop", "/shop", ""),
        ("/shop?", "/shop", ""),
        ("/shop?a=1&b=%20?x", "/shop", "a=1&b=%20?x"),
        ("/a%20b", "/a b", ""),
        ("/a+b", "/a+b", ""),
        ("/%E2%82%AC", "/\xe2\x82\xac", ""),
        ("/a%2Fb%2f", "/a/b/", ""),
        ("/a%252Fb", "/a%2Fb", ""),
        ("/a/../b/./c", "/a/../b/./c", ""),
        ("//double//", "//double//", ""),
        ("/?a=%zz", "/", "a=%zz"),
        ("/;v=1,2", "/;v=1,2", ""),
        ("/" + "x" * 3000 + "%41?q", "/" + "x" * 3000 + "A", "q"),
        ("http://b.test/over?there", "/over", "there"),
        ("http://b.test", "/", ""),
        ("http://b.test?only=query", "/", "only=query"),
    ],
)
def test_the_target(target: str, path: str, query: str) -> None:
    """The path is decoded once to octets, given as latin-1; the query and REQUEST_URI are as they came."""
    made = environ(f"GET {target} HTTP/1.1".encode())
    assert (made["PATH_INFO"], made["QUERY_STRING"], made["REQUEST_URI"]) == (path, query, target)
    assert made["SCRIPT_NAME"] == ""


def test_options_of_the_server_itself() -> None:
    """RFC 9112 section 3.2.4."""
    made = environ(b"OPTIONS * HTTP/1.1")
    assert (made["PATH_INFO"], made["REQUEST_URI"], made["QUERY_STRING"]) == ("", "*", "")


def test_an_absolute_target_replaces_the_host() -> None:
    """RFC 9112 section 3.2.2."""
    assert environ(b"GET http://b.test:81/x HTTP/1.1", b"Host: a.test")["HTTP_HOST"] == "b.test:81"


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_the_protocol_is_the_requests(version: str) -> None:
    assert environ(f"GET / {version}".encode())["SERVER_PROTOCOL"] == version


@pytest.mark.parametrize(
    ("field", "key", "value"),
    [
        (b"Accept: text/html", "HTTP_ACCEPT", "text/html"),
        (b"aCCept-eNCoding:gzip", "HTTP_ACCEPT_ENCODING", "gzip"),
        (b"X-Own: \t padded \t", "HTTP_X_OWN", "padded"),
        (b"X-Own:", "HTTP_X_OWN", ""),
        (b"X-Own: caf\xc3\xa9", "HTTP_X_OWN", "caf\xc3\xa9"),
        (b"x!#$%&'*+-.^`|~9: odd", "HTTP_X!#$%&'*+_.^`|~9", "odd"),
        (b"Content-Type: text/plain; charset=x", "CONTENT_TYPE", "text/plain; charset=x"),
        (b"Content-Length: 0", "CONTENT_LENGTH", "0"),
        (b"Authorization: Basic eDp5", "HTTP_AUTHORIZATION", "Basic eDp5"),
        (b"Connection: keep-alive", "HTTP_CONNECTION", "keep-alive"),
        (b"TE: trailers", "HTTP_TE", "trailers"),
        (b"Upgrade: websocket", "HTTP_UPGRADE", "websocket"),
        (b"X_Kept: by header_map", "HTTP_X_KEPT", "by header_map"),
    ],
)
def test_a_field(field: bytes, key: str, value: str) -> None:
    """RFC 3875 section 4.1.18: HTTP_, upper case, "-" as "_"; two of them without HTTP_."""
    made = environ(b"GET / HTTP/1.1", field)
    assert made[key] == value
    assert type(made[key]) is str
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & made.keys()


@pytest.mark.parametrize("field", [b"Proxy: http://evil.test", b"PROXY: x", b"proxy:"])
def test_proxy_is_not_passed_on(field: bytes) -> None:
    """It would become HTTP_PROXY, which programs take for their own setting (httpoxy)."""
    assert "HTTP_PROXY" not in environ(b"GET / HTTP/1.1", field)


@pytest.mark.parametrize("field", [b"Transfer-Encoding: chunked", b"Transfer_Encoding: chunked"])
def test_the_framing_is_over_before_the_application_is_called(field: bytes) -> None:
    made = environ(b"POST / HTTP/1.1", field)
    assert "HTTP_TRANSFER_ENCODING" not in made


@pytest.mark.parametrize(
    ("fields", "key", "value"),
    [
        ((b"X-A: 1", b"x-a: 2", b"X-A: 3"), "HTTP_X_A", "1, 2, 3"),
        ((b"Accept: a", b"Accept: b"), "HTTP_ACCEPT", "a, b"),
        ((b"Cookie: a=1", b"Cookie: b=2; c=3"), "HTTP_COOKIE", "a=1; b=2; c=3"),
        ((b"X-A: ", b"X-A: 2"), "HTTP_X_A", ", 2"),
        ((b"Content-Type: a/b", b"Content-Type: c/d"), "CONTENT_TYPE", "a/b, c/d"),
    ],
)
def test_repeated_fields_are_joined(fields: tuple[bytes, ...], key: str, value: str) -> None:
    """RFC 9110 section 5.3; cookie pairs by "; " (RFC 6265 section 4.2.1)."""
    assert environ(b"GET / HTTP/1.1", *fields)[key] == value


@pytest.mark.parametrize("name", [name for name in KNOWN_FIELDS if name not in ("host", "content-length")])
def test_well_known_names_are_translated_like_any_other(name: str) -> None:
    """They have a table; what it says must be what the rule says, whatever the case."""
    if name in ("transfer-encoding", "proxy", "expect"):
        return  # never passed on, or refused with such a value
    key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
    for spelling in (name, name.upper(), name.title()):
        assert environ(b"GET / HTTP/1.1", spelling.encode() + b": some value")[key] == "some value"


def test_values_seen_before_are_told_apart() -> None:
    """A value may be shared with the last request that sent the same: never with one that sent another."""
    by = builder()
    chance = random.Random(2)
    values = [bytes(chance.choices(b"ab", k=size)) for size in (0, 1, 1, 2, 2, 255, 256, 257, 257)]
    for _ in range(200):
        value = chance.choice(values)
        made = environ(b"GET / HTTP/1.1", b"Host: h" + value, b"Accept: " + value, b"Cookie: " + value, by=by)
        text = value.decode()
        assert (made["HTTP_HOST"], made["HTTP_ACCEPT"], made["HTTP_COOKIE"]) == ("h" + text, text, text)


def test_secrets_are_not_kept_for_sharing() -> None:
    """They should not outlive their request."""
    by = builder()
    for name, key in ((b"Cookie", "HTTP_COOKIE"), (b"Authorization", "HTTP_AUTHORIZATION")):
        first, second = (environ(b"GET / HTTP/1.1", name + b": a secret", by=by)[key] for _ in range(2))
        assert first == second
        assert first is not second


@pytest.mark.parametrize(("name", "port"), [("", "80"), ("a.test", "")])
def test_name_and_port_of_the_server_are_never_empty(name: str, port: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        EnvironBuilder(name, port, "http", {})


def test_many_fields_and_few_find_room() -> None:
    """The constant part is copied with room for the usual number of fields; more must fit as well."""
    for count in (0, 1, 5, 20, 98):
        made = environ(b"GET / HTTP/1.1", *(f"X-{number}: {number}".encode() for number in range(count)))
        assert [made[f"HTTP_X_{number}"] for number in range(count)] == [
            str(number) for number in range(count)
        ]


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\nHost: a", b"GET / HTTP/1.1\n\n", b"nonsense\r\n\r\n"]
)
def test_only_whole_and_acceptable_heads(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a whole"):
        build(data, builder())


@pytest.mark.parametrize("extra", [EXTRA, {}, {f"x{number}": "" for number in range(60)}])
def test_the_same_keys_stand_at_the_front_of_every_environ(extra: dict[str, Any]) -> None:
    """The access log looks for them there; they are the very same objects."""
    by = EnvironBuilder("shop.test", "8080", "https", extra)
    made = environ(b"POST /a?b HTTP/1.0", b"Remote-Addr: x", b"Content-Length: 0", by=by)
    assert [id(key) for key in made][: len(KEYS)] == [id(key) for key in KEYS]
