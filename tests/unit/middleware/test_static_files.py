"""What is kept of a static directory, for how long, and how much of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from potstill.middleware.beneath import Beneath
from potstill.middleware.cache_rules import CacheRules
from potstill.middleware.media_types import MediaTypes
from potstill.middleware.static_files import OVERHEAD_BYTES, Directory, Resource, Rules, StaticFiles

AGE_S = 10.0


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Counted(Beneath):
    """Counts what is opened."""

    opened = 0

    def open(self, path: bytes) -> int:
        self.opened += 1
        return super().open(path)


RULES = Rules(
    index=(b"index.html",),
    dotfiles=(),
    codings=("br", "zstd", "gzip"),
    media_types=MediaTypes(),
    cache=CacheRules("1h"),
    file_bytes_max=1000,
    memory_bytes_max=1 << 20,
    revalidate_s=AGE_S,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def beneath(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


@pytest.fixture
def files(beneath: Counted, clock: Clock) -> StaticFiles:
    return StaticFiles(beneath, replace(RULES, clock=clock))


def resource(files: StaticFiles, path: str) -> Resource:
    found = files.find(path)
    assert isinstance(found, Resource)
    return found


def content(files: StaticFiles, path: str) -> bytes | None:
    return resource(files, path).plain.content


def age(path: Path, seconds: float) -> None:
    """Make the file look older."""
    facts = path.stat()
    os.utime(path, (facts.st_atime - seconds, facts.st_mtime - seconds))


def test_a_hit_does_not_touch_the_disk(
    tmp_path: Path, files: StaticFiles, beneath: Counted, clock: Clock
) -> None:
    """Until the time for which it is taken for true is over."""
    (tmp_path / "a").write_bytes(b"one")
    first = resource(files, "/a")
    opened = beneath.opened
    clock.now += AGE_S - 0.1
    assert files.find("/a") is first
    assert beneath.opened == opened
    clock.now += 0.2
    assert resource(files, "/a").plain is first.plain  # unchanged: looked at, and not read again
    assert beneath.opened > opened


def test_a_change_is_seen(tmp_path: Path, files: StaticFiles, clock: Clock) -> None:
    """Also one that keeps the size, or that comes by renaming, or that takes the file away."""
    (tmp_path / "a").write_bytes(b"one")
    assert content(files, "/a") == b"one"
    (tmp_path / "a").write_bytes(b"two")
    assert content(files, "/a") == b"one"
    clock.now += AGE_S
    assert content(files, "/a") == b"two"
    (tmp_path / "b").write_bytes(b"six")
    (tmp_path / "b").rename(tmp_path / "a")
    clock.now += AGE_S
    assert content(files, "/a") == b"six"
    (tmp_path / "a").unlink()
    clock.now += AGE_S
    assert files.find("/a") is None
    assert files.kept("/a") is None


def test_the_tag_is_that_of_the_octets(tmp_path: Path, files: StaticFiles, clock: Clock) -> None:
    """The same on every machine, whenever the file was copied there; another for other octets."""
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    age(tmp_path / "b", 1e6)
    first, second = resource(files, "/a").plain, resource(files, "/b").plain
    assert first.etag == second.etag
    assert first.modified_s != second.modified_s
    (tmp_path / "a").write_bytes(b"two")
    clock.now += AGE_S
    assert resource(files, "/a").plain.etag != first.etag


def test_a_large_file_is_not_read(tmp_path: Path, files: StaticFiles) -> None:
    """It is opened when it is sent; its tag is made of what the file system says."""
    (tmp_path / "large").write_bytes(bytes(1001))
    shown = resource(files, "/large").plain
    assert shown.content is None
    assert shown.size == 1001
    file = files.open(b"large", shown)
    assert file is not None
    file.close()
    (tmp_path / "large").write_bytes(b"x" * 1001)
    assert files.open(b"large", shown) is None
    (tmp_path / "large").unlink()
    assert files.open(b"large", shown) is None


def test_an_index_stands_for_its_directory(tmp_path: Path, files: StaticFiles) -> None:
    """With its slash; without it the directory is named, so that the client can be redirected."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "index.html").write_bytes(b"index")
    assert content(files, "/sub/") == b"index"
    assert files.find("/sub") == Directory(b"sub")
    assert files.find("/") == Directory(b"")
    assert files.find("") == Directory(b"")
    assert files.find("/sub/index.html/") is None
    assert files.find("/nothing/") is None


