"""A client's socket in the application's hands: by itself, and through an engine."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterable, Iterator

import pytest

from potstill.core.handover import HandedSocket
from tests.support.engine import GET, WAIT_S, Environ, StartResponse, engine_on, hello, request
from tests.unit.core.stage import PLAIN, Log

LARGE = random.Random(3).randbytes(3_000_000)
UPGRADE = request("/chat", "Connection: Upgrade", "Upgrade: chat")
HEAD_101 = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"


class Source:
    """Gives a socket away, once, with bytes that were read before."""

    def __init__(self, given: socket.socket, ahead: bytes = b"") -> None:
        self.given = given
        self.ahead = ahead
        self.asked = 0

    def take_socket(self) -> tuple[socket.socket, bytes]:
        self.asked += 1
        assert self.asked == 1, "the connection was taken twice"
        return self.given, self.ahead


class Pair:
    """A handed socket and its client's end, with small buffers."""

    def __init__(self, ahead: bytes) -> None:
        given, self.client = socket.socketpair()
        for end in (given, self.client):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            end.settimeout(WAIT_S)
        self.source = Source(given, ahead)
        self.handed = HandedSocket(self.source)

    def close(self) -> None:
        self.handed.close()
        self.source.given.close()
        self.client.close()


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(getattr(request, "param", b""))
    yield made
    made.close()


ahead = pytest.mark.parametrize("pair", [b"abcdef"], indirect=True)


# By itself


def test_nothing_happens_before_it_is_used(pair: Pair) -> None:
    """It stands in every environ: most applications never look."""
    pair.handed.close()
    assert pair.source.asked == 0
    assert pair.source.given.fileno() >= 0


@pytest.mark.parametrize(
    "use",
    [
        lambda handed: handed.fileno(),
        lambda handed: handed.settimeout(3),
        lambda handed: handed.gettimeout(),
        lambda handed: handed.setblocking(True),
        lambda handed: handed.send(b"x"),
        lambda handed: handed.sendall(b"x"),
        lambda handed: handed.getpeername(),
        lambda handed: handed.getsockname(),
        lambda handed: handed.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
        lambda handed: handed.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192),
        lambda handed: handed.shutdown(socket.SHUT_WR),
    ],
)
def test_any_use_takes_it_once(pair: Pair, use: object) -> None:
    use(pair.handed)  # type: ignore[operator]
    use(pair.handed)  # type: ignore[operator]
    assert pair.source.asked == 1


@ahead
def test_what_was_read_already_comes_first(pair: Pair) -> None:
    """In pieces as they are asked for; then what the client sends, and its end."""
    pair.client.sendall(b"ghi")
    assert pair.handed.recv(4) == b"abcd"
    assert pair.handed.recv(100) == b"ef"
    assert pair.handed.recv(100) == b"ghi"
    pair.client.close()
    assert pair.handed.recv(100) == b""


@ahead
def test_peeking_takes_nothing(pair: Pair) -> None:
    """MSG_PEEK, in what was read already and behind it."""
    pair.client.sendall(b"ghi")
    for expected in (b"abcdef", b"ghi"):
        assert pair.handed.recv(100, socket.MSG_PEEK) == expected
        assert pair.handed.recv(2, socket.MSG_PEEK) == expected[:2]
        assert pair.handed.recv(100) == expected


@ahead
def test_receiving_into_a_buffer(pair: Pair) -> None:
    """As much as there is room for, or as was asked for; the rest of the buffer is left alone."""
    pair.client.sendall(b"ghi")
    buffer = bytearray(b"........")
    assert pair.handed.recv_into(memoryview(buffer)[1:3]) == 2
    assert pair.handed.recv_into(memoryview(buffer)[3:], 1) == 1
    assert buffer == b".abc...."
    assert pair.handed.recv_into(buffer) == 3
    assert buffer == b"defc...."
    assert pair.handed.recv_into(buffer, 0, socket.MSG_PEEK) == 3
    assert pair.handed.recv_into(buffer) == 3
    assert buffer == b"ghic...."


