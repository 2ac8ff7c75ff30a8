"""One number for each of many keys, in memory that several processes share.

A table of fixed size. A key's hash names a bucket of eight slots; a slot holds another part of the hash and
the number. A key without a slot takes the one with the smallest number, for in a rate limit that is a
client which has long been quiet, or owes the least. So the table never grows, and whoever floods it with
keys drives out the innocent, not those who are over their limit. The hash is keyed at random: nobody can aim
at a bucket.

Who shares it:

- Without a name the memory is anonymous. Processes forked after the table was made share it (one that was
made
  before the workers were, as with --preload); two that each made their own do not.
- With a name it is a file in /dev/shm that belongs to this user alone, so every process that uses the name
  shares it, however it was started. It outlives them, and so do the numbers.

Exclusion: a bucket belongs to a stripe, and a stripe is locked by a thread lock within the process and a
POSIX record lock (fcntl) between them, which the kernel takes back from a process that dies. A process that
is stopped keeps its lock, so nobody waits for ever: after LOCK_PATIENCE_S a number is changed without it.
The worst that can come of that is one request counted as none.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from mmap import mmap
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

SHARED_DIRECTORY = Path("/dev/shm")
KEYS_MAX = 1 << 24
LOCK_PATIENCE_S = 0.25
LOCK_LOOK_S = 0.0001
STRIPES = 64

_SLOTS = 8
_SLOT = struct.Struct("=QQ")
_BUCKET = struct.Struct(f"={2 * _SLOTS}Q")
_MAGIC = b"potstil1"
_SECRET_BYTES = 32
_HEADER_BYTES = 64
# The record locks stand on bytes that say nothing else: one for each stripe, and one for making the file.
_MAKING = STRIPES
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

Answer = TypeVar("Answer")
Decide = Callable[[int], tuple[int, Answer]]


class SharedTable:
    """Numbers by key. Safe to use from any thread and any process that shares it.

    Args:
        keys: how many there is room for, about; memory is 16 bytes for each.
        name: of the shared file; None for anonymous memory.

    Raises ValueError for a name or number that will not do, OSError when there is no such memory.
    """

    def __init__(self, keys: int, name: str | None = None) -> None:
        if not 1 <= keys <= KEYS_MAX:
            raise ValueError(f"the number of keys must be 1 to {KEYS_MAX}, not {keys}")
        self._buckets = -(-keys // _SLOTS)
        size = _HEADER_BYTES + self._buckets * _BUCKET.size
        self._file = _anonymous_file() if name is None else _named_file(name, self._buckets)
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _MAKING)
        try:
            self._memory = _made_memory(self._file, size, name)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _MAKING)
        self._secret = self._memory[len(_MAGIC) : len(_MAGIC) + _SECRET_BYTES]
        self._locks = [threading.Lock() for _ in range(STRIPES)]
        self._evicted = [0] * STRIPES
        self._unlocked = [0] * STRIPES

    def __del__(self) -> None:
        # Also when __init__ did not get far.
        if hasattr(self, "_file"):
            os.close(self._file)

    def update(self, key: bytes, decide: Decide[Answer]) -> Answer:
        """Change the number of a key, as one step that no other process or thread comes between.

        `decide` is given the number, 0 for a new key, and returns the new one and what is to be answered.
        """
        digest = int.from_bytes(blake2b(key, digest_size=16, key=self._secret).digest())
        # Zero is what an empty slot has.
        own, bucket = digest >> 64 or 1, (digest & 0xFFFF_FFFF_FFFF_FFFF) % self._buckets
        offset = _HEADER_BYTES + bucket * _BUCKET.size
        stripe = bucket % STRIPES
        with self._locked(stripe):
            words = _BUCKET.unpack_from(self._memory, offset)
            owners, numbers = words[::2], words[1::2]
            known = own in owners
            index = owners.index(own) if known else numbers.index(min(numbers))
            number, answer = decide(numbers[index] if known else 0)
            if not known and owners[index]:
                self._evicted[stripe] += 1
            _SLOT.pack_into(self._memory, offset + index * _SLOT.size, own, number)
        return answer

    @property
    def evicted(self) -> int:
        """How many keys have given their slot to another, in this process; most had long been quiet."""
        return sum(self._evicted)

    @property
    def unlocked(self) -> int:
        """How many numbers this process has changed without the lock, because its holder did not let go."""
        return sum(self._unlocked)

    @contextmanager
    def _locked(self, stripe: int) -> Iterator[None]:
        lock = self._locks[stripe]
        inside = lock.acquire(timeout=LOCK_PATIENCE_S)
        between = inside and self._lock_between_processes(stripe)
        if not between:
            self._unlocked[stripe] += 1
        try:
            yield
        finally:
            if between:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, stripe)
            if inside:
                lock.release()

    def _lock_between_processes(self, stripe: int) -> bool:
        deadline = 0.0
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, stripe)
            except (BlockingIOError, PermissionError):  # POSIX leaves open which of the two it is
                deadline = deadline or monotonic() + LOCK_PATIENCE_S
                if monotonic() > deadline:
                    return False
                sleep(LOCK_LOOK_S)
            else:
                return True


def _anonymous_file() -> int:
    return os.memfd_create("potstill-ratelimit", os.MFD_CLOEXEC)


def _named_file(name: str, buckets: int) -> int:
    """The shared file, made when it is not there. The number of buckets is in its name: see _made_memory."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"the shared name {name!r} may have letters, digits, dots and dashes, 64 at most")
    path = SHARED_DIRECTORY / f"potstill-{os.geteuid()}-{name}-{buckets}"
    # Everybody may make files there, so what is there already may be somebody's trap.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        os.close(file)
        raise PermissionError(f"{path} is not a file of this user alone: remove it, or choose another name")
    return file


def _made_memory(file: int, size: int, name: str | None) -> mmap:
    """The memory behind the file; its secret is made by who comes first. The caller holds the lock for it."""
    found = os.fstat(file).st_size
    if found not in (0, size):
        raise ValueError(f"the shared memory {name!r} has another size: remove it, or choose another name")
    # Reserved, and not only promised: a page that is not there when it is written to ends the process
    # (SIGBUS).
    os.posix_fallocate(file, 0, size)
    memory = mmap(file, size)
    if memory[: len(_MAGIC)] != _MAGIC:
        memory[len(_MAGIC) : len(_MAGIC) + _SECRET_BYTES] = os.urandom(_SECRET_BYTES)
        memory[: len(_MAGIC)] = _MAGIC
    return memory
