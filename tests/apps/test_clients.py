"""What each client can do beyond a plain exchange: uploads of its own making, kept connections, waiting for
100.
"""

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import h11
import pytest
import urllib3

from tests.apps.clients import (
    PATIENCE_S,
    Address,
    StrictClient,
    by_http_client,
    run_curl,
    split_heads,
    url,
    urllib3_pool,
)
from tests.apps.scenarios import described, digested, get
from tests.apps.shop import LABEL, LARGE, digest
from tests.support import wire

OCTETS = ("Content-Type", "application/octet-stream")
CURL_OCTETS = ("--header", ": ".join(OCTETS))
CURL_PARTIAL_FILE = 18


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("upload") / "large.bin"
    path.write_bytes(LARGE)
    return path


def blocks_of(body: bytes, size: int = 50_001) -> Iterator[bytes]:
    """Pieces of an odd size, so that no boundary falls on one of the server's."""
    return (body[at : at + size] for at in range(0, len(body), size))


# curl


def test_curl_posts_a_file_as_it_is(address: Address, large_file: Path) -> None:
    shown = run_curl("--include", "--data-binary", f"@{large_file}", *CURL_OCTETS, url(address, "/digest"))
    assert split_heads(shown)[-1].json() == digested(LARGE)


def test_curl_posts_a_form_with_a_file(address: Address, large_file: Path) -> None:
    """curl picks the boundary, the types and the chunks."""
    form = ["--form", "owner=Søren", "--form", f"cask=@{large_file};type=application/octet-stream"]
    answer = split_heads(run_curl("--include", *form, url(address, "/upload")))[-1]
    assert answer.json() == {
        "fields": {"owner": ["Søren"]},
        "files": [described("cask", "large.bin", LARGE)],
    }


def test_curl_uploads_its_standard_input_in_chunks(address: Address) -> None:
    """Frameworks that know only CONTENT_LENGTH read it too, because the body was buffered and counted."""
    shown = run_curl("--include", "--upload-file", "-", *CURL_OCTETS, url(address, "/digest"), sent=LARGE)
    assert split_heads(shown)[-1].json() == digested(LARGE)


def test_curl_uploads_nothing_in_chunks(address: Address) -> None:
    shown = run_curl("--include", "--upload-file", "-", *CURL_OCTETS, url(address, "/digest"), sent=b"")
    assert split_heads(shown)[-1].json() == digested(b"")


@pytest.mark.parametrize("how", ["--data-binary @-", "--upload-file -"])
def test_curl_that_expects_100_gets_it_before_it_sends_the_body(address: Address, how: str) -> None:
    """Without the interim answer curl would wait for as long as the whole exchange may take, and fail."""
    waiting = ["--header", "Expect: 100-continue", "--expect100-timeout", str(2 * PATIENCE_S)]
    shown = run_curl("--include", *waiting, *how.split(), *CURL_OCTETS, url(address, "/digest"), sent=LABEL)
    interim, answer = split_heads(shown)
    assert interim.status == 100
    assert answer.json() == digested(LABEL)


def test_curl_fetches_two_urls_through_one_connection(address: Address) -> None:
    options = ["--write-out", "%{http_code} %{num_connects}\n", "--output", "/dev/null"]
    targets = ["/casks/1", "/lines/10", "/files/large.bin", "/nowhere", "/casks/2"]
    calls = [argument for target in targets for argument in (*options, url(address, target), "--next")]
    report = run_curl(*calls[:-1]).decode()
    assert report.splitlines() == ["200 1", "200 0", "200 0", "404 0", "200 0"]


def test_curl_speaks_http_1_0(address: Address) -> None:
    """No chunks, which HTTP/1.0 does not know: the end of the connection is the end of a stream."""
    stream = split_heads(run_curl("--include", "--http1.0", url(address, "/lines/1000")))[-1]
    assert stream.body == b"".join(b"line %d\n" % number for number in range(1000))
    assert stream.field("Transfer-Encoding") is None
    whole = split_heads(run_curl("--include", "--http1.0", url(address, "/files/large.bin")))[-1]
    assert whole.body == LARGE
    assert whole.field("Connection") != "keep-alive"


def test_curl_keeps_an_http_1_0_connection_that_it_asked_to_keep(address: Address) -> None:
    asked = ["--include", "--http1.0", "--header", "Connection: keep-alive"]
    answer = split_heads(run_curl(*asked, url(address, "/casks/7")))[-1]
    assert answer.json() == {"cask": 7}
    assert (answer.field("Connection") or "").lower() == "keep-alive"


def test_curl_through_a_proxy_setting_asks_in_absolute_form(address: Address) -> None:
    """RFC 9112 §3.2.2: the authority of the target is the host, whatever the connection goes to."""
    asked = ["--noproxy", "", "--proxy", url(address, ""), "http://shop.example:8080/whereami?a=1"]
    seen = split_heads(run_curl("--include", *asked))[-1].json()
    assert seen == {"url": "http://shop.example:8080/whereami?a=1", "script": "", "path": "/whereami"}


