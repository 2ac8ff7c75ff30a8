"""What clients do to a connection: leave, stall, close one side, send half of something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import count

import pytest

from tests.support.server import Server
from tests.support.wire import Client, CutError
from tests.wire.answers import CLOSED_ONCE, LARGE
from tests.wire.judge import check_refusal, facts_of
from tests.wire.rows import HOST, chunked, get, message, post

KEYS = count()
CLOSE_COUNTING = [
    *CLOSED_ONCE,
    *("/count/204", "/count/long", "/count/short", "/count/bad-header", "/count/no-start"),
    *("/file/memory", "/file/memory/length"),
]


def ask(server: Server, path: str) -> bytes:
    """The body of the answer to a GET on a connection of its own."""
    with Client(server.address) as client:
        client.send(get(b"Connection: close", target=path.encode()))
        return client.response().body


@pytest.fixture
def key() -> str:
    """A name that no other test uses."""
    return f"k{next(KEYS)}"


@pytest.fixture
def many(server: Server) -> Iterator[ExitStack]:
    """Connections that are closed when the test ends."""
    with ExitStack() as stack:
        yield stack


def open_client(server: Server, stack: ExitStack) -> Client:
    """A connection that the stack closes."""
    return stack.enter_context(Client(server.address))


# close() exactly once


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", CLOSE_COUNTING)
def test_close_is_called_once(server: Server, client: Client, path: str, method: str, key: str) -> None:
    """Whatever became of the answer (PEP 3333; puma CVE-2022-23634)."""
    client.send(message(f"{method} {path}?{key} HTTP/1.1".encode(), HOST, b"Connection: close"))
    with suppress(CutError):
        client.response(head=method == "HEAD")
    assert ask(server, f"/closes?{key}") == b"1"
    client.close()
    assert ask(server, f"/closes?{key}") == b"1"


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("path", ["/endless", "/count/large"])
def test_close_is_called_once_when_the_client_leaves_in_the_middle(
    server: Server, client: Client, path: str, leave: str, key: str
) -> None:
    """An application that streams must learn that nobody listens."""
    client.send(get(target=f"{path}?{key}".encode()))
    client.wait_for(b"\r\n\r\n")
    getattr(client, leave)()
    assert ask(server, f"/closes?{key}") == b"1"
    assert ask(server, "/one") == b"one"
    assert ask(server, f"/closes?{key}") == b"1"


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_close_is_called_once_when_the_client_leaves_before_the_answer(
    server: Server, client: Client, leave: str, key: str
) -> None:
    """The application was busy; its answer goes nowhere."""
    client.send(get(target=f"/waits?{key}".encode()))
    assert ask(server, f"/entered?{key}") == b"1"
    getattr(client, leave)()
    assert ask(server, f"/release?{key}") == b"released"
    assert ask(server, f"/closes?{key}") == b"1"


# Half-close: a client that has said all it had to say


@pytest.mark.parametrize(
    "raw",
    [
        get(),
        get(b"Connection: close"),
        message(b"GET / HTTP/1.0"),
        post(b"Content-Length: 5", body=b"hello"),
        chunked(b"5\r\nhello\r\n0\r\n\r\n"),
    ],
    ids=["get", "close", "1.0", "length", "chunked"],
)
def test_a_half_closed_client_gets_its_answer(client: Client, raw: bytes) -> None:
    """And then the end, cleanly."""
    client.send(raw)
    client.half_close()
    assert client.response().status == 200
    client.expect_end()


def test_hundreds_of_half_closed_clients_get_their_answers(server: Server) -> None:
    """The request and the end of the bytes may become ready in one event or in two."""
    for number in range(300):
        with Client(server.address) as client:
            client.send(get(target=b"/one"))
            client.half_close()
            assert client.response().body == b"one", number
            client.expect_end()


def test_a_half_closed_client_gets_an_answer_that_takes_time(
    server: Server, client: Client, key: str
) -> None:
    """The end of its bytes is not the end of its interest."""
    client.send(get(target=f"/waits?{key}".encode()))
    client.half_close()
    assert ask(server, f"/entered?{key}") == b"1"
    assert ask(server, f"/release?{key}") == b"released"
    assert client.response().body == b"waited"
    client.expect_end()


def test_a_half_closed_client_gets_a_large_answer_whole(client: Client) -> None:
    """More than any socket buffer takes at once."""
    client.send(get(target=b"/large"))
    client.half_close()
    assert client.response().body == LARGE
    client.expect_end()


def test_a_half_closed_client_gets_every_pipelined_answer(client: Client) -> None:
    """In order, and the end behind the last."""
    client.send(b"".join(get(target=b"/?%d" % number) for number in range(5)))
    client.half_close()
    queries = [facts_of(client.response())["environ"]["QUERY_STRING"] for _ in range(5)]
    assert queries == ["0", "1", "2", "3", "4"]
    client.expect_end()


# Half a message


TRUNCATED = {
    "head": get(b"X-A: b"),
    "length": post(b"Content-Length: 5", body=b"hello"),
    "chunked": chunked(b"5;a=b\r\nhello\r\n0\r\nX-T: a\r\n\r\n"),
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_a_message_cut_anywhere_never_reaches_the_application(server: Server, name: str) -> None:
    """gunicorn before 26.1 took a body cut after `0 CRLF` for whole. Refused or left, never answered 200."""
    raw = TRUNCATED[name]
    for size in range(len(raw)):
        with Client(server.address) as client:
            client.send(raw[:size])
            client.half_close()
            rest = client.remainder()
            assert rest == b"" or rest.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 ")), (size, rest)


@pytest.mark.parametrize("name", TRUNCATED)
def test_a_message_cut_by_a_reset_does_no_harm(server: Server, name: str) -> None:
    """At every byte."""
    raw = TRUNCATED[name]
    for size in range(len(raw)):
        client = Client(server.address)
        client.send(raw[:size])
        client.reset()
    assert ask(server, "/one") == b"one"


def test_a_client_that_says_nothing_is_left_in_peace(client: Client) -> None:
    """Connect and close: no answer, no fuss."""
    client.half_close()
    client.expect_end()


def test_half_a_request_behind_a_whole_one_does_not_hold_up_its_answer(client: Client) -> None:
    """The first is answered when it is complete; the second when it is."""
    second = get(target=b"/second")
    client.send(get(target=b"/first") + second[:20])
    assert facts_of(client.response())["environ"]["PATH_INFO"] == "/first"
    client.send(second[20:])
    assert facts_of(client.response())["environ"]["PATH_INFO"] == "/second"


# Order and turns


def test_pipelined_requests_are_served_one_at_a_time(client: Client) -> None:
    """Rules: "the next is started when the one before is complete"."""
    client.send(get(target=b"/serial") * 50)
    assert [client.response().body for _ in range(50)] == [b"1"] * 50


def test_a_slow_request_holds_up_only_those_behind_it(server: Server, client: Client, key: str) -> None:
    """On its own connection; others are served meanwhile."""
    client.send(get(target=f"/waits?{key}".encode()) + get(target=b"/one"))
    assert ask(server, f"/entered?{key}") == b"1"
    assert ask(server, "/one") == b"one"
    assert ask(server, f"/release?{key}") == b"released"
    assert [client.response().body for _ in range(2)] == [b"waited", b"one"]


def test_a_thousand_requests_fit_on_one_connection(client: Client) -> None:
    """In bursts of a hundred."""
    for _ in range(10):
        client.send(get(target=b"/one") * 100)
        assert [client.response().body for _ in range(100)] == [b"one"] * 100


def test_methods_and_bodies_follow_each_other_on_one_connection(client: Client) -> None:
    """Nothing of one exchange is left for the next."""
    for number in range(30):
        body = b"x" * number
        client.send(post(b"Content-Length: %d" % number, body=body))
        assert facts_of(client.response())["body"] == body.decode()
        client.send(message(b"HEAD / HTTP/1.1", HOST))
        assert client.response(head=True).body == b""
        client.send(chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (number + 1, body + b"y")))
        assert facts_of(client.response())["body"] == body.decode() + "y"


# Bodies that nobody reads


@pytest.mark.parametrize("size", [1, 1000, 65_536])
def test_a_small_body_that_nobody_reads_is_dropped(client: Client, size: int) -> None:
    """Rules: "read and dropped up to 64 KiB"; the connection is kept and the next request answered."""
    unread = message(b"POST /unread HTTP/1.1", HOST, b"Content-Length: %d" % size, body=b"G" * size)
    client.send(unread + get(target=b"/one"))
    assert client.response().body == b"unread"
    assert client.response().body == b"one"


@pytest.mark.parametrize("pipelined", [True, False])
@pytest.mark.parametrize("size", [65_537, 200_000, 2_000_000])
def test_a_large_body_that_nobody_reads_is_dropped_or_closes(
    client: Client, size: int, pipelined: bool
) -> None:
    """One or the other, but never taken for a request, and never the end of all answers."""
    following = get(target=b"/one")
    unread = message(b"POST /unread HTTP/1.1", HOST, b"Content-Length: %d" % size, body=b"G" * size)
    client.send(unread + following if pipelined else unread)
    response = client.response()
    assert response.body == b"unread"
    if "close" in response.connection:
        client.expect_end()
        return
    if not pipelined:
        client.send(following)
    assert client.response().body == b"one"


@pytest.mark.parametrize("size", [1_000, 65_000, 100_000, 500_000])
@pytest.mark.parametrize("path", [b"/digest", b"/unread"])
def test_the_request_behind_a_body_is_answered_every_time(server: Server, path: bytes, size: int) -> None:
    """Wherever the last receive of the body ends, in it or behind it, on a hundred connections in a row."""
    body = message(b"POST " + path + b" HTTP/1.1", HOST, b"Content-Length: %d" % size, body=b"G" * size)
    for number in range(100):
        with Client(server.address) as client:
            client.send(body + get(target=b"/one"))
            assert client.response().status == 200
            assert client.response().body == b"one", number


def test_a_chunked_body_that_nobody_reads_is_still_checked(client: Client) -> None:
    """A framing fault in it ends the connection; nothing behind it is answered."""
    client.send(
        message(b"POST /unread HTTP/1.1", HOST, b"Transfer-Encoding: chunked", body=b"zz\r\n") + get()
    )
    check_refusal(client.response())
    client.expect_end()


# Clients that stall


def test_half_sent_heads_hold_up_nobody(server: Server, many: ExitStack) -> None:
    """gunicorn and cheroot: 500 of them stopped all service."""
    for _ in range(200):
        open_client(server, many).send(get()[:-3])
    assert ask(server, "/one") == b"one"


@pytest.mark.parametrize("raw", [post(b"Content-Length: 100000", body=b"b"), chunked(b"ff\r\nb")])
def test_half_sent_bodies_hold_up_nobody(server: Server, many: ExitStack, raw: bytes) -> None:
    """gunicorn, cheroot, granian: 40 of them used up the threads."""
    for _ in range(40):
        open_client(server, many).send(raw)
    assert ask(server, "/one") == b"one"


def test_clients_that_do_not_read_hold_up_nobody(server: Server, many: ExitStack) -> None:
    """As many as there are threads, twice over; their answers wait in the connection."""
    clients = [open_client(server, many) for _ in range(16)]
    for client in clients:
        client.send(get(target=b"/stalls"))
    assert ask(server, "/one") == b"one"
    assert [len(client.response().body) for client in clients] == [900_000] * 16


def test_idle_connections_hold_up_nobody(server: Server, many: ExitStack) -> None:
    """puma CVE-2019-16770: connections that are kept do not starve new ones."""
    clients = [open_client(server, many) for _ in range(100)]
    for client in clients:
        client.send(get(target=b"/one"))
        assert client.response().body == b"one"
    assert ask(server, "/one") == b"one"
    for client in clients:
        client.send(get(target=b"/one"))
        assert client.response().body == b"one"
