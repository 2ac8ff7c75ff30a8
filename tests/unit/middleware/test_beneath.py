"""Nothing outside the root: the path's grammar, and the kernel's word on links."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware.beneath import ABSENT, Beneath, Symlinks, relative_path

SECRET = b"secret"

ASKED = [
    ("", b""),
    ("/", b""),
    ("/a", b"a"),
    ("/a/b.txt", b"a/b.txt"),
    ("/a/", b"a/"),
    ("/a b", b"a b"),
    ("/...", None),
    ("/.hidden", None),
    ("/a/.git/config", None),
    ("/.well-known/acme", b".well-known/acme"),
    ("/a..b", b"a..b"),
    ("/a./b", b"a./b"),
    ("/%2e%2e/x", b"%2e%2e/x"),  # decoded once already: a name like any other
    ("/ä".encode().decode("latin-1"), "ä".encode()),
    ("/\xff", b"\xff"),
    ("a", None),
    ("//a", None),
    ("/a//b", None),
    ("/a//", None),
    ("//", None),
    ("/.", None),
    ("/..", None),
    ("/../a", None),
    ("/a/..", None),
    ("/a/../b", None),
    ("/a/./b", None),
    ("/a/.", None),
    ("/a\\b", None),
    ("/..\\a", None),
    ("/a\0", None),
    ("/a\0.txt", None),
    ("/a\n", None),
    ("/a\x7f", None),
    ("/\u2025", None),  # not latin-1: no server that keeps to PEP 3333 says so
]


@pytest.mark.parametrize(("path_info", "path"), ASKED)
def test_what_a_path_asks_for(path_info: str, path: bytes | None) -> None:
    """A relative file name, or nothing that may be asked for."""
    assert relative_path(path_info, {b".well-known"}) == path


def test_dots_are_refused_even_where_dotfiles_are_not() -> None:
    """`.` and `..` are not names."""
    assert relative_path("/../x", {b"..", b"."}) is None


@given(st.text("/.\\\0ab\xff\xc0\xae%2eEf ", max_size=40))
def test_no_path_at_all_asks_for_something_above(path_info: str) -> None:
    """Whatever the text: a path that is relative, without a segment that is empty or begins with a dot."""
    path = relative_path("/" + path_info)
    if path:
        segments = path.removesuffix(b"/").split(b"/")
        assert all(segment and not segment.startswith(b".") for segment in segments)
        assert not set(path) & {0, 0x5C}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root with files and links, beside a secret."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "file").write_bytes(b"file")
    (root / "sub" / "inner").write_bytes(b"inner")
    (root / "to_file").symlink_to("file")
    (root / "to_sub").symlink_to("sub")
    (root / "sub" / "up").symlink_to("../file")
    (root / "out").symlink_to("../secret.txt")
    (root / "out_absolute").symlink_to(tmp_path / "secret.txt")
    (root / "out_directory").symlink_to("..")
    (root / "in_absolute").symlink_to(root / "file")
    (root / "loop").symlink_to("loop")
    (root / "root_link").symlink_to(".")
    os.mkfifo(root / "pipe")
    return root


def content(beneath: Beneath, path: bytes) -> bytes:
    fd = beneath.open(path)
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


WAYS = pytest.mark.parametrize("openat2", [True, False], ids=["openat2", "walk"])


def test_this_kernel_has_openat2(tree: Path) -> None:
    """Else the tests below would try the same way twice."""
    assert Beneath(tree)._openat2 is not None


@WAYS
@pytest.mark.parametrize("symlinks", ["refuse", "inside", "follow"])
def test_files_and_directories_below_the_root_are_opened(
    tree: Path, symlinks: Symlinks, openat2: bool
) -> None:
    """The root itself by the empty path; a final slash does not matter here."""
    beneath = Beneath(tree, symlinks, openat2=openat2)
    assert content(beneath, b"file") == b"file"
    assert content(beneath, b"sub/inner") == b"inner"
    for directory in (b"", b"sub", b"sub/", b"sub/deep"):
        os.close(beneath.open(directory))


@WAYS
@pytest.mark.parametrize(
    ("symlinks", "path", "found"),
    [
        ("refuse", b"to_file", None),
        ("refuse", b"to_sub/inner", None),
        ("refuse", b"to_sub", None),
        ("refuse", b"root_link/file", None),
        ("inside", b"to_file", b"file"),
        ("inside", b"to_sub/inner", b"inner"),
        ("inside", b"sub/up", b"file"),
        ("inside", b"root_link/file", b"file"),
        ("inside", b"out", None),
        ("inside", b"out_absolute", None),
        ("inside", b"out_directory/secret.txt", None),
        ("inside", b"out_directory/root/file", b"file"),  # where it ends is what counts
        ("inside", b"in_absolute", b"file"),
        ("inside", b"loop", None),
        ("follow", b"to_file", b"file"),
        ("follow", b"out", SECRET),
        ("follow", b"out_directory/secret.txt", SECRET),
        ("follow", b"loop", None),
        ("refuse", b"nothing", None),
        ("refuse", b"file/x", None),
        ("refuse", b"x" * 300, None),
        ("refuse", b"sub/" * 2000 + b"x", None),
    ],
)
def test_where_links_may_lead(
    tree: Path, symlinks: Symlinks, path: bytes, found: bytes | None, openat2: bool
) -> None:
    """Refused, followed inside, followed anywhere; what may not be opened is an error that says absent."""
    beneath = Beneath(tree, symlinks, openat2=openat2)
    if found is not None:
        assert content(beneath, path) == found
        return
    with pytest.raises(OSError) as caught:
        beneath.open(path)
    assert caught.value.errno in ABSENT


@WAYS
@pytest.mark.parametrize("path", [b"..", b"../secret.txt", b"sub/../../secret.txt", b"/etc/passwd"])
def test_even_a_path_that_should_never_come_stays_inside(tree: Path, path: bytes, openat2: bool) -> None:
    """The second wall holds without the first."""
    beneath = Beneath(tree, "inside", openat2=openat2)
    with pytest.raises(OSError) as caught:
        beneath.open(path)
    assert caught.value.errno in ABSENT


@WAYS
def test_a_pipe_does_not_block(tree: Path, openat2: bool) -> None:
    """Whoever opened it for reading without O_NONBLOCK would wait for a writer."""
    os.close(Beneath(tree, openat2=openat2).open(b"pipe"))


@WAYS
def test_no_descriptor_is_left_open(tree: Path, openat2: bool) -> None:
    """Neither by a file that is opened and closed nor by one that is not there."""
    before = os.listdir("/proc/self/fd")
    for symlinks in ("refuse", "inside", "follow"):
        beneath = Beneath(tree, symlinks, openat2=openat2)  # type: ignore[arg-type]
        for path in (b"file", b"sub/inner", b"nothing", b"sub/nothing", b"out", b"to_sub/inner"):
            try:
                os.close(beneath.open(path))
            except OSError:
                continue
    assert len(os.listdir("/proc/self/fd")) == len(before)


@WAYS
def test_a_root_that_is_replaced_is_seen(tmp_path: Path, openat2: bool) -> None:
    """A deployment turns a link from one release to the next; links in the root's own path are followed."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(name.encode())
    (tmp_path / "current").symlink_to("one")
    beneath = Beneath(tmp_path / "current", openat2=openat2)
    assert content(beneath, b"file") == b"one"
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "current")
    assert content(beneath, b"file") == b"two"


def test_a_root_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    """And so is a word that is none of the three."""
    (tmp_path / "file").touch()
    for name in ("nothing", "file"):
        with pytest.raises(NotADirectoryError, match="no such directory to serve files from"):
            Beneath(tmp_path / name)
    with pytest.raises(ValueError, match="symlinks: 'maybe' is not one of refuse, inside, follow"):
        Beneath(tmp_path, "maybe")  # type: ignore[arg-type]


def test_what_cannot_be_read_is_said(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files are not the same as no such file."""
    beneath = Beneath(tree, "follow")

    def full(*args: object, **kwargs: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError) as caught:
        beneath.open(b"file")
    assert caught.value.errno not in ABSENT
