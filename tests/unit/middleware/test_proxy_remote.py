"""A remote server as a WSGI application: every way in which it can answer, and every way in which it can
fail.
"""

from __future__ import annotations

import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from potstill.middleware.balance import Balance
from potstill.middleware.proxy import RemoteApp
from potstill.middleware.upstream import UpstreamError
from tests.support.engine import wait_until
from tests.support.upstream import OK, WAIT_S, Peer, Script, Scripted, always, answering, ask, environ_of

QUICK: dict[str, Any] = {"connect_timeout_s": 0.3, "try_timeout_s": 0.3, "idle_timeout_s": 0.3}


@pytest.fixture(name="end")
def ending() -> Iterator[ExitStack]:
    """Closes what a test enters or pushes, the last first."""
    with ExitStack() as stack:
        yield stack


def upstream(end: ExitStack, *scripts: Script, **options: Any) -> tuple[Scripted, RemoteApp]:
    server = end.enter_context(Scripted(*scripts))
    remote = RemoteApp(server.url, **options)
    end.callback(remote.close)
    return server, remote


def head(*fields: bytes, status: bytes = b"200 OK", version: bytes = b"1.1") -> bytes:
    return b"\r\n".join([b"HTTP/" + version + b" " + status, b"Content-Type: text/plain", *fields, b"", b""])


