"""The proxy and CGI under other people's servers: what they take for granted about theirs would show."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

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