@ahead
def test_receiving_more_than_there_is_room_for_is_an_error(pair: Pair) -> None:
    """As with a plain socket, and nothing is lost; less than nothing cannot be asked for either."""
    for size in (5, -1):
        with pytest.raises(ValueError):
            pair.handed.recv_into(bytearray(2), size)
    with pytest.raises(ValueError):
        pair.handed.recv(-1)
    assert pair.handed.recv(10) == b"abcdef"


@pytest.mark.parametrize("name", ["send", "sendall"])
def test_all_of_it_is_sent(pair: Pair, name: str) -> None:
    """A plain send would be content with what the buffers hold."""
    results: list[object] = []
    sender = threading.Thread(target=lambda: results.append(getattr(pair.handed, name)(memoryview(LARGE))))
    sender.start()
    received = bytearray()
    while len(received) < len(LARGE):
        received += pair.client.recv(1 << 16)
    sender.join(WAIT_S)
    assert received == LARGE
    assert results == [len(LARGE) if name == "send" else None]


def test_its_options_are_the_sockets(pair: Pair) -> None:
    pair.handed.settimeout(0.01)
    assert pair.handed.gettimeout() == 0.01
    with pytest.raises(TimeoutError):
        pair.handed.recv(1)
    pair.handed.setblocking(False)
    with pytest.raises(BlockingIOError):
        pair.handed.recv(1)
    pair.handed.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)
    assert pair.handed.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 20_000  # socket(7): doubled
    assert isinstance(pair.handed.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8), bytes)
    pair.handed.shutdown(socket.SHUT_WR)
    assert pair.client.recv(1) == b""


def test_closing_twice_is_closing_once(pair: Pair) -> None:
    """And afterwards it is closed: an error, not another's descriptor."""
    pair.handed.send(b"x")
    pair.handed.close()
    pair.handed.close()
    assert pair.handed.fileno() == -1
    with pytest.raises(OSError):
        pair.handed.recv(1)


# Through an engine


def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """/chat becomes an echo in capitals until the client's end; else hello."""
    if environ["PATH_INFO"] != "/chat":
        return hello(environ, start_response)
    taken = environ["gunicorn.socket"]
    taken.sendall(HEAD_101)
    while said := taken.recv(1000):
        taken.send(said.upper())
    taken.close()
    raise StopIteration


@pytest.mark.parametrize("behind", [b"", b"early", b"x" * 50_000], ids=["nothing", "little", "much"])
def test_what_the_client_sent_too_early_is_not_lost(behind: bytes) -> None:
    """It came in one piece with the request, and was read with it."""
    with engine_on(echo, threads=1) as running, running.client() as client:
        client.send(UPGRADE + behind)
        assert client.response().status == 101
        client.send(b" and late")
        client.half_close()
        assert client.remainder() == behind.upper() + b" AND LATE"
        running.wait_idle()
        assert running.now.failures == 0


def test_many_talk_while_others_are_answered() -> None:
    """With one seat: each conversation has a thread of its own, and takes none of the seats."""
    with engine_on(echo, threads=1) as running:
        clients = [running.client() for _ in range(20)]
        for client in clients:
            client.send(UPGRADE)
            assert client.response().status == 101
        assert running.now.handed_over == 20
        for client in clients:
            client.send(b"hello")
            assert client.socket.recv(100) == b"HELLO"
            assert running.ask() == b"hello\n"
        for client in clients:
            client.close()
        running.wait(lambda now: now.handed_over == now.connections == now.in_application == 0)
        assert running.now.failures == 0


