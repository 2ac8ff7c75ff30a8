"""The proxy and CGI under other people's servers: what they take for granted about theirs would show."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import h11
import pytest

from potstill.gateway import CGIDirectory
from potstill.middleware import Proxy
from tests.support.upstream import OK, Peer, Scripted, always, answering
from tests.unit.gateway.programs import program
from tests.unit.middleware.hosts import HOSTS, hosted

WAIT_S = 10
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\none\r\n3\r\ntwo\r\n0\r\nX-Late: z\r\n\r\n"
)


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\nX: 123456\r\n\r\n"


@pytest.fixture(name="host", params=HOSTS)
def each_host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fetch(
    address: tuple[str, int], method: str, path: str = "/", body: bytes | None = None
) -> tuple[Any, bytes]:
    client = http.client.HTTPConnection(*address, timeout=WAIT_S)
    try:
        client.request(method, path, body)
        response = client.getresponse()
        return response, response.read()
    finally:
        client.close()


def test_requests_and_answers(host: str) -> None:
    with Scripted() as up, closing(Proxy(up.url)) as proxy, hosted(host, validator(proxy)) as address:
        for method, body in (("GET", None), ("POST", b"x" * 100_000), ("DELETE", None)):
            response, read = fetch(address, method, "/a%20b?c=d", body)
            assert (response.status, read) == (200, b"ok")
            assert response.getheader("Via") == "1.1 potstill"
        response, read = fetch(address, "HEAD")
        assert (response.status, read) == (200, b"")
    assert [raw.split(b" HTTP")[0] for raw in up.requests] == [
        b"GET /a%20b?c=d",
        b"POST /a%20b?c=d",
        b"DELETE /a%20b?c=d",
        b"HEAD /",
    ]
    assert up.requests[1].endswith(b"\r\n\r\n" + b"x" * 100_000)


def test_chunks_are_framed_anew(host: str) -> None:
    with Scripted(always(CHUNKED)) as up, closing(Proxy(up.url)) as proxy, hosted(host, proxy) as address:
        response, read = fetch(address, "GET")
    assert read == b"onetwo"
    assert response.getheader("X-Late") is None


def test_half_an_answer_is_never_a_whole_one(host: str) -> None:
    """The upstream dies in the middle: the client sees the connection cut, whatever the server in front."""

    def dies(peer: Peer) -> None:
        peer.request()
        peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n" + b"x" * 70_000
        )

    with Scripted(dies) as up, closing(Proxy(up.url)) as proxy, hosted(host, proxy) as address:
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            fetch(address, "GET")


ATTACKS = [
    # What one parser may take for one request and another for two (RFC 9112 sections 6 and 11.2).
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + HIDDEN,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" + HIDDEN,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n" + HIDDEN,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 44\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\n0\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\n0\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rContent-Length: 44\r\n\r\n" + HIDDEN,
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 44\r\n\r\n" + HIDDEN,
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nPRI * HTTP/2.0\r\n\r\n",
    b"GET /a%0d%0aHost:%20b%0d%0a%0d%0aGET%20/hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"GET /?a\x0bb HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n b: c\r\nContent-Length: 0\r\n\r\n",
]


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_an_upstream_sees_no_request_that_the_server_has_not_seen(host: str, attack: bytes) -> None:
    """However lax the server in front: what goes on is by h11's grammar one request for each that was
    handled, framed once, and nothing behind it.
    """
    handled: list[str] = []

    def counted(environ: dict[str, Any], start_response: Any) -> Any:
        handled.append(environ["PATH_INFO"])
        return proxy(environ, start_response)

    with Scripted() as up, closing(Proxy(up.url)) as proxy, hosted(host, counted) as address:
        with socket.create_connection(address, timeout=WAIT_S) as client:
            client.sendall(attack)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
    assert len(up.requests) <= len(handled)
    for raw in up.requests:
        judge = h11.Connection(h11.SERVER)
        judge.receive_data(raw)
        request = judge.next_event()
        assert isinstance(request, h11.Request)
        while not isinstance(judge.next_event(), h11.EndOfMessage):
            pass
        assert judge.trailing_data == (b"", False)
        framing = [name for name, _ in request.headers if name in (b"content-length", b"transfer-encoding")]
        assert len(framing) <= 1
        assert b"upgrade" not in dict(request.headers)


def test_nobody_there(host: str) -> None:
    with Scripted(answering(OK)) as up:
        url = up.url
    with closing(Proxy(url)) as proxy, hosted(host, validator(proxy)) as address:
        assert fetch(address, "GET")[0].status == 503


def test_programs(host: str, tmp_path: Path) -> None:
    plain = "printf 'Content-Type: text/plain\\n\\n'; "
    program(tmp_path, "a.cgi", f'{plain} echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING"; exec cat')
    with hosted(host, validator(CGIDirectory(tmp_path))) as address:
        response, read = fetch(address, "POST", "/a.cgi/x%20y?z", b"body")
        assert (response.status, read) == (200, b"POST /x y z\nbody")
        assert fetch(address, "GET", "/b.cgi")[0].status == 404
