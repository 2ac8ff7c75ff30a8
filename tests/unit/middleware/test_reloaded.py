"""A value that follows its file: looked at once a second, swapped whole, kept when the file is broken."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from potstill.middleware.reloaded import FILE_BYTES_MAX, FileError, ReloadedFile, lines_of


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def parse_numbers(path: str, text: str) -> list[int]:
    numbers = []
    for line, word in lines_of(text):
        if not word.isdigit():
            raise FileError(path, line, f"{word!r} is no number")
        numbers.append(int(word))
    return numbers


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    path = tmp_path / "numbers"
    path.write_text("1\n2\n")
    return path


def replace(path: Path, text: str) -> None:
    """As a careful writer does: a finished file, renamed."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


@pytest.mark.parametrize("how", ["renamed", "in place", "same size and time"])
def test_a_changed_file_is_read_again_after_a_second_and_not_before(
    clock: Clock, numbers: Path, how: str
) -> None:
    """However it was changed: also when size and modification time are what they were."""
    file = ReloadedFile(str(numbers), parse_numbers, clock)
    before = numbers.stat()
    if how == "renamed":
        replace(numbers, "3\n")
    else:
        numbers.write_text("3\n4\n")
        if how == "same size and time":
            os.utime(numbers, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.now += 0.99
    assert file.value() == [1, 2]
    clock.now += 0.02
    assert file.value() == ([3] if how == "renamed" else [3, 4])


def test_an_unchanged_file_is_looked_at_once_a_second_and_not_read(clock: Clock, numbers: Path) -> None:
    """A request costs a look at the clock."""
    reads: list[str] = []

    def parse(path: str, text: str) -> int:
        reads.append(text)
        return len(reads)

    file = ReloadedFile(str(numbers), parse, clock)
    for _ in range(50):
        clock.now += 0.4
        assert file.value() == 1
    assert len(reads) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"1\nx\n", ":2: 'x' is no number"),
        (b"1\n2\n3\xff\n", ":3: this line is not UTF-8"),
        (b"1\n" * FILE_BYTES_MAX, "the file is larger than"),
    ],
)
def test_a_broken_file_leaves_the_old_value_and_is_told_once(
    clock: Clock, numbers: Path, content: bytes, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With file and line; a good one is taken again."""
    file = ReloadedFile(str(numbers), parse_numbers, clock)
    numbers.write_bytes(content)
    with caplog.at_level(logging.INFO, "potstill"):
        for _ in range(5):
            clock.now += 1.1
            assert file.value() == [1, 2]
    assert len(caplog.messages) == 1
    assert str(numbers) in caplog.text
    assert says in caplog.text
    assert "stays in force" in caplog.text
    replace(numbers, "7\n")
    clock.now += 1.1
    assert file.value() == [7]


def test_a_file_that_is_gone_is_missed_once_and_found_again(
    clock: Clock, numbers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when it comes back as it was."""
    file = ReloadedFile(str(numbers), parse_numbers, clock)
    away = numbers.with_suffix(".away")
    numbers.rename(away)
    for _ in range(3):
        clock.now += 1.1
        assert file.value() == [1, 2]
    assert len([message for message in caplog.messages if "No such file" in message]) == 1
    away.rename(numbers)
    numbers.write_text("5\n")
    clock.now += 1.1
    assert file.value() == [5]


def test_at_the_beginning_there_is_no_old_value_to_keep(tmp_path: Path) -> None:
    """So whoever sets up the server hears of it: a missing file, a directory, a pipe, a bad line."""
    with pytest.raises(FileNotFoundError):
        ReloadedFile(str(tmp_path / "missing"), parse_numbers)
    with pytest.raises(OSError, match="directory"):
        ReloadedFile(str(tmp_path), parse_numbers)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="regular file"):
        ReloadedFile(str(tmp_path / "pipe"), parse_numbers)
    (tmp_path / "bad").write_text("1\n\n# fine\nnope\n")
    with pytest.raises(FileError, match=r"bad:4: 'nope' is no number"):
        ReloadedFile(str(tmp_path / "bad"), parse_numbers)


def test_a_relative_path_means_the_directory_of_the_beginning(
    clock: Clock, numbers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that changes its directory does not change the file."""
    monkeypatch.chdir(numbers.parent)
    file = ReloadedFile("numbers", parse_numbers, clock)
    monkeypatch.chdir("/")
    numbers.write_text("9\n")
    clock.now += 1.1
    assert file.value() == [9]


def test_while_one_thread_reads_the_others_go_on(clock: Clock, numbers: Path) -> None:
    """Nobody waits for the disk but who found the change."""
    reading, go_on = threading.Event(), threading.Event()
    texts: list[str] = []

    def parse(path: str, text: str) -> str:
        texts.append(text)
        if len(texts) > 1:
            reading.set()
            assert go_on.wait(10)
        return text

    file = ReloadedFile(str(numbers), parse, clock)
    numbers.write_text("3\n")
    clock.now += 1.1
    reader = threading.Thread(target=file.value)
    reader.start()
    assert reading.wait(10)
    assert file.value() == "1\n2\n"
    go_on.set()
    reader.join(10)
    assert file.value() == "3\n"
    assert len(texts) == 2


def test_lines_and_comments() -> None:
    """`#` begins a comment where a word begins; line ends of any system."""
    text = "a\r\n\n  # all\n b\tc # why\nd#e\n#\nf"
    assert lines_of(text) == [(1, "a"), (4, "b c"), (5, "d#e"), (7, "f")]
