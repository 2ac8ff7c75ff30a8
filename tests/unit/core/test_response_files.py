"""`wsgi.file_wrapper` (PEP 3333): files that are sent as files, files that have to be read, and how each
ends.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import GET, Environ, StartResponse, request, wait_until
from tests.unit.core.stage import PLAIN, Log, Stage, cut_answer, stage

GET_1_0 = request("/", "Connection: keep-alive", version="1.0")
HEAD = request(method="HEAD")
# Up to 32 KiB leave with the head; more than a socket holds goes on after the application has returned.
SMALL, MIDDLE, LARGE = (random.Random(size).randbytes(size) for size in (3000, 70_000, 9_000_000))
SIZES = [b"", SMALL, MIDDLE, LARGE]
SIZE_NAMES = ["empty", "small", "middle", "large"]


@pytest.fixture(params=SIZES, ids=SIZE_NAMES)
def content(request: pytest.FixtureRequest) -> bytes:
    return bytes(request.param)


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    made = tmp_path / "file"
    made.write_bytes(content)
    return made


class Opened:
    """Plays an application that answers with a file, and remembers the file."""

    def __init__(
        self,
        on: Stage,
        opening: Callable[[], Any],
        status: str = "200 OK",
        fields: list[tuple[str, str]] = PLAIN,
    ) -> None:
        self.opening, self.status, self.fields = opening, status, fields
        self.files: list[Any] = []
        on.play(self)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        file = self.opening()
        self.files.append(file)
        start_response(self.status, list(self.fields))
        return environ["wsgi.file_wrapper"](file, 1000)  # type: ignore[no-any-return]

    def wait_closed(self) -> None:
        wait_until(lambda: self.files and all(file.closed for file in self.files), "the file is closed")


def at(path: Path, offset: int, **arguments: Any) -> Any:
    """The file, open for reading and standing at the offset."""
    file = open(path, "rb", **arguments)  # noqa: SIM115
    file.seek(offset)
    return file


def in_memory(path: Path) -> io.BytesIO:
    return io.BytesIO(path.read_bytes())


def zipped(path: Path) -> gzip.GzipFile:
    """It has a descriptor as well, of other octets than it would read."""
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    return gzip.open(packed)


def temporary(path: Path) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(path.read_bytes())
    file.seek(0)
    return file


@pytest.mark.parametrize("raw", [GET, GET_1_0], ids=["1.1", "1.0"])
@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_file_has_its_length(on: Stage, path: Path, content: bytes, raw: bytes, buffering: int) -> None:
    """A regular file is sent as a file: its length is known, for HTTP/1.0 too, and the connection goes on."""
    opened = Opened(on, lambda: at(path, 0, buffering=buffering))
    response = on.ask(raw)
    assert response.body == content
    assert response.framing == "length"
    opened.wait_closed()


@pytest.mark.parametrize("opening", [in_memory, zipped, temporary])
def test_what_is_no_plain_file_is_read(
    on: Stage, path: Path, content: bytes, opening: Callable[[Path], Any]
) -> None:
    opened = Opened(on, lambda: opening(path))
    response = on.ask()
    assert response.body == content
    opened.wait_closed()


def test_a_pipe_is_read_to_its_end(on: Stage) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as end:
        end.write(SMALL)
    opened = Opened(on, lambda: os.fdopen(reading, "rb"))
    assert on.ask().body == SMALL
    opened.wait_closed()


@pytest.mark.parametrize("offset", [1, 2999, 3000, 50_000, 10_000_000])
def test_it_is_sent_from_where_it_stands(on: Stage, path: Path, content: bytes, offset: int) -> None:
    """To its end, which may be behind us already."""
    Opened(on, lambda: at(path, offset))
    assert on.ask().body == content[offset:]


def test_a_file_that_was_read_from_before(on: Stage, tmp_path: Path) -> None:
    """A buffered reader has read ahead: what counts is what the application has taken."""
    path = tmp_path / "file"
    path.write_bytes(LARGE)

    def opening() -> Any:
        file = path.open("rb")
        assert file.read(10) == LARGE[:10]
        return file

    Opened(on, opening)
    assert on.ask().body == LARGE[10:]


@pytest.mark.parametrize("length", [0, 1, 2999, 60_000, 8_000_000])
def test_a_smaller_length_sends_the_beginning(on: Stage, path: Path, content: bytes, length: int) -> None:
    """As for a range (RFC 9110 section 14.4); more than that is not even looked at."""
    length = min(length, len(content))
    Opened(on, lambda: at(path, 0), "206 Partial Content", [("Content-Length", str(length))])
    assert on.ask().body == content[:length]


def test_a_larger_length_is_cut(on: Stage, path: Path, content: bytes, log: Log) -> None:
    Opened(on, lambda: at(path, 0), "200 OK", [("Content-Length", str(len(content) + 1))])
    partial = cut_answer(on).partial
    assert partial is not None
    assert partial.body == content
    log.wait_for("instead of the Content-Length of")


@pytest.mark.parametrize(
    ("raw", "status"), [(HEAD, "200 OK"), (GET, "204 No Content"), (GET, "304 Not Modified")]
)
def test_no_body_no_file(on: Stage, path: Path, raw: bytes, status: str) -> None:
    """And it is closed all the same."""
    opened = Opened(on, lambda: at(path, 0), status)
    assert on.ask(raw).body == b""
    opened.wait_closed()


def test_after_a_write(on: Stage, path: Path, content: bytes) -> None:
    """A body that has begun in chunks goes on in chunks; one with a length goes on as it is."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        length = len(content) + 6
        fields = [("Content-Length", str(length))] if environ["QUERY_STRING"] else PLAIN
        start_response("200 OK", list(fields))(b"before")
        return environ["wsgi.file_wrapper"](at(path, 0), 100_000)  # type: ignore[no-any-return]

    for target in ("/", "/?length"):
        on.play(application)
        assert on.ask(request(target)).body == b"before" + content


