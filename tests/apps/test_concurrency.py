"""As many views at a time as there are threads; everything else waits its turn, and nobody waits for a slow
client.

The views telephone the test when they begin and wait to be let go. Each says how many are held at that
moment, so that one too many would give itself away.
"""

import http.client
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

import h11
import pytest
import urllib3

from tests.apps.clients import (
    PATIENCE_S,
    Address,
    Request,
    StrictClient,
    by_http_client,
    http_client_send,
    urllib3_pool,
)
from tests.apps.phones import Switchboard
from tests.apps.scenarios import digested
from tests.apps.shop import LABEL, LARGE, digest
from tests.support.server import serve_process

DEFAULT_THREADS = 8
OCTETS = ("Content-Type", "application/octet-stream")
BARE = ("Without-Validator", "1")


@pytest.fixture(scope="module")
def with_two_threads(framework: str) -> Iterator[Address]:
    with serve_process(f"tests.apps.with_{framework}:app", "--threads", "2") as server:
        yield server.address


@pytest.fixture(scope="module")
def with_one_thread(framework: str) -> Iterator[Address]:
    with serve_process(f"tests.apps.with_{framework}:app", "--threads", "1") as server:
        yield server.address


@contextmanager
def asked(address: Address, *requests: Request) -> Iterator[list[http.client.HTTPConnection]]:
    """Connections that have each sent a request and read no answer yet."""
    with ExitStack() as stack:
        connections = []
        for request in requests:
            connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
            stack.callback(connection.close)
            http_client_send(connection, request)
            connections.append(connection)
        yield connections


def hold(board: Switchboard) -> Request:
    return Request("GET", f"/hold?phone={board.port}")


def statuses(connections: list[http.client.HTTPConnection]) -> set[int]:
    return {connection.getresponse().status for connection in connections}


def test_a_ninth_request_waits_for_one_of_eight_blocked_views(address: Address) -> None:
    with Switchboard() as board, asked(address, *[hold(board)] * DEFAULT_THREADS) as eight:
        calls = [board.answer() for _ in eight]
        assert sorted(int(call.word) for call in calls) == [*range(1, DEFAULT_THREADS + 1)]
        with asked(address, hold(board)) as ninth:
            calls.pop().let_go()
            late = board.answer()
            assert late.word == str(DEFAULT_THREADS)
            late.let_go()
            assert statuses(ninth) == {200}
        for call in calls:
            call.let_go()
        assert statuses(eight) == {200}


def test_a_quick_request_is_answered_beside_seven_blocked_views(address: Address) -> None:
    with Switchboard() as board, asked(address, *[hold(board)] * (DEFAULT_THREADS - 1)) as seven:
        calls = [board.answer() for _ in seven]
        assert by_http_client(address, Request("GET", "/casks/7")).json() == {"cask": 7}
        for call in calls:
            call.let_go()
        assert statuses(seven) == {200}


def test_two_threads_run_two_views_and_the_others_wait(with_two_threads: Address) -> None:
    with Switchboard() as board, asked(with_two_threads, *[hold(board)] * 6) as six:
        calls = [board.answer(), board.answer()]
        assert {call.word for call in calls} == {"1", "2"}
        for _ in range(4):
            calls.pop(0).let_go()
            calls.append(board.answer())
            assert calls[-1].word == "2"
        for call in calls:
            call.let_go()
        assert statuses(six) == {200}


def test_a_bad_request_is_refused_while_every_thread_is_blocked(with_two_threads: Address) -> None:
    with Switchboard() as board, asked(with_two_threads, hold(board), hold(board)) as both:
        calls = [board.answer(), board.answer()]
        with socket.create_connection(with_two_threads, timeout=PATIENCE_S) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 400"
        for call in calls:
            call.let_go()
        assert statuses(both) == {200}


