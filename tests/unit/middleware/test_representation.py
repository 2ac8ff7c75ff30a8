"""The answer to a request for one file, by RFC 9110: from memory and from disk alike."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from potstill.middleware.http_date import http_date
from potstill.middleware.ranges import Part
from potstill.middleware.representation import BLOCK_BYTES, Pieces, Representation, represent, to_the_end
from tests.unit.middleware.hosts import Answered, Recorder, call, environ_of

BODY = bytes(range(256)) * 1000
KINDS = ("memory", "disk", "wrapper")
Ask = Callable[..., Answered]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(BODY)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.fixture
def opened() -> list[BinaryIO]:
    return []


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shown(path: Path, kind: str) -> Representation:
    content = BODY if kind == "memory" else None
    more = [("Cache-Control", "max-age=60"), ("Vary", "Accept-Encoding")]
    return represent(path.stat(), content, "application/octet-stream", more)


@pytest.fixture
def ask(path: Path, shown: Representation, kind: str, opened: list[BinaryIO]) -> Ask:
    """Ask for the file between validators; every file that was opened must be closed afterwards."""

    def opener() -> BinaryIO:
        opened.append(path.open("rb"))
        return opened[-1]

    def asked(method: str = "GET", **fields: str) -> Answered:
        environ = environ_of(REQUEST_METHOD=method, **{f"HTTP_{key}": value for key, value in fields.items()})
        if kind == "wrapper":
            environ["wsgi.file_wrapper"] = Wrapper
        answer = call(lambda environ, start: shown.answer(environ, start, opener), Recorder(), environ)
        assert all(file.closed for file in opened)
        if method == "HEAD":
            assert answer.body == b""
        elif answer.all("Content-Length"):
            assert answer.all("Content-Length") == [str(len(answer.body))]
        return answer

    return asked


class Wrapper:
    """A server's file wrapper: it reads from where the file stands to its end."""

    def __init__(self, file: BinaryIO, block: int = 8192) -> None:
        self._file, self._block = file, block
        self.close = file.close

    def __iter__(self) -> Wrapper:
        return self

    def __next__(self) -> bytes:
        block = self._file.read(self._block)
        if not block:
            raise StopIteration
        return block


def test_the_whole(ask: Ask, shown: Representation) -> None:
    """Everything a cache or a client wants to know, and every octet."""
    answer = ask()
    assert answer.code == 200
    assert answer.body == BODY
    assert dict(answer.fields) == {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(BODY)),
        "ETag": shown.etag,
        "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=60",
        "Vary": "Accept-Encoding",
    }
    assert re.fullmatch(r'"[0-9a-f-]+"', shown.etag)


def test_head_has_the_fields_of_get_and_opens_nothing(ask: Ask, opened: list[BinaryIO]) -> None:
    """RFC 9110 section 9.3.2; Range means nothing there (section 14.2)."""
    assert ask("HEAD").fields == ask("GET").fields
    opened.clear()
    assert ask("HEAD", RANGE="bytes=0-0").code == 200
    assert opened == []


def test_not_modified(ask: Ask, shown: Representation, opened: list[BinaryIO]) -> None:
    """Section 15.4.5: the fields that a 200 would have for caches, and none about the body."""
    for method in ("GET", "HEAD"):
        answer = ask(method, IF_NONE_MATCH=shown.etag, RANGE="bytes=0-0")
        assert answer.code == 304
        assert answer.body == b""
        assert {name for name, _ in answer.fields} == {"ETag", "Cache-Control", "Vary"}
    assert ask(IF_MODIFIED_SINCE=http_date(1_700_000_000)).code == 304
    assert opened == []


def test_precondition_failed(ask: Ask, shown: Representation) -> None:
    """Section 15.5.13; HEAD says the same without a body."""
    answer = ask(IF_MATCH='"other"', IF_NONE_MATCH=shown.etag)
    assert (answer.code, answer.all("ETag")) == (412, [shown.etag])
    assert ask("HEAD", IF_MATCH='"other"').fields == answer.fields
    assert ask(IF_MATCH=shown.etag).code == 200


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("0-0", 0, 1),
        ("100-199", 100, 200),
        ("255000-", 255000, 256000),
        ("-1", 255999, 256000),
        ("0-", 0, 256000),
    ],
)
def test_one_range(ask: Ask, wanted: str, start: int, stop: int) -> None:
    """Section 15.3.7: 206, its place in Content-Range, and the fields of a 200."""
    answer = ask(RANGE=f"bytes={wanted}")
    assert answer.code == 206
    assert answer.body == BODY[start:stop]
    assert answer.all("Content-Range") == [f"bytes {start}-{stop - 1}/{len(BODY)}"]
    assert answer.all("Content-Type") == ["application/octet-stream"]
    assert answer.all("ETag")
    assert answer.all("Cache-Control")


