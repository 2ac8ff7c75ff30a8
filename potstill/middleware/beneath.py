"""Opening files below one directory, and nothing else, whatever the path says.

Two walls, each of which holds alone. `relative_path` is pure: it turns PATH_INFO into a path that has no
`..`, no empty segment, no NUL, no backslash and no dot-file in it. `Beneath` then lets the kernel resolve
that path with openat2(2) and RESOLVE_BENEATH, so that no symbolic link leads out either, and none that is
swapped in between a check and its use. Where there is no openat2 (Linux before 5.6, some container
sandboxes) each segment is opened by itself with O_NOFOLLOW.

The root is opened anew each time: a deployment that replaces the directory, or the link to it, is seen.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Collection
from typing import Literal, get_args

# What becomes of symbolic links below the root: not followed at all, only to places below the root, anywhere.
Symlinks = Literal["refuse", "inside", "follow"]

# The same number on every architecture that came after it (but for Alpha, which has no Python 3.11 anyway).
SYS_OPENAT2 = 437
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x02, 0x04, 0x08
# openat2 says EAGAIN when a rename elsewhere made it unsure about a `..` in a link (openat2(2)).
TRIES = 4

# Without O_NONBLOCK a named pipe would block whoever opens it.
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
STEP = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

# The answers of the kernel that mean: there is nothing of that name that may be served.
ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO}
)


def relative_path(path_info: str, dotfiles: Collection[bytes] = ()) -> bytes | None:
    """The file name that PATH_INFO asks for, relative to the root; None where it may not be asked for.

    PATH_INFO holds octets as latin-1 (PEP 3333), decoded once. The result keeps a final slash, which asks for
    a directory; it is empty for the root. A segment that begins with a dot is refused unless it is one of
    `dotfiles`; `.` and `..` are refused always.
    """
    if path_info in ("", "/"):
        return b""
    try:
        octets = path_info.encode("latin-1")
    except UnicodeEncodeError:  # a server that breaks PEP 3333
        return None
    if octets[:1] != b"/" or b"\\" in octets or min(octets) < 0x20 or 0x7F in octets:
        return None
    segments = octets[1:].removesuffix(b"/").split(b"/")
    for segment in segments:
        if not segment or segment in (b".", b".."):
            return None
        if segment.startswith(b".") and segment not in dotfiles:
            return None
    return octets[1:]


class _OpenHow(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _Openat2:
    """The system call, which the C library does not wrap."""

    def __init__(self, resolve: int) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._call = library.syscall
        self._call.restype = ctypes.c_long
        pointer = ctypes.POINTER(_OpenHow)
        self._call.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, pointer, ctypes.c_size_t)
        self._how = _OpenHow(READ, 0, resolve)

    def __call__(self, path: bytes, dir_fd: int) -> int:
        size = ctypes.sizeof(_OpenHow)
        for _ in range(TRIES):
            fd = self._call(SYS_OPENAT2, dir_fd, path, ctypes.byref(self._how), size)
            if fd >= 0:
                return int(fd)
            if ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
                break
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(path))

    def works(self) -> bool:
        """Whether this kernel has it, and the sandbox lets us: both say no in several ways."""
        try:
            root = os.open("/", STEP)
        except OSError:
            return False
        try:
            os.close(self(b".", root))
        except OSError:
            return False
        finally:
            os.close(root)
        return True


class Beneath:
    """Opens what is below `root`.

    Args:
        root: a directory; a relative one is taken from the current directory, now.
        symlinks: "refuse" follows no link below the root, "inside" those that lead to places below it,
            "follow" all. Links in the path of the root itself are always followed.
        openat2: False does without the system call even where there is one.

    Raises ValueError for an unknown word, and OSError when the root is no directory that can be read.
    """

    def __init__(
        self, root: str | os.PathLike[str], symlinks: Symlinks = "refuse", *, openat2: bool = True
    ) -> None:
        if symlinks not in get_args(Symlinks):
            raise ValueError(f"symlinks: {symlinks!r} is not one of {', '.join(get_args(Symlinks))}")
        self.root = os.path.abspath(root)
        self.symlinks = symlinks
        if not os.path.isdir(self.root):
            raise NotADirectoryError(
                errno.ENOTDIR, "there is no such directory to serve files from", self.root
            )
        resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
        call = _Openat2(resolve | (RESOLVE_NO_SYMLINKS if symlinks == "refuse" else 0))
        self._openat2 = call if openat2 and symlinks != "follow" and call.works() else None

    def open(self, path: bytes) -> int:
        """A descriptor of the file or directory, for reading; the caller closes it.

        `path` is relative, as `relative_path` gives it; empty for the root itself. Raises OSError: with one
        of ABSENT when there is nothing to serve, else with what is wrong (EACCES, EMFILE…).
        """
        path = path.rstrip(b"/") or b"."
        root = os.open(self.root, STEP)
        try:
            if self._openat2 is not None:
                return self._ask_kernel(self._openat2, path, root)
            if self.symlinks == "follow":
                return os.open(path, READ, dir_fd=root)
            return self._walk(self._resolved(path) if self.symlinks == "inside" else path, root)
        finally:
            os.close(root)

    def _ask_kernel(self, openat2: _Openat2, path: bytes, root: int) -> int:
        try:
            return openat2(path, root)
        except OSError as error:
            if error.errno != errno.EXDEV or self.symlinks != "inside":
                raise
        # Its way leaves the root, as that of every absolute link does; it may end below it all the same.
        return openat2(self._resolved(path), root)

    def _resolved(self, path: bytes) -> bytes:
        """The path without its links. If one is swapped afterwards, the walk, which follows none, fails."""
        root = os.path.realpath(os.fsencode(self.root))
        target = os.path.realpath(os.path.join(root, path))
        if target == root:
            return b"."
        prefix = root.rstrip(b"/") + b"/"
        if not target.startswith(prefix):
            raise OSError(errno.EXDEV, "a symbolic link leads out of the directory", os.fsdecode(path))
        return target.removeprefix(prefix)

    def _walk(self, path: bytes, root: int) -> int:
        """Open segment by segment; a link on the way is ENOTDIR, at the end ELOOP."""
        *directories, name = path.split(b"/")
        current = os.dup(root)
        try:
            for directory in directories:
                inner = os.open(directory, STEP | os.O_NOFOLLOW, dir_fd=current)
                os.close(current)
                current = inner
            return os.open(name, READ | os.O_NOFOLLOW, dir_fd=current)
        finally:
            os.close(current)