def test_an_upload_is_read_while_every_thread_is_blocked(with_two_threads: Address) -> None:
    """The interim answer proves that somebody takes care of this client; the large body, that it is read."""
    with Switchboard() as board, asked(with_two_threads, hold(board), hold(board)) as both:
        calls = [board.answer(), board.answer()]
        with StrictClient(with_two_threads) as client:
            length = ("Content-Length", str(len(LARGE)))
            client.send_head("PUT", "/digest", (OCTETS, length, ("Expect", "100-continue")))
            assert client.receive_event().status_code == 100
            client.send_body([LARGE])
            for call in calls:
                call.let_go()
            assert client.receive_answer().json() == digested(LARGE)
        assert statuses(both) == {200}


def test_clients_that_stall_in_their_bodies_hold_no_thread(with_one_thread: Address) -> None:
    with ExitStack() as stack:
        stalled = [stack.enter_context(StrictClient(with_one_thread)) for _ in range(20)]
        for client in stalled:
            client.send_head("POST", "/digest", (OCTETS, ("Content-Length", str(len(LABEL)))))
            client.sock.sendall(client.protocol.send(h11.Data(LABEL[:10])) or b"")
        assert by_http_client(with_one_thread, Request("GET", "/casks/7")).json() == {"cask": 7}
        for client in stalled:
            client.send_body([LABEL[10:]])
            assert client.receive_answer().json() == digested(LABEL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "fields"),
    [("/lines/20000", ()), ("/files/large.bin", (BARE,))],
    ids=["a generator's lines", "a file by wsgi.file_wrapper"],
)
def test_a_client_that_does_not_read_holds_no_thread(
    with_one_thread: Address, target: str, fields: tuple[tuple[str, str], ...]
) -> None:
    """What the kernel does not take, the connection keeps: 300 kB in memory, a file on disk."""
    whole = by_http_client(with_one_thread, Request("GET", target, fields)).body
    with StrictClient(with_one_thread, receive_buffer_bytes=4096) as client:
        client.send_head("GET", target, fields)
        client.send_body([])
        client.receive_head()
        assert by_http_client(with_one_thread, Request("GET", "/casks/7")).json() == {"cask": 7}
        assert digest(client.receive_body()) == digest([whole])


def test_a_client_that_leaves_its_running_view_spoils_nothing(with_one_thread: Address) -> None:
    with Switchboard() as board:
        with asked(with_one_thread, hold(board)):
            call = board.answer()
        call.let_go()
    assert by_http_client(with_one_thread, Request("GET", "/casks/7")).json() == {"cask": 7}


@pytest.mark.parametrize("reset", [False, True], ids=["closing", "resetting"])
def test_clients_that_leave_at_any_moment_spoil_nothing(with_one_thread: Address, reset: bool) -> None:
    """Each says a little more than the one before; the last has sent two requests and reads no answer."""
    host = "Host: shop\r\n"
    upload = (
        f"PUT /digest HTTP/1.1\r\n{host}Content-Type: text/plain\r\nContent-Length: 11\r\n\r\nwater, malt"
    )
    asked_for = f"{upload}GET /files/large.bin HTTP/1.1\r\n{host}Without-Validator: 1\r\n\r\n".encode()
    for length in range(0, len(asked_for) + 1, 5):
        with socket.create_connection(with_one_thread, timeout=PATIENCE_S) as client:
            client.sendall(asked_for[:length])
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    answer = by_http_client(with_one_thread, Request("PUT", "/digest", (OCTETS,), LABEL))
    assert answer.json() == digested(LABEL)


@pytest.mark.slow
def test_clients_side_by_side_get_their_own_answers(address: Address) -> None:
    """Whatever one thread mixes up with another's shows as a wrong answer."""

    def visit(visitor: int) -> bool:
        with urllib3_pool(address) as pool:
            return all(answers_its_own(pool, f"{visitor}:{number}") for number in range(20))

    with ThreadPoolExecutor(6) as visitors:
        assert all(visitors.map(visit, range(6)))


def answers_its_own(pool: urllib3.HTTPConnectionPool, mark: str) -> bool:
    note = pool.request("GET", f"/notes/{quote(mark)}").json()
    body = mark.encode() * 1000
    posted = pool.request("POST", "/digest", body=body, headers=dict([OCTETS])).json()
    return bool(note == {"note": mark} and posted == digested(body))