def test_curl_asks_for_the_options_of_the_whole_server(address: Address) -> None:
    """An asterisk is no path: PATH_INFO is empty or begins with a slash (RFC 3875 §4.1.5; the validator)."""
    asked = ["--request", "OPTIONS", "--request-target", "*"]
    answer = split_heads(run_curl("--include", *asked, url(address, "/")))[-1]
    # Frameworks differ in what an empty path means to them; none may stumble over it.
    assert answer.status < 500


def test_curl_follows_redirects_and_keeps_cookies(address: Address, tmp_path: Path) -> None:
    jar = ["--cookie-jar", str(tmp_path / "jar"), "--cookie", str(tmp_path / "jar")]
    run_curl(*jar, url(address, "/visits"))
    body = run_curl("--location", *jar, url(address, "/redirects/302?to=/visits"))
    assert b'"visits":2' in body.replace(b" ", b"")


def test_curl_resumes_a_download(framework: str, address: Address, tmp_path: Path) -> None:
    if framework == "django":
        pytest.skip("django has no such feature")
    partial = tmp_path / "large.bin"
    partial.write_bytes(LARGE[:1_234_567])
    run_curl("--continue-at", "-", "--output", str(partial), url(address, "/files/large.bin"))
    assert partial.read_bytes() == LARGE


# Half an answer: every client must see that it is not a whole one.


def test_curl_does_not_take_half_an_answer_for_whole(address: Address) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run_curl(url(address, "/broken"))
    assert failed.value.returncode == CURL_PARTIAL_FILE
    assert failed.value.stdout == b"line 0\n"


def test_http_client_does_not_take_half_an_answer_for_whole(address: Address) -> None:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.request("GET", "/broken")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()


def test_urllib3_does_not_take_half_an_answer_for_whole(address: Address) -> None:
    with urllib3_pool(address) as pool, pytest.raises(urllib3.exceptions.ProtocolError):
        pool.request("GET", "/broken", retries=False)


def test_h11_does_not_take_half_an_answer_for_whole(address: Address) -> None:
    with StrictClient(address) as client:
        client.send_head("GET", "/broken")
        client.send_body([])
        assert client.receive_head().status_code == 200
        with pytest.raises(h11.RemoteProtocolError, match="without sending complete message body"):
            list(client.receive_body())


# http.client


def test_http_client_sends_an_iterable_in_chunks(address: Address) -> None:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.request("PUT", "/digest", blocks_of(LARGE), dict([OCTETS]), encode_chunked=True)
    assert json.load(connection.getresponse()) == digested(LARGE)
    connection.close()


def test_http_client_reads_by_lines(address: Address) -> None:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.request("GET", "/lines/5")
    assert list(connection.getresponse()) == [b"line %d\n" % number for number in range(5)]
    connection.close()


# urllib3


class OnceConnected(urllib3.connection.HTTPConnection):
    """A pool quietly connects anew when the server has closed; this one complains."""

    connected = False

    def connect(self) -> None:
        assert not self.connected, "the server closed a connection that it could have kept"
        self.connected = True
        super().connect()


@pytest.fixture
def pool(address: Address) -> Iterator[urllib3.HTTPConnectionPool]:
    """One connection, which the server may not close between requests."""
    with urllib3_pool(address) as pool:
        pool.ConnectionCls = OnceConnected
        yield pool
        assert pool.num_connections == 1


def test_urllib3_reuses_the_connection_of_its_pool(pool: urllib3.HTTPConnectionPool) -> None:
    for number in range(20):
        assert pool.request("GET", f"/casks/{number}").json() == {"cask": number}
        assert pool.request("GET", f"/lines/{number}").data.count(b"\n") == number


def test_urllib3_sends_a_generator_in_chunks(pool: urllib3.HTTPConnectionPool) -> None:
    answer = pool.request("POST", "/digest", body=blocks_of(LARGE), headers=dict([OCTETS]))
    assert answer.json() == digested(LARGE)
    again = pool.request("POST", "/digest", body=blocks_of(LABEL, 7), headers=dict([OCTETS]))
    assert again.json() == digested(LABEL)


def test_urllib3_uploads_fields_and_files(pool: urllib3.HTTPConnectionPool) -> None:
    file = ("large.bin", LARGE, "application/octet-stream")
    answer = pool.request("POST", "/upload", fields={"owner": "Søren", "cask": file})
    assert answer.json() == {
        "fields": {"owner": ["Søren"]},
        "files": [described("cask", "large.bin", LARGE)],
    }


def test_urllib3_follows_a_redirect(pool: urllib3.HTTPConnectionPool) -> None:
    assert pool.request("GET", "/redirects/301?to=/casks/7").json() == {"cask": 7}