@pytest.mark.parametrize("ending", ["raises", "returns", "in the iterable"])
def test_stop_iteration_means_handled(ending: str, log: Log) -> None:
    """Nothing more is sent, and nothing is logged; so is whatever else the application returns."""

    def pieces() -> Iterator[bytes]:
        yield b"not for this client"

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        taken = environ["gunicorn.socket"]
        taken.sendall(HEAD_101 + b"all")
        taken.close()
        if ending == "raises":
            raise StopIteration
        return [] if ending == "returns" else pieces()

    with engine_on(application, threads=1) as running, running.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        assert client.remainder() == b"all"
        running.wait_idle()
        assert running.now.failures == 0
        assert log.texts() == []


def test_stop_iteration_without_a_hand_over_is_an_exception(log: Log) -> None:
    """As any other that comes out of an application."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise StopIteration

    with engine_on(application, threads=1) as running, running.client() as client:
        client.send(GET)
        assert client.response().status == 500
        log.wait_for("exception in GET /")


def test_what_fails_after_the_hand_over_is_logged_and_no_more(log: Log) -> None:
    """No 500 in the middle of somebody else's protocol; the connection is closed."""
    kept: list[HandedSocket] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kept.append(environ["gunicorn.socket"])
        kept[0].sendall(HEAD_101)
        raise ValueError("mine")

    with engine_on(application, threads=1) as running, running.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        log.wait_for("exception in GET /chat")
        client.expect_end()
        running.wait_idle()
        kept[0].close()


def test_the_connection_ends_with_its_request() -> None:
    """Whatever the application keeps: both ends see it, and no client waits for nobody."""
    kept: list[HandedSocket] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kept.append(environ["gunicorn.socket"])
        kept[0].sendall(HEAD_101)
        return []

    with engine_on(application, threads=1) as running, running.client() as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        client.expect_end()
        running.wait_idle()
        for use in (lambda: kept[0].recv(100), lambda: kept[0].sendall(b"too late")):
            with pytest.raises(OSError):  # the server has closed it
                use()
        kept[0].close()


def test_it_cannot_be_taken_behind_the_head(log: Log) -> None:
    """Its answer has begun: RuntimeError, and the answer goes on."""
    errors: list[Exception] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        yield b"one "
        try:
            environ["gunicorn.socket"].send(b"x")
        except RuntimeError as error:
            errors.append(error)
        yield b"two"

    with engine_on(application, threads=1) as running:
        assert running.ask() == b"one two"
    assert "its answer has begun" in str(errors[0])


def test_beyond_the_limit_it_works_on_the_seat() -> None:
    """--handover-limit bounds the threads, not what is possible."""
    with engine_on(echo, threads=2, handover_limit=1) as running:
        with running.client() as one, running.client() as two:
            for client in (one, two):
                client.send(UPGRADE)
                assert client.response().status == 101
            assert (running.now.handed_over, running.now.running) == (1, 1)
            assert running.ask() == b"hello\n"
            for client in (one, two):
                client.send(b"x")
                assert client.socket.recv(1) == b"X"


def test_a_thread_of_the_application_says_goodbye_after_the_view() -> None:
    """As libraries do that read in a thread of their own; the client has half-closed or not."""
    view_is_gone = threading.Event()
    threads: list[threading.Thread] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        taken = environ["gunicorn.socket"]
        taken.send(HEAD_101)
        heard = threading.Event()

        def read() -> None:
            assert taken.recv(100) == b"bye"
            heard.set()
            assert view_is_gone.wait(WAIT_S)
            taken.send(b"goodbye")
            taken.close()

        threads.append(threading.Thread(target=read, daemon=True))
        threads[-1].start()
        assert heard.wait(WAIT_S)
        raise StopIteration

    with engine_on(application) as running:
        for _ in range(5):
            view_is_gone.clear()
            with running.client() as client:
                client.send(UPGRADE)
                client.take(len(HEAD_101))
                client.send(b"bye")
                running.wait(lambda now: now.in_application == now.handed_over == 0)
                view_is_gone.set()
                assert client.take(7) == b"goodbye"
                client.expect_end()
            running.wait_idle()
    for thread in threads:
        thread.join(WAIT_S)