def test_several_ranges(ask: Ask, shown: Representation) -> None:
    """Section 14.6: parts with fields of their own between boundaries, in the order asked for."""
    answer = ask(RANGE="bytes=5000-5009,0-0,-70000")
    assert answer.code == 206
    assert answer.all("Content-Range") == []
    found = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]{32})", answer.all("Content-Type")[0])
    assert found
    boundary = found[1].encode()
    expected = b""
    for start, stop in ((5000, 5010), (0, 1), (186000, 256000)):
        expected += b"\r\n--" + boundary + b"\r\nContent-Type: application/octet-stream\r\n"
        expected += b"Content-Range: bytes %d-%d/256000\r\n\r\n" % (start, stop - 1) + BODY[start:stop]
    assert answer.body == expected.removeprefix(b"\r\n") + b"\r\n--" + boundary + b"--\r\n"


def test_no_range_can_be_satisfied(ask: Ask) -> None:
    """Section 15.5.17: the size tells what could be asked for."""
    answer = ask(RANGE="bytes=256000-")
    assert (answer.code, answer.body) == (416, b"")
    assert answer.all("Content-Range") == ["bytes */256000"]


def test_a_range_that_is_ignored_gives_the_whole(ask: Ask) -> None:
    """Unknown units, nonsense, and an If-Range that does not hold."""
    for fields in (
        {"RANGE": "lines=1-2"},
        {"RANGE": "bytes=2-1"},
        {"RANGE": "bytes=0-1", "IF_RANGE": '"old"'},
    ):
        assert ask(**fields).body == BODY


def test_a_range_applies_if_the_validator_holds(ask: Ask, shown: Representation) -> None:
    """Section 13.1.5: by tag, or by a date that is old enough to be strong."""
    assert ask(RANGE="bytes=0-1", IF_RANGE=shown.etag).code == 206
    assert ask(RANGE="bytes=0-1", IF_RANGE=http_date(1_700_000_000)).code == 206
    assert ask(RANGE="bytes=0-1", IF_RANGE=http_date(1_700_000_001)).code == 200


def test_other_methods_get_the_whole_whatever_they_say(path: Path, shown: Representation) -> None:
    """What an application sends in answer to a POST is no business of conditions."""
    environ = environ_of(REQUEST_METHOD="POST", HTTP_IF_NONE_MATCH="*", HTTP_RANGE="bytes=0-0")
    answer = call(
        lambda environ, start: shown.whole(environ, start, lambda: path.open("rb")), Recorder(), environ
    )
    assert (answer.code, answer.body) == (200, BODY)


def test_a_date_in_the_future_is_never_said(path: Path) -> None:
    """Section 8.8.2.1: not later than the response itself."""
    later = time.time() + 1e6
    os.utime(path, (later, later))
    assert represent(path.stat(), BODY, "text/plain", []).modified_s <= time.time()


def test_a_file_that_has_become_shorter_ends_early() -> None:
    """The server sees that octets are missing; nothing is made up."""
    pieces = Pieces(io.BytesIO(b"0123456789"), [(b"head", Part(2, 100))])
    assert b"".join(pieces) == b"head23456789"


def test_a_file_is_read_in_blocks() -> None:
    """However large it is."""
    file = io.BytesIO(bytes(3 * BLOCK_BYTES + 1))
    blocks = list(to_the_end({}, file, 3 * BLOCK_BYTES + 1))
    assert [len(block) for block in blocks] == [BLOCK_BYTES] * 3 + [1]


def test_closing_early_closes_the_file() -> None:
    """PEP 3333: also when the client has gone in the middle."""
    file = io.BytesIO(bytes(3 * BLOCK_BYTES))
    pieces = Pieces(file, [(b"", Part(0, 3 * BLOCK_BYTES))])
    next(iter(pieces))
    pieces.close()
    assert file.closed