def test_what_is_no_file_is_not_served(tmp_path: Path, files: StaticFiles) -> None:
    """Pipes, links, and dot-files."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".env").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert [files.find(path) for path in ("/pipe", "/.env", "/link", "/../x")] == [None] * 4


def test_twins_are_found_and_chosen(tmp_path: Path, files: StaticFiles, clock: Clock) -> None:
    """A twin that comes later is seen like any other change, and then both say Vary."""
    (tmp_path / "a.js").write_bytes(b"x" * 100)
    alone = resource(files, "/a.js")
    assert alone.chosen("gzip, br") == (b"a.js", alone.plain)
    assert ("Vary", "Accept-Encoding") not in alone.plain.fields
    (tmp_path / "a.js.br").write_bytes(b"br")
    (tmp_path / "a.js.gz").write_bytes(b"gzip")
    clock.now += AGE_S
    found = resource(files, "/a.js")
    path, shown = found.chosen("gzip, br")
    assert (path, shown.content) == (b"a.js.br", b"br")
    assert shown.media_type == "text/javascript; charset=utf-8"
    assert found.chosen("gzip")[1].content == b"gzip"
    assert found.chosen(None)[1] is found.plain
    for each in (found.plain, *found.twins.values()):
        assert ("Vary", "Accept-Encoding") in each.fields
    assert len({found.plain.etag, *(twin.etag for twin in found.twins.values())}) == 3


def test_a_twin_that_is_no_use_is_left_alone(tmp_path: Path, files: StaticFiles) -> None:
    """One that was forgotten when the file was changed, one that is larger, one that is a directory."""
    (tmp_path / "a.js").write_bytes(b"x" * 100)
    (tmp_path / "a.js.br").write_bytes(b"old")
    age(tmp_path / "a.js.br", 60)
    (tmp_path / "a.js.gz").write_bytes(b"y" * 100)
    (tmp_path / "a.js.zst").mkdir()
    assert resource(files, "/a.js").twins == {}


def test_memory_has_a_bound(beneath: Counted, tmp_path: Path, clock: Clock) -> None:
    """The oldest that was not asked for again goes; one that is in use stays."""
    room = 3 * (OVERHEAD_BYTES + 100)
    files = StaticFiles(beneath, replace(RULES, clock=clock, memory_bytes_max=room))
    for name in "abcd":
        (tmp_path / name).write_bytes(bytes(100))
    for name in "abc":
        files.find(f"/{name}")
    assert files.kept("/a") is not None  # asked for again
    files.find("/d")
    assert [name for name in "abcd" if files.kept(f"/{name}")] == ["a", "c", "d"]
    assert files._weight == room
    for name in "abcdabcd":
        files.find(f"/{name}")
        assert files._weight <= room


def test_the_bound_survives_changes_of_size(tmp_path: Path, files: StaticFiles, clock: Clock) -> None:
    """What is let go is taken off with the weight that it was put on with."""
    for size in (10, 900, 1, 500):
        (tmp_path / "a").write_bytes(bytes(size))
        clock.now += AGE_S
        files.find("/a")
        assert files._weight == OVERHEAD_BYTES + size
    (tmp_path / "a").unlink()
    clock.now += AGE_S
    files.find("/a")
    assert files._weight == 0


def test_names_that_lead_nowhere_are_not_kept(files: StaticFiles) -> None:
    """There is no end of them."""
    for number in range(100):
        files.find(f"/{number}")
    assert files._resources == {}


def test_remembered_choices_have_a_bound(tmp_path: Path, files: StaticFiles) -> None:
    """A client may send any Accept-Encoding."""
    (tmp_path / "a").write_bytes(bytes(100))
    (tmp_path / "a.gz").write_bytes(bytes(10))
    found = resource(files, "/a")
    for number in range(1000):
        found.chosen(f"c{number}")
    assert len(found._choices) <= 64


def test_a_file_that_shrinks_while_it_is_read_is_consistent(
    tmp_path: Path, files: StaticFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Length and tag are those of the octets that were read."""
    (tmp_path / "a").write_bytes(b"0123456789")
    read = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: read(fd, min(size, 4)) if size > 6 else b"")
    shown = resource(files, "/a").plain
    assert shown.content == b"0123"
    assert ("Content-Length", "4") in shown.fields
