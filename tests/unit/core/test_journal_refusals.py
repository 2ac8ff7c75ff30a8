"""Requests that the server refuses itself: they have a line too, with what is known of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.engine import Environ, StartResponse, engine_on, request, wait_until
from tests.support.wire import Client
from tests.unit.core.test_journal import log_to

FORM = '%(h)s "%(r)s" %(s)s %(b)s "%(a)s"'


def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


class Busy:
    """Says hello when it is told to."""

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.entered.set()
        assert self.leave.wait(20)
        return hello(environ, start_response)


def length_of(client: Client, status: int, *, head: bool = False) -> int:
    """How long the body of the one answer is."""
    response = client.response(head=head)
    assert response.status == status
    return len(response.body)


@pytest.mark.parametrize(
    ("sent", "status", "line"),
    [
        (b"GET /a HTTP/1.1\r\n\r\n", 400, "GET /a HTTP/1.1"),
        (b"GET /a?b HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "GET /a?b HTTP/1.1"),
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "GET /a\\x20b HTTP/1.1"),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "GET / HTTP/3.0"),
        (b"\r\nGET /nothing\r\n\r\n", 400, "GET /nothing -"),
        (b"nonsense\r\n\r\n", 400, "nonsense - -"),
        (b"GET /a HTTP/1.1\rHost: a\rCookie: secret\r\n\r\n", 400, "GET /a HTTP/1.1"),
        (b'<"\x16\x03>\r\n\r\n', 400, "<\\x22\\x16\\x03> - -"),
        (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "GET /%zz HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", 501, "GET / HTTP/1.1"),
    ],
)
def test_a_head_that_is_refused_has_a_line(tmp_path: Path, sent: bytes, status: int, line: str) -> None:
    file = tmp_path / "access.log"
    with engine_on(hello, access_log=log_to(file, FORM)) as running, running.client() as client:
        client.send(sent)
        size = length_of(client, status)
    assert file.read_text() == f'127.0.0.1 "{line}" {status} {size} "-"\n'


def test_a_line_that_is_too_long_is_told_cut(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    with engine_on(hello, access_log=log_to(file, FORM)) as running, running.client() as client:
        client.send(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        length_of(client, 414)
    (line,) = file.read_text().splitlines()
    assert line.startswith('127.0.0.1 "GET /aaaa')
    assert 2000 < len(line) < 2200


def test_a_refused_head_request_has_no_octets(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    with engine_on(hello, access_log=log_to(file, FORM)) as running, running.client() as client:
        client.send(b"HEAD /a HTTP/1.1\r\n\r\n")
        assert length_of(client, 400, head=True) == 0
    assert file.read_text() == '127.0.0.1 "HEAD /a HTTP/1.1" 400 - "-"\n'


def test_a_body_that_is_refused_is_told_with_its_fields(tmp_path: Path) -> None:
    """The head was whole, so all of it is known."""
    file = tmp_path / "access.log"
    with engine_on(hello, access_log=log_to(file, FORM), limit_request_body=10) as running:
        with running.client() as client:
            client.send(request("/up", "User-Agent: curl/8", method="POST", body=b"x" * 11))
            size = length_of(client, 413)
    assert file.read_text() == f'127.0.0.1 "POST /up HTTP/1.1" 413 {size} "curl/8"\n'


def test_a_head_that_does_not_arrive_is_told_as_far_as_it_came(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    with engine_on(hello, access_log=log_to(file, FORM), header_timeout_s=0.05) as running:
        with running.client() as client:
            client.send(b"GET /slow HT")
            size = length_of(client, 408)
        with running.client() as client:
            client.send(b"GET /slower HTTP/1.1\r\nHost:")
            length_of(client, 408)
    assert file.read_text().splitlines() == [
        f'127.0.0.1 "GET /slow\\x20HT -" 408 {size} "-"',
        f'127.0.0.1 "GET /slower HTTP/1.1" 408 {size} "-"',
    ]


def test_a_request_for_which_nobody_is_free_has_a_line(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    busy = Busy()
    limits = {"threads": 1, "backlog_limit": 1}
    with engine_on(busy, access_log=log_to(file, FORM), **limits) as running, running.client() as first:
        first.send(request("/first"))
        assert busy.entered.wait(20)
        with running.client() as second, running.client() as third:
            second.send(request("/second"))
            running.wait(lambda now: now.backlog == 1)
            third.send(request("/third"))
            size = length_of(third, 503)
            busy.leave.set()
            assert second.response().status == first.response().status == 200
    assert file.read_text().splitlines() == [
        f'127.0.0.1 "GET /third HTTP/1.1" 503 {size} "-"',
        '127.0.0.1 "GET /first HTTP/1.1" 200 5 "-"',
        '127.0.0.1 "GET /second HTTP/1.1" 200 5 "-"',
    ]


def test_who_has_waited_too_long_is_told_with_the_time(tmp_path: Path) -> None:
    """Also where only what is slow is told; and the wait counts among those for a thread."""
    file = tmp_path / "access.log"
    busy = Busy()
    log = log_to(file, "%(U)s %(s)s %(queue_time)s %(L)s", slower=2.0)
    with engine_on(busy, access_log=log, threads=1, queue_timeout_s=3.0) as running:
        with running.client() as first, running.client() as second:
            first.send(request("/first"))
            assert busy.entered.wait(20)
            second.send(request("/second"))
            running.wait(lambda now: now.backlog == 1)
            running.engine.advance_clock(3.5)
            length_of(second, 503)
            busy.leave.set()
            assert first.response().status == 200
        assert running.engine.stats.queue_times().count == 2
    told = {line.split()[0]: line.split()[1:] for line in file.read_text().splitlines()}
    status, queued, total = told["/second"]
    assert status == "503"
    assert 3.0 <= float(queued) == float(total) < 25


def test_rules_hold_for_them_as_well(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    with engine_on(hello, access_log=log_to(file, "%(U)s %(s)s", "=4xx")) as running:
        for sent in (b"GET /a HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n", b"GET /b HTTP/3.0\r\n\r\n"):
            with running.client() as client:
                client.send(sent)
                client.response()
    assert file.read_text() == "/b 505\n"


def test_an_application_that_forgets_what_was_asked_is_told_all_the_same(tmp_path: Path) -> None:
    """The request line is what the client has sent, whatever becomes of the environ."""
    file = tmp_path / "access.log"

    def forgetful(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ.clear()
        return hello(environ, start_response)

    with engine_on(forgetful, access_log=log_to(file, FORM, "/health")) as running:
        assert running.ask() == b"hello"
        wait_until(file.read_text)
    assert file.read_text() == '- "GET / HTTP/1.1" 200 5 "-"\n'
