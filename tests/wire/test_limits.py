"""Limits and choices set by options; their defaults are in `tables/limits.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import Server, serve_process
from tests.support.wire import Client
from tests.wire.conftest import PROBE
from tests.wire.judge import check_refusal, facts_of
from tests.wire.rows import HOST, chunked, get, message, post

SMALL = [
    *("--limit-request-line", "200"),
    *("--limit-request-fields", "5"),
    *("--limit-request-field-size", "100"),
    *("--limit-request-head", "400"),
    *("--limit-request-body", "1000"),
    *("--header-map", "refuse"),
    *("--server-header", "teapot"),
]


@pytest.fixture(scope="module")
def small_server() -> Iterator[Server]:
    """Small limits, underscores refused, another Server field."""
    with serve_process(PROBE, *SMALL) as running:
        yield running


@pytest.fixture
def small(small_server: Server) -> Iterator[Client]:
    """A connection to it."""
    with Client(small_server.address) as connection:
        yield connection


FIELD_95 = b"X-A: " + b"a" * 90


def body_in_chunks(size: int, chunk: int) -> bytes:
    """A chunked body of this size."""
    sizes = [chunk] * (size // chunk) + ([size % chunk] if size % chunk else [])
    return b"".join(b"%x\r\n%b\r\n" % (part, b"b" * part) for part in sizes) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        get(target=b"/" + b"a" * 180),
        get(*[b"X-A: 1"] * 4),
        get(FIELD_95),
        get(*[FIELD_95] * 3),
        post(b"Content-Length: 1000", body=b"b" * 1000),
        chunked(body_in_chunks(1000, 1000)),
        chunked(body_in_chunks(1000, 7)),
        chunked(b"0\r\n" + b"X-T: a\r\n" * 5 + b"\r\n"),
    ],
    ids=["line", "fields", "field", "head", "length", "chunk", "chunks", "trailers"],
)
def test_what_is_within_a_limit_is_taken(small: Client, raw: bytes) -> None:
    """A limit is the most that is allowed, not the least that is not."""
    small.send(raw)
    assert small.response().status == 200


OVER = {
    "line": (get(target=b"/" + b"a" * 200), 414),
    "line-without-an-end": (b"GET /" + b"a" * 250, 414),
    "fields": (get(*[b"X-A: 1"] * 5), 431),
    "field": (get(b"X-A: " + b"a" * 100), 431),
    "field-without-an-end": (get()[:-2] + b"X-A: " + b"a" * 150, 431),
    "head": (get(*[FIELD_95] * 4), 431),
    "length": (post(b"Content-Length: 1001"), 413),
    "length-with-its-body": (post(b"Content-Length: 1001", body=b"b" * 1001), 413),
    "length-that-is-expected": (post(b"Content-Length: 1001", b"Expect: 100-continue"), 413),
    "chunk": (chunked(body_in_chunks(1001, 1001)), 413),
    "chunk-announced": (chunked(b"3e9\r\n"), 413),
    "chunks": (chunked(body_in_chunks(1001, 7)), 413),
    "chunks-of-one-byte": (chunked(body_in_chunks(1001, 1)), 413),
    "chunks-without-an-end": (chunked(body_in_chunks(5000, 500)[:-5]), 413),
    "trailers": (chunked(b"0\r\n" + b"X-T: a\r\n" * 6 + b"\r\n"), 431),
    "trailer": (chunked(b"0\r\nX-T: " + b"a" * 150 + b"\r\n\r\n"), 431),
}


@pytest.mark.parametrize("name", OVER)
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
def test_what_is_beyond_a_limit_is_refused(small: Client, name: str, bytewise: bool) -> None:
    """With the status of the limit, once, and nothing behind it is answered."""
    raw, status = OVER[name]
    (small.send_bytewise if bytewise else small.send)(raw)
    response = small.response()
    assert (response.status, response.interim) == (status, [])
    check_refusal(response)
    small.expect_end()


def test_a_body_beyond_the_limit_never_reaches_the_application(small_server: Server) -> None:
    """Not even its first bytes."""
    with Client(small_server.address) as client:
        client.send(message(b"POST /waits?limit HTTP/1.1", HOST, b"Content-Length: 1001", body=b"b" * 1001))
        assert client.response().status == 413
    with Client(small_server.address) as client:
        client.send(get(target=b"/release?limit"))
        assert client.response().body == b"released"


def test_header_map_refuse_refuses_an_underscore(small: Client) -> None:
    """Rules: `--header-map drop|refuse|keep`."""
    small.send(get(b"X_A: 1"))
    check_refusal(small.response())
    small.expect_end()


def test_server_header_sets_the_server_field(small: Client) -> None:
    """Rules: "`--server-header` sets or removes it"."""
    small.send(get())
    assert small.response().all("server") == ["teapot"]


@pytest.fixture(scope="module")
def other_server() -> Iterator[Server]:
    """Underscores kept, no Server field, three requests on a connection."""
    with serve_process(
        PROBE, "--header-map", "keep", "--server-header", "", "--keepalive-requests", "3"
    ) as running:
        yield running


@pytest.fixture
def other(other_server: Server) -> Iterator[Client]:
    """A connection to it."""
    with Client(other_server.address) as connection:
        yield connection


def test_header_map_keep_keeps_an_underscore(other: Client) -> None:
    """An operator who asks for such fields gets them."""
    other.send(get(b"X_A: 1"))
    assert facts_of(other.response())["environ"]["HTTP_X_A"] == "1"


@pytest.mark.parametrize(
    "field", [b"Content_Length: 5", b"Transfer_Encoding: chunked", b"Proxy: a", b"Content_Type: a/b"]
)
def test_header_map_keep_does_not_make_framing_of_it(other: Client, field: bytes) -> None:
    """Nor HTTP_PROXY; nor may it stand where CGI has no HTTP_ twin."""
    other.send(get(field))
    facts = facts_of(other.response())
    assert facts["body"] == ""
    assert facts["complaint"] is None
    assert "HTTP_PROXY" not in facts["environ"]
    assert "HTTP_TRANSFER_ENCODING" not in facts["environ"]


def test_an_empty_server_header_sends_none(other: Client) -> None:
    """Rules: "`--server-header` sets or removes it"."""
    other.send(get())
    assert other.response().all("server") == []


def test_keepalive_requests_closes_with_the_last(other: Client) -> None:
    """And says so; what is pipelined behind is not answered."""
    other.send(get() * 5)
    responses = [other.response() for _ in range(3)]
    assert ["close" in response.connection for response in responses] == [False, False, True]
    other.expect_end()
