"""wsgi.input (PEP 3333), in memory and in a file."""

from __future__ import annotations

import io
import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from potstill.core.body import Body

TEXT = b"first\nsecond\n\nfourth, without an end"
KIB = 1024

Make = Callable[..., Body]


@pytest.fixture(params=["memory", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a body of some bytes, in memory or in a file: the application must not see a difference."""
    in_file = request.param == "file"

    def made(data: bytes = TEXT) -> Body:
        body = Body.from_bytes(data, memory_max=0 if in_file else KIB * KIB, spool_dir=str(tmp_path))
        assert body.spooled is (in_file and bool(data))
        return body

    return made


def test_read_takes_all_there_is(make: Make) -> None:
    """And stays at the end."""
    body = make()
    assert body.read() == TEXT
    assert body.read() == b""
    assert body.read(5) == b""
    assert body.readline() == b""
    assert body.readlines() == []
    assert list(body) == []


def test_an_empty_body_is_at_its_end(make: Make) -> None:
    """Most requests have one."""
    body = make(b"")
    assert (body.read(), body.read(1), body.readline(), body.readlines(), list(body)) == (
        b"",
        b"",
        b"",
        [],
        [],
    )


@pytest.mark.parametrize("method", ["read", "readline", "readlines", "read1"])
@pytest.mark.parametrize(
    "arguments", [(), (-1,), (None,), (-7,), (0,), (1,), (5,), (6,), (7,), (1000,), (1 << 40,)]
)
def test_arguments_mean_what_they_mean_to_bytesio(
    make: Make, method: str, arguments: tuple[Any, ...]
) -> None:
    """PEP 3333 refers to Python's own files."""
    ours, model = make(), io.BytesIO(TEXT)
    while True:
        expected = getattr(model, method)(*arguments)
        assert getattr(ours, method)(*arguments) == expected
        if not expected or arguments == (0,):
            break
    assert ours.tell() == model.tell()


@pytest.mark.parametrize("method", ["read", "readline", "readlines"])
@pytest.mark.parametrize("argument", ["1", 1.0, b"", []])
def test_what_is_no_number_is_a_type_error(make: Make, method: str, argument: object) -> None:
    """The application's mistake, said at once."""
    with pytest.raises(TypeError):
        getattr(make(), method)(argument)


def test_more_than_any_body_can_have_means_all(make: Make) -> None:
    """A number beyond the machine's is a number all the same."""
    assert make().read(1 << 80) == TEXT
    assert make().read(-(1 << 80)) == TEXT


def test_iteration_yields_lines(make: Make) -> None:
    """As every file does; the rest can still be read in between."""
    assert list(make()) == TEXT.splitlines(keepends=True)
    body = make()
    assert next(body) == b"first\n"
    assert body.read(3) == b"sec"
    assert next(iter(body)) == b"ond\n"


def test_readinto_fills_a_buffer(make: Make) -> None:
    """io.BufferedReader, and frameworks that read uploads in place, use it."""
    body, buffer = make(), bytearray(10)
    assert body.readinto(buffer) == 10
    assert bytes(buffer) == TEXT[:10]
    assert body.readinto(memoryview(buffer)[3:5]) == 2
    assert bytes(buffer) == TEXT[:3] + TEXT[10:12] + TEXT[5:10]
    assert body.readinto(bytearray(100)) == len(TEXT) - 12
    assert body.readinto(buffer) == 0
    assert body.readinto(bytearray()) == 0
    with pytest.raises((TypeError, BufferError)):
        body.readinto(b"read-only")  # a buffer, but not one to write to


def test_seek_and_tell_are_those_of_bytesio(make: Make) -> None:
    """Some frameworks read a body twice."""
    ours, model = make(), io.BytesIO(TEXT)
    for offset, whence in [(3, 0), (0, 1), (-2, 1), (4, 1), (-5, 2), (0, 2), (100, 0), (7, 2), (0, 0)]:
        assert ours.seek(offset, whence) == model.seek(offset, whence) == ours.tell()
        assert ours.read(4) == model.read(4)
    with pytest.raises((ValueError, OSError)):
        ours.seek(-1)
    with pytest.raises(ValueError):
        ours.seek(0, 9)


def test_beyond_the_end_there_is_nothing(make: Make) -> None:
    """Nor does anything happen there."""
    body = make()
    body.seek(1000)
    assert (body.read(), body.readline(), body.readlines(), body.readinto(bytearray(3))) == (b"", b"", [], 0)
    assert body.tell() == 1000


def test_it_passes_for_a_binary_file(make: Make) -> None:
    """What io asks a raw file before it wraps it."""
    body = make()
    assert (body.readable(), body.seekable(), body.writable(), body.closed) == (True, True, False, False)
    assert io.BufferedReader(cast(io.RawIOBase, body)).read() == TEXT
    text = io.TextIOWrapper(cast(io.BufferedReader, make()), encoding="ascii")
    assert text.readlines() == TEXT.decode().splitlines(keepends=True)


def test_closing_it_does_nothing(make: Make) -> None:
    """PEP 3333 gives the application no right to, but some do."""
    body = make()
    body.flush()
    body.close()
    assert body.closed is False
    assert body.read() == TEXT


def test_a_whole_body_is_not_copied() -> None:
    """The object that was received into is the one that read() gives."""
    body = Body.from_pieces([b"a" * 100, b"b" * 100], announced=200)
    first = body.read()
    body.seek(0)
    assert body.read() is first
    body.seek(0)
    assert body.read(200) is first
    body.seek(0)
    assert body.readline() is first


def test_parts_are_of_their_own() -> None:
    """And stay what they are when the body is gone."""
    body = Body.from_bytes(TEXT)
    part = body.read(6)
    del body
    assert part == b"first\n"


def pieces_of(data: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    """Cuts data up."""
    at = 0
    while at < len(data):
        size = next(sizes)
        yield data[at : at + size]
        at += size


DATA = random.Random(7).randbytes(300 * KIB)


@pytest.mark.parametrize("announced", [None, -1, len(DATA)])
@pytest.mark.parametrize(
    "memory_max", [0, 1, 100, 64 * KIB, 100_001, len(DATA) - 1, len(DATA), len(DATA) + 1, KIB * KIB]
)
def test_what_arrives_is_what_is_read(announced: int | None, memory_max: int, tmp_path: Path) -> None:
    """However it is cut up, whatever is known of its length, on either side of the limit for memory."""
    cuts = random.Random(memory_max)
    sizes = iter(lambda: cuts.choice([1, 100, 5000, 70_000]), None)
    body = Body.from_pieces(
        pieces_of(DATA, sizes), announced=announced, memory_max=memory_max, spool_dir=str(tmp_path)
    )
    assert body.spooled is (memory_max < len(DATA))
    assert body.read() == DATA
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_falls_short_of_its_length_has_what_came() -> None:
    """That it was cut is the connection's to say; the room that was left over is given back."""
    body = Body.from_pieces([b"abc"], announced=50_000)
    assert body.read() == b"abc"
    assert body.read() == b""


def test_no_place_for_the_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    """The connection answers it."""
    with pytest.raises(FileNotFoundError):
        Body.from_bytes(b"abc", memory_max=1, spool_dir=str(tmp_path / "missing"))


@pytest.mark.parametrize("announced", [None, -1])
@pytest.mark.parametrize("size", [9 * KIB, 300 * KIB])
def test_no_room_on_disk_is_an_error_of_the_system(announced: int | None, size: int, tmp_path: Path) -> None:
    """Found at once, or when the file's own buffer is written; and the file goes without a word."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * KIB, hard))
    try:
        with pytest.raises(OSError):
            Body.from_pieces([DATA[:size]], announced=announced, memory_max=1, spool_dir=str(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