CHUNKED = b"Transfer-Encoding: chunked"
ANSWERS = [
    # name, method, what the upstream sends before it closes, status, body
    ("length", "GET", head(b"Content-Length: 5") + b"hello", 200, b"hello"),
    ("chunks", "GET", head(CHUNKED) + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", 200, b"hello"),
    ("trailers", "GET", head(CHUNKED) + b"2\r\nhe\r\n0\r\nX: y\r\n\r\n", 200, b"he"),
    ("until it closes", "GET", head() + b"hello", 200, b"hello"),
    ("1.0", "GET", head(version=b"1.0") + b"hello", 200, b"hello"),
    ("nothing", "GET", head(b"Content-Length: 0"), 200, b""),
    ("to HEAD", "HEAD", head(b"Content-Length: 5"), 200, b""),
    ("204", "GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ("304", "GET", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n", 304, b""),
    ("interim ones first", "GET", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 3 + OK, 200, b"ok"),
    ("100 unasked", "GET", b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
    ("an error of its own", "GET", head(b"Content-Length: 2", status=b"500 Oops") + b"no", 500, b"no"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "sent", "status", "body"), [row[1:] for row in ANSWERS], ids=[r[0] for r in ANSWERS]
)
@pytest.mark.parametrize("bytewise", [False, True])
def test_answers(end: ExitStack, method: str, sent: bytes, status: int, body: bytes, bytewise: bool) -> None:
    """Whole, and octet by octet."""

    def script(peer: Peer) -> None:
        peer.request()
        for at in range(len(sent)) if bytewise else ():
            peer.send(sent[at : at + 1])
        if not bytewise:
            peer.send(sent)

    _, remote = upstream(end, script)
    answer = ask(remote, method)
    assert (answer.status, answer.body, answer.error) == (status, body, None)
    assert answer.get("Transfer-Encoding") is None


BROKEN = [
    # name, what comes, before the connection is closed
    ("nothing", b""),
    ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le"),
    ("no status", b"HTTP/1.1 OK\r\n\r\n"),
    ("too large a head", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    ("two lengths", head(b"Content-Length: 5", b"Content-Length: 6") + b"hello"),
    ("a length that is none", head(b"Content-Length: +5") + b"hello"),
    ("length and chunks", head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    ("another coding", head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n"),
    ("a bad chunk at once", head(b"Transfer-Encoding: chunked") + b"-1\r\n"),
    ("space before the colon", b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n"),
    ("a control character", head(b"X: a\x01")),
    ("101 unasked", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    ("interim ones without end", b"HTTP/1.1 102 Processing\r\n\r\n" * 100),
]


@pytest.mark.parametrize("sent", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_is_no_answer_is_502(end: ExitStack, sent: bytes) -> None:
    """RFC 9110 section 15.6.3; nothing of it gets through, and the connection is not used again."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(sent)

    server, remote = upstream(end, script, always())
    answer = ask(remote, "POST")
    assert answer.status == 502
    assert b"server behind" in answer.body
    assert ask(remote).body == b"ok"
    assert server.accepted == 2


CUT = [
    ("length", head(b"Content-Length: 500") + b"hello"),
    ("chunk", head(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n5\r\nhe"),
    ("no last chunk", head(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n"),
    ("no end of the last chunk", head(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n"),
]


@pytest.mark.parametrize("sent", [row[1] for row in CUT], ids=[row[0] for row in CUT])
@pytest.mark.parametrize("by_reset", [False, True])
def test_an_answer_that_is_cut_is_an_error_and_not_an_end(
    end: ExitStack, sent: bytes, by_reset: bool
) -> None:
    """The server in front has to see it: half must never be taken for whole."""
    reached = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(sent)
        assert reached.wait(WAIT_S)
        if by_reset:
            peer.reset()

    _, remote = upstream(end, script)
    started: list[str] = []
    body = iter(remote(environ_of(), lambda status, headers: started.append(status)))
    first = next(body)
    reached.set()
    with pytest.raises(UpstreamError) as error:
        first += b"".join(body)
    assert first.startswith(b"hello")
    assert error.value.status == 502
    assert started == ["200 OK"]


def test_a_chunk_that_is_none_in_the_middle(end: ExitStack) -> None:
    reached = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
        assert reached.wait(WAIT_S)
        peer.send(b"zz\r\n")

    _, remote = upstream(end, script)
    body = iter(remote(environ_of(), lambda status, headers: None))
    assert next(body) == b"hello"
    reached.set()
    with pytest.raises(UpstreamError, match="malformed"):
        next(body)


def test_nobody_there_is_503(end: ExitStack) -> None:
    """RFC 9110 section 15.6.4, and when to come again."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    answer = ask(RemoteApp(url))
    assert (answer.status, answer.get("Retry-After")) == (503, "1")
    assert ask(RemoteApp("unix:/nowhere/to/be/found.sock")).status == 503
    assert ask(RemoteApp("http://no-such-host.invalid")).status == 503


@pytest.mark.slow
def test_silence_is_504(end: ExitStack) -> None:
    """RFC 9110 section 15.6.5: no answer; half a head; and TLS that never begins."""
    _, silent = upstream(end, lambda peer: (peer.request(), peer.wait_closed()), **QUICK)
    assert ask(silent).status == 504
    _, slow = upstream(
        end, lambda peer: (peer.request(), peer.send(b"HTTP/1.1 200"), peer.wait_closed()), **QUICK
    )
    assert ask(slow).status == 504
    server = end.enter_context(Scripted(lambda peer: peer.wait_closed()))
    assert ask(RemoteApp(server.url.replace("http", "https"), **QUICK)).status == 504


@pytest.mark.slow
def test_silence_in_the_middle_is_an_error(end: ExitStack) -> None:
    _, remote = upstream(
        end,
        lambda peer: (peer.request(), peer.send(head(b"Content-Length: 9") + b"a"), peer.wait_closed()),
        **QUICK,
    )
    answer = ask(remote)
    assert (answer.status, answer.body) == (200, b"a")
    assert isinstance(answer.error, UpstreamError)
    assert answer.error.status == 504


def test_a_server_without_tls_is_502(end: ExitStack) -> None:
    server = end.enter_context(Scripted(lambda peer: peer.send(OK)))
    assert ask(RemoteApp(server.url.replace("http", "https"))).status == 502


def test_bad_requests_do_not_reach_it(end: ExitStack) -> None:
    server, remote = upstream(end)
    assert ask(remote, "GET", "/a/../b").status == 400
    assert ask(remote, "POST", HTTP_TRANSFER_ENCODING="chunked").status == 411
    assert ask(remote, "CONNECT", validate=False).status == 501
    assert server.requests == []


def test_connections_are_kept(end: ExitStack) -> None:
    """However the answer was framed, as long as its end is known."""
    chunked = head(b"Transfer-Encoding: chunked") + b"2\r\nok\r\n0\r\n\r\n"
    server, remote = upstream(end, answering(OK, chunked, head(b"Content-Length: 0"), OK))
    assert [ask(remote, "POST", body=b"x").body for _ in range(4)] == [b"ok", b"ok", b"", b"ok"]
    assert server.accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        head(b"Connection: close", b"Content-Length: 0"),
        head(b"Content-Length: 0", version=b"1.0"),
        OK + b"more",
    ],
    ids=["close", "1.0", "octets behind it"],
)
def test_connections_are_not_kept_against_their_will(end: ExitStack, answer: bytes) -> None:
    """RFC 9112 section 9.3; what stands behind an answer must not become the next one's."""
    server, remote = upstream(end, always(answer), always())
    ask(remote)
    assert ask(remote).body == b"ok"
    assert server.accepted == 2


def test_a_connection_that_was_closed_meanwhile_is_not_used(end: ExitStack) -> None:
    """Found before the request is sent, so that it costs nothing, not even for a POST."""
    closed = threading.Event()

    def one(peer: Peer) -> None:
        peer.request()
        peer.send(OK)
        peer.socket.shutdown(socket.SHUT_RDWR)
        closed.set()

    server, remote = upstream(end, one, always())
    ask(remote)
    assert closed.wait(WAIT_S)
    assert ask(remote, "POST", body=b"x").status == 200
    assert [raw.split()[0] for raw in server.requests] == [b"GET", b"POST"]


def test_an_idle_connection_that_speaks_is_not_used(end: ExitStack) -> None:
    """What nobody asked for must not become the answer to the next request (response splitting)."""
    spoken = threading.Event()

    def one(peer: Peer) -> None:
        peer.request()
        peer.send(OK)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        spoken.set()
        peer.wait_closed()

    _, remote = upstream(end, one, always())
    ask(remote)
    assert spoken.wait(WAIT_S)
    assert ask(remote).body == b"ok"


def closing_on_second(peer: Peer) -> None:
    """Closes when the second request has come: no look beforehand could have seen it."""
    peer.request()
    peer.send(OK)
    peer.head()


def test_a_connection_that_is_closed_under_the_request_costs_one_more_try(end: ExitStack) -> None:
    server, remote = upstream(end, closing_on_second, always())
    assert [ask(remote, "PUT", body=b"x").status for _ in range(2)] == [200, 200]
    assert server.accepted == 2


def test_but_not_for_what_must_not_be_done_twice(end: ExitStack) -> None:
    """The server may have acted on the POST before it closed."""
    server, remote = upstream(end, closing_on_second, always())
    assert ask(remote, "POST", body=b"x").status == 200
    assert ask(remote, "POST", body=b"x").status == 502
    assert server.accepted == 1


def test_one_more_try_is_one(end: ExitStack) -> None:
    server, remote = upstream(end, closing_on_second, lambda peer: peer.head())
    ask(remote)
    assert ask(remote).status == 502
    assert server.accepted == 2


def test_a_new_connection_that_is_closed_is_not_tried_again(end: ExitStack) -> None:
    server, remote = upstream(end, lambda peer: peer.head())
    assert ask(remote).status == 502
    assert server.accepted == 1


def test_an_upload_streams(end: ExitStack) -> None:
    """The first of it arrives before the last has been asked for, and not an octet is different."""
    seen = threading.Event()
    digest = hashlib.sha256()

    def script(peer: Peer) -> None:
        peer.head()
        for _ in range(64):
            digest.update(peer._stream.read(65536))
            seen.set()
        peer.send(OK)

    class Upload(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() == 32 * 65536:
                assert seen.wait(WAIT_S), "nothing was sent on before the half was read"
            return super().read(size)

    octets = bytes(range(256)) * 256 * 64
    _, remote = upstream(end, script)
    answer = ask(remote, "PUT", CONTENT_LENGTH=str(len(octets)), **{"wsgi.input": Upload(octets)})
    assert answer.status == 200
    assert digest.digest() == hashlib.sha256(octets).digest()


def test_a_body_of_unknown_length_is_sent_in_chunks(end: ExitStack) -> None:
    server, remote = upstream(end)
    more = {"wsgi.input_terminated": True, "wsgi.input": io.BytesIO(b"x" * 70_000)}
    assert ask(remote, "POST", HTTP_TRANSFER_ENCODING="chunked", validate=False, **more).status == 200
    framed, _, chunks = server.requests[0].partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in framed
    assert b"Content-Length" not in framed
    assert chunks.startswith(b"10000\r\n")
    assert chunks.endswith(b"\r\n0\r\n\r\n")


def test_a_download_streams(end: ExitStack) -> None:
    """A block is handed on before the next is there."""
    received = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head(b"Content-Length: 10") + b"first")
        assert received.wait(WAIT_S)
        peer.send(b"later")

    _, remote = upstream(end, script)
    body = iter(remote(environ_of(), lambda status, headers: None))
    assert next(body) == b"first"
    received.set()
    assert b"".join(body) == b"later"


def test_an_answer_may_come_before_the_upload_is_over(end: ExitStack) -> None:
    """A server that refuses a large body says so, reads no more, and its answer gets through."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.send(head(b"Content-Length: 3", b"Connection: close", status=b"413 Content Too Large") + b"big")
        peer.socket.shutdown(socket.SHUT_WR)
        peer.wait_closed()

    server, remote = upstream(end, script, always())
    body = io.BytesIO(b"x" * 64_000_000)
    answer = ask(remote, "POST", CONTENT_LENGTH="64000000", **{"wsgi.input": body})
    assert (answer.status, answer.body) == (413, b"big")
    assert body.tell() < 64_000_000
    assert ask(remote).status == 200
    assert server.accepted == 2


def test_an_upload_ends_where_the_connection_is_broken_off(end: ExitStack) -> None:
    """As above by a server that closes without reading: the kernel resets the connection, and may take the
    answer away with it."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.send(head(b"Content-Length: 3", status=b"413 Content Too Large") + b"big")
        peer._stream.read(1)

    _, remote = upstream(end, script)
    body = io.BytesIO(b"x" * 64_000_000)
    answer = ask(remote, "POST", CONTENT_LENGTH="64000000", **{"wsgi.input": body})
    assert answer.status in (413, 502)
    assert body.tell() < 64_000_000


def test_an_upload_that_breaks_off_is_not_completed(end: ExitStack) -> None:
    """The client left: the upstream must see a broken request and not a shorter one."""
    whole: list[bool] = []

    def script(peer: Peer) -> None:
        peer.head()
        whole.append(len(peer._stream.read(100)) == 100)

    _, remote = upstream(end, script)
    assert ask(remote, "POST", body=b"x" * 50, CONTENT_LENGTH="100").status == 400
    wait_until(lambda: whole == [False])


def test_close_ends_the_upstreams_work(end: ExitStack) -> None:
    """The client left in the middle of the answer."""
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head(b"Content-Length: 99") + b"a")
        peer.wait_closed()
        left.set()

    _, remote = upstream(end, script)
    body = remote(environ_of(), lambda status, headers: None)
    assert next(iter(body)) == b"a"
    body.close()  # type: ignore[attr-defined]
    assert left.wait(WAIT_S)
    body.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("sent", [b"", head(b"Content-Length: 99") + b"a"], ids=["before", "in the middle"])
def test_a_client_that_left_is_not_waited_for(
    end: ExitStack, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """The server knows; the upstream's connection is closed, nobody is blamed, and nobody else is asked."""
    monkeypatch.setattr("potstill.middleware.proxy.connection.LOOK_S", 0.01)
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(sent)
        peer.wait_closed()
        left.set()

    server, remote = upstream(end, script)
    balance = Balance([remote, remote])
    ask(balance, **{"potstill.client_disconnected": lambda: True})
    assert left.wait(WAIT_S)
    assert server.accepted == 1
    assert [one.failures for one in balance.statistics()] == [0, 0]


def test_a_start_response_that_raises_leaves_nothing_open(end: ExitStack) -> None:
    """PEP 3333: it raises for a header that the server does not take."""
    _, remote = upstream(end, connections_max=1)

    def refuse(status: str, headers: Any) -> None:
        raise ValueError("no such header, please")

    for _ in range(3):
        with pytest.raises(ValueError, match="please"):
            remote(environ_of(), refuse)


def test_connections_are_limited(end: ExitStack) -> None:
    held = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head(b"Content-Length: 2") + b"a")
        assert held.wait(WAIT_S)
        peer.send(b"b")

    _, remote = upstream(end, script, connections_max=1)
    body = remote(environ_of(), lambda status, headers: None)
    assert ask(remote).status == 503
    held.set()
    assert b"".join(body) == b"ab"
    assert ask(remote).status == 200


def test_over_a_unix_socket(tmp_path: Path) -> None:
    with Scripted(path=tmp_path / "up.sock") as server:
        remote = RemoteApp(server.url + ":/below")
        assert ask(remote, "GET", "/x").body == b"ok"
        assert server.requests[0].startswith(b"GET /below/x HTTP/1.1\r\nHost: front.test\r\n")
        remote.close()


def test_a_name_of_several_servers_is_for_proxy() -> None:
    with pytest.raises(ValueError, match="give it to Proxy"):
        RemoteApp("dns+http://app.internal")
    with pytest.raises(TypeError, match="unexpected keyword argument 'timeout'"):
        RemoteApp("http://a", timeout=3)