def test_inside_of_something_else_it_is_an_iterable(on: Stage, path: Path, content: bytes) -> None:
    """A middleware that wraps it gets blocks of the size that was asked for."""
    sizes = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", list(PLAIN))
        with at(path, 0) as file:
            for block in environ["wsgi.file_wrapper"](file, 4096):
                sizes.append(len(block))
                yield block

    on.play(application)
    assert on.ask().body == content
    assert set(sizes[:-1]) <= {4096}


def test_a_text_file_is_an_error(on: Stage, tmp_path: Path, log: Log) -> None:
    (tmp_path / "file").write_text("text")
    opened = Opened(on, lambda: (tmp_path / "file").open())
    assert on.ask().status == 500
    log.wait_for("exception in")
    opened.wait_closed()


def test_without_start_response(on: Stage, tmp_path: Path, log: Log) -> None:
    (tmp_path / "file").write_bytes(LARGE)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return environ["wsgi.file_wrapper"](at(tmp_path / "file", 0))  # type: ignore[no-any-return]

    on.play(application)
    assert on.ask().status == 500
    log.wait_for("exception in")


def test_pipelined_answers_stay_in_order(on: Stage, path: Path, content: bytes) -> None:
    """The next one is made when the file has left."""
    opened = Opened(on, lambda: at(path, 0))
    with on.client() as client:
        client.send(GET * 3)
        for _ in range(3):
            assert client.response().body == content
    opened.wait_closed()
    assert len(opened.files) == 3


def test_a_file_that_becomes_shorter_while_it_is_sent(tmp_path: Path, log: Log) -> None:
    """Its client gets a cut at once, and not a word in the middle of the body."""
    path = tmp_path / "file"
    path.write_bytes(LARGE)
    with stage() as on, on.client() as client:
        Opened(on, lambda: at(path, 0))
        client.send(GET)
        on.running.wait(lambda now: now.requests == 1)
        os.truncate(path, 10)
        received = b""
        try:
            while piece := client.socket.recv(1 << 20):
                received += piece
        except ConnectionResetError:
            pass
        head, _, body = received.partition(b"\r\n\r\n")
        assert b"Content-Length: 9000000" in head
        assert len(body) < len(LARGE)
        assert b"HTTP/1.1" not in body
        log.wait_for("cannot read the file of the answer to")


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    """Also of files whose client leaves in the middle."""
    path = tmp_path / "file"
    path.write_bytes(LARGE)
    before = len(os.listdir("/proc/self/fd"))
    with stage() as on:
        Opened(on, lambda: at(path, 0))
        for leaving in (False, True) * 5:
            with on.client() as client:
                client.send(GET)
                if leaving:
                    on.running.wait(lambda now: now.in_application == 0)
                    client.reset()
                else:
                    assert len(client.response().body) == len(LARGE)
        on.running.wait_idle()
        idle = len(os.listdir("/proc/self/fd"))
    assert idle == before + 3  # the listener, the poller and its bell
