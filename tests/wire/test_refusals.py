"""How a refusal looks to the client, and what the log says of it."""

from __future__ import annotations

import re

import pytest

from tests.support.server import Server
from tests.support.wire import Client
from tests.wire.judge import check_refusal
from tests.wire.rows import HOST, chunked, get, message, post

# Rules: "logged with the peer's address and the rule that was broken". The system gives a client's port out
# again, to another test with the same server: each looks only at the lines that are newer than itself.
LOGGED = r"refused {peer}: {status} {slug}: \S.*"
SLUG = "[a-z0-9]+(-[a-z0-9]+)*"

SOME = {
    "bare-lf": (b"GET / HTTP/1.1\nHost: a.test\r\n\r\n", 400),
    "host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "field-name": (get(b"X A: b"), 400),
    "length": (post(b"Content-Length: +5", body=b"hello"), 400),
    "length-and-coding": (post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"hello"), 400),
    "chunk": (chunked(b"zz\r\n\r\n"), 400),
    "too-large": (post(b"Content-Length: 1073741825"), 413),
    "line": (get(target=b"/" + b"a" * 9000), 414),
    "expectation": (get(b"Expect: a"), 417),
    "fields": (get(*[b"A: b"] * 200), 431),
    "connect": (message(b"CONNECT a.test:443 HTTP/1.1", b"Host: a.test:443"), 501),
    "version": (message(b"GET / HTTP/3.0", HOST), 505),
}
# RFC 9110 §15 and RFC 6585 §5; for 413 and 414 also the words of RFC 2616, which Python had until 3.12.
REASONS = {
    400: ["Bad Request"],
    413: ["Content Too Large", "Request Entity Too Large"],
    414: ["URI Too Long", "Request-URI Too Long"],
    417: ["Expectation Failed"],
    431: ["Request Header Fields Too Large"],
    501: ["Not Implemented"],
    505: ["HTTP Version Not Supported"],
}

some = pytest.mark.parametrize("name", SOME)


@some
def test_a_refusal_is_short_plain_text_and_closes(client: Client, name: str) -> None:
    """With Date, Content-Length and `Connection: close`; the whole of it can be read."""
    raw, status = SOME[name]
    client.send(raw)
    response = client.response()
    assert response.status == status
    check_refusal(response)
    client.expect_end()


@some
def test_the_reason_phrase_is_the_one_that_clients_know(client: Client, name: str) -> None:
    """Only a recommendation of RFC 9110 §15.1, but people read it."""
    raw, status = SOME[name]
    client.send(raw)
    assert client.response().reason in REASONS[status]


@some
def test_a_refusal_is_logged_once_with_peer_status_and_rule(
    server: Server, client: Client, name: str
) -> None:
    """`refused 127.0.0.1:5432: 400 bare-lf: …`, and what follows is a sentence."""
    raw, status = SOME[name]
    seen = len(server.log.lines())
    client.send(raw)
    client.response()
    pattern = LOGGED.format(peer=re.escape(client.local_address), status=status, slug=SLUG)
    server.log.wait_for(pattern, since=seen)
    assert len(server.log.lines(re.escape(client.local_address), since=seen)) == 1


def test_the_slug_of_a_bare_lf_is_bare_lf(server: Server, client: Client) -> None:
    """Operators search for these words; this one is promised by name."""
    seen = len(server.log.lines())
    client.send(SOME["bare-lf"][0])
    client.response()
    pattern = LOGGED.format(peer=re.escape(client.local_address), status=400, slug="bare-lf")
    server.log.wait_for(pattern, since=seen)


def test_different_rules_have_different_slugs(server: Server) -> None:
    """A count by reason is worth nothing if the reasons are one."""
    slugs = set()
    for raw, _ in SOME.values():
        seen = len(server.log.lines())
        with Client(server.address) as client:
            client.send(raw)
            client.response()
            line = server.log.wait_for(f"refused {re.escape(client.local_address)}: ", since=seen)
            slugs.add(line.split("refused ")[1].split(": ")[1])
    assert len(slugs) == len(SOME)


def test_a_refused_head_has_no_body(client: Client) -> None:
    """RFC 9110 §9.3.2: "The server MUST NOT send content in the response" to HEAD."""
    client.send(message(b"HEAD / HTTP/1.1", HOST, b"X A: b"))
    assert client.response(head=True).status == 400
    client.expect_end()


def test_a_refusal_on_1_0_is_of_the_same_kind(client: Client) -> None:
    """An old client can read it too: a length, and no coding."""
    client.send(b"GET / HTTP/1.0\r\nX A: b\r\n\r\n")
    response = client.response()
    check_refusal(response)
    assert response.framing == "length"
    client.expect_end()


@pytest.mark.parametrize("size", [1, 1000, 30_000])
def test_a_refusal_reaches_a_client_that_still_sends(client: Client, size: int) -> None:
    """What was sent before the answer came is read and dropped: a reset would take the answer with it."""
    client.send(get(b"X A: b") + b"z" * size)
    client.send(b"z" * size)
    check_refusal(client.response())
    client.expect_end()


def test_a_refusal_reaches_a_client_that_sends_after_it(client: Client) -> None:
    """The connection lingers: bytes that were under way when it closed do no harm."""
    client.send(get(b"X A: b"))
    check_refusal(client.response())
    client.send(b"z" * 1000)
    client.expect_end()


def test_a_refusal_ends_when_the_client_does(client: Client) -> None:
    """A client that has closed its side is not lingered for."""
    client.send(get(b"X A: b"))
    client.half_close()
    check_refusal(client.response())
    client.expect_end()


@pytest.mark.parametrize(
    "raw",
    [
        get(b"X\x1b[31m: b"),
        get(b"X-A: \x1b[31mred"),
        get(target=b"/\x1b[31m"),
        b"\x1b]0;title\x07 / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x85b\r\n\r\n",
        b"GET /\nrefused 192.0.2.1:1: 400 forged: line HTTP/1.1\r\n\r\n",
    ],
)
def test_a_refused_request_cannot_write_into_the_log(server: Server, client: Client, raw: bytes) -> None:
    """uvicorn CVE-2020-7694: what is logged of it is escaped."""
    seen = len(server.log.lines())
    client.send(raw)
    client.response()
    server.log.wait_for(f"refused {re.escape(client.local_address)}: 400 ", since=seen)
    assert server.log.lines("[\x00-\x08\x0b-\x1f\x7f-\x9f]") == []
    assert server.log.lines("^refused 192") == []