def test_urllib3_posts_again_after_307_and_gets_after_303(pool: urllib3.HTTPConnectionPool) -> None:
    posted = pool.request("POST", "/redirects/307?to=/digest", body=LABEL, headers=dict([OCTETS]))
    assert posted.json() == digested(LABEL)
    got = pool.request("POST", "/redirects/303?to=/casks/7", body=LABEL, headers=dict([OCTETS]))
    assert got.json() == {"cask": 7}


def test_urllib3_streams_what_it_reads(pool: urllib3.HTTPConnectionPool) -> None:
    answer = pool.request("GET", "/files/large.bin", preload_content=False)
    assert digest(answer.stream(10_007)) == digest([LARGE])


# h11


def test_h11_sends_chunks_of_one_byte(address: Address) -> None:
    with StrictClient(address) as client:
        client.send_head("POST", "/digest", (OCTETS, ("Transfer-Encoding", "chunked")))
        client.send_body(blocks_of(LABEL, 1))
        assert client.receive_answer().json() == digested(LABEL)


def test_h11_that_expects_100_gets_it_before_it_sends_the_body(address: Address) -> None:
    with StrictClient(address) as client:
        length = ("Content-Length", str(len(LABEL)))
        client.send_head("POST", "/digest", (OCTETS, length, ("Expect", "100-continue")))
        interim = client.receive_event()
        assert isinstance(interim, h11.InformationalResponse)
        assert interim.status_code == 100
        client.send_body([LABEL])
        assert client.receive_answer().json() == digested(LABEL)


def test_h11_that_sends_the_body_at_once_needs_no_100(address: Address) -> None:
    """RFC 9110 §10.1.1: the interim answer may be left out once the body has begun to arrive, and must not
    spoil the next."""
    with StrictClient(address) as client:
        length = ("Content-Length", str(len(LABEL)))
        for _ in range(3):
            client.send_head("POST", "/digest", (OCTETS, length, ("Expect", "100-continue")))
            client.send_body([LABEL])
            assert client.receive_answer().json() == digested(LABEL)
            client.protocol.start_next_cycle()


def test_h11_that_asks_to_close_sees_the_connection_closed(address: Address) -> None:
    with StrictClient(address) as client:
        client.send_head("GET", "/casks/7", (("Connection", "close"),))
        client.send_body([])
        answer = client.receive_answer()
        assert (answer.field("Connection") or "").lower() == "close"
        assert client.sock.recv(1) == b""


def test_h11_that_stops_sending_still_gets_its_answer(address: Address) -> None:
    with StrictClient(address) as client:
        client.send_head("GET", "/lines/1000")
        client.send_body([])
        client.sock.shutdown(socket.SHUT_WR)
        assert client.receive_answer().body.count(b"\n") == 1000


# A client that does not wait for its answers (RFC 9112 §9.3.2)


def test_a_request_that_comes_with_the_end_of_a_body_is_answered(address: Address) -> None:
    """The head comes alone, so that the last of the body and the next request are read together."""
    head = b"POST /digest HTTP/1.1\r\nHost: shop\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
    with wire.Client(address, PATIENCE_S) as client:
        client.send(head + b"Expect: 100-continue\r\n\r\n")
        assert client.interim().status == 100
        client.send(b"water" + b"GET /casks/7 HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert json.loads(client.response().body) == digested(b"water")
        assert json.loads(client.response().body) == {"cask": 7}


@pytest.mark.parametrize("target", [b"/large", b"/files/large.bin"])
def test_a_request_that_comes_while_an_answer_is_unread_is_answered(address: Address, target: bytes) -> None:
    """Two answers wait in a buffer that takes neither whole; the third request comes while they do."""
    asked = b"GET %b HTTP/1.1\r\nHost: shop\r\nWithout-Validator: 1\r\n\r\n" % target
    with wire.Client(address, PATIENCE_S) as client:
        client.send(asked * 2)
        # The answer to another client proves that nothing waits for this one.
        assert by_http_client(address, get("/casks/7")).json() == {"cask": 7}
        client.send(asked)
        bodies = [client.response().body for _ in range(3)]
    assert len(bodies[0]) == len(LARGE)
    assert digest(bodies[:1]) == digest(bodies[1:2]) == digest(bodies[2:])


def test_requests_in_one_packet_are_answered_in_order(address: Address) -> None:
    post = b"POST /digest HTTP/1.1\r\nHost: shop\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b"
    packet = b"".join(
        b"GET /casks/%d HTTP/1.1\r\nHost: shop\r\n\r\n" % number + post % (number, b"x" * number)
        for number in range(50)
    )
    with wire.Client(address, PATIENCE_S) as client:
        client.send(packet)
        for number in range(50):
            assert json.loads(client.response().body) == {"cask": number}
            assert json.loads(client.response().body) == digested(b"x" * number)
