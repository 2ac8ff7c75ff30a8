"""The files of a static directory, kept ready in memory: from PATH_INFO to a representation.

    find("/app.js")  →  Resource   a file, with its precompressed twins beside it
                        Directory  a directory that was asked for by its name, or that may be listed
                        None       nothing that is served

Files are found when they are first asked for, so a directory of a million files costs nothing at start. What
was found is taken for true for `revalidate_s` seconds, then each of its files is opened again and compared
by inode, size and times: a change is seen within that time, and a hit in between is one look into a
dictionary, without a system call.

What is kept has a bound in octets. Who goes first when it is reached: the oldest that has not been asked
for since it last came to its turn ("second chance", an LRU whose hits write one flag). Names that lead
nowhere are not kept: there is no end of them.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from potstill.middleware.beneath import ABSENT, Beneath, relative_path
from potstill.middleware.cache_rules import CacheRules
from potstill.middleware.media_types import MediaTypes
from potstill.middleware.negotiation import IDENTITY, choose
from potstill.middleware.representation import Fields, Representation, represent, signature

# Content codings of twins, `app.js.br` beside `app.js`, the first of equals first.
TWINS = {"br": b".br", "zstd": b".zst", "gzip": b".gz"}
# A build writes a file and its twins within a second or so. A twin that is older was forgotten, and is stale.
TWIN_AGE_S = 1
# What a resource costs besides its octets, roughly: a few objects, lists and texts.
OVERHEAD_BYTES = 4096
# Browsers send a handful of different Accept-Encoding fields.
CHOICES_MAX = 64


@dataclass(frozen=True)
class Rules:
    """What holds for all files of a directory."""

    index: tuple[bytes, ...]
    dotfiles: Collection[bytes]
    codings: Sequence[str]
    media_types: MediaTypes
    cache: CacheRules
    file_bytes_max: int  # larger files are not kept in memory
    memory_bytes_max: int
    revalidate_s: float
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Directory:
    """A directory was found where a file was asked for; `path` is relative to the root."""

    path: bytes


class Resource:
    """A file and its twins. Shared by all threads; only `used` and the remembered choices ever change."""

    __slots__ = ("_choices", "fresh_until", "path", "path_info", "plain", "twins", "used")

    def __init__(
        self,
        path_info: str,
        path: bytes,
        plain: Representation,
        twins: Mapping[str, Representation],
        fresh_until: float,
    ) -> None:
        self.path_info = path_info  # what it was asked for as
        self.path = path  # where it is
        self.plain = plain
        self.twins = twins
        self.fresh_until = fresh_until
        self.used = False
        self._choices: dict[str | None, tuple[bytes, Representation]] = {}

    def chosen(self, accept_encoding: str | None) -> tuple[bytes, Representation]:
        """The file to send, by the request's Accept-Encoding field, and what it is."""
        found = self._choices.get(accept_encoding)
        if found is None:
            coding = choose(accept_encoding, self.twins)
            if coding == IDENTITY:
                found = self.path, self.plain
            else:
                found = self.path + TWINS[coding], self.twins[coding]
            if len(self._choices) >= CHOICES_MAX:
                self._choices.clear()
            self._choices[accept_encoding] = found
        return found

    @property
    def weight(self) -> int:
        kept = (self.plain, *self.twins.values())
        return OVERHEAD_BYTES + sum(len(each.content or b"") for each in kept)


class StaticFiles:
    """Finds what may be served below `beneath`, and remembers it. Threads share one."""

    def __init__(self, beneath: Beneath, rules: Rules) -> None:
        self._beneath = beneath
        self._rules = rules
        self._clock = rules.clock
        self._resources: dict[str, Resource] = {}
        self._weight = 0
        self._lock = threading.Lock()  # for who writes to the two above; reading needs none

    def kept(self, path_info: str) -> Resource | None:
        """The file that PATH_INFO stands for, if that is known and taken for true."""
        resource = self._resources.get(path_info)
        if resource is None or resource.fresh_until <= self._clock():
            return None
        resource.used = True
        return resource

    def find(self, path_info: str) -> Resource | Directory | None:
        """What PATH_INFO stands for. Raises OSError where there is something that cannot be read."""
        return self.kept(path_info) or self.look(path_info)

    def look(self, path_info: str) -> Resource | Directory | None:
        """The same, as the disk has it now."""
        known = self._resources.get(path_info)
        path = relative_path(path_info, self._rules.dotfiles)
        found = None if path is None else self._found(path_info, path, known)
        self._keep(path_info, found if isinstance(found, Resource) else None)
        return found

    def open(self, path: bytes, expected: Representation) -> BinaryIO | None:
        """The file for reading, or None when it is no longer the one that was represented."""
        fd = self._open(path)
        if fd is None:
            return None
        if signature(os.fstat(fd)) != expected.signature:
            os.close(fd)
            return None
        # Blocks are large or the kernel sends them: a buffer would only cost.
        return os.fdopen(fd, "rb", buffering=0)

    # Finding

    def _found(self, path_info: str, path: bytes, known: Resource | None) -> Resource | Directory | None:
        if not path_info:
            return Directory(b"")
        if path and not path.endswith(b"/"):
            return self._resource(path_info, path, known)
        for name in self._rules.index:
            found = self._resource(path_info, path + name, known)
            if isinstance(found, Resource):
                return found
        found = self._resource(path_info, path, None)
        return found if isinstance(found, Directory) else None

    def _resource(self, path_info: str, path: bytes, known: Resource | None) -> Resource | Directory | None:
        """What stands at the path; what is known of it already is kept as far as it is still true."""
        fd = self._open(path)
        if fd is None:
            return None
        try:
            facts = os.fstat(fd)
            if stat.S_ISDIR(facts.st_mode):
                return Directory(path)
            if not stat.S_ISREG(facts.st_mode):
                return None
            fresh_until = self._clock() + self._rules.revalidate_s
            known = known if known is not None and known.path == path else None
            twins = self._twins(path, facts, known.twins if known else {})
            fields = self._fields(path, vary=bool(twins))
            before = known.plain if known and bool(known.twins) == bool(twins) else None
            plain = self._represent(fd, facts, path, fields, before)
        finally:
            os.close(fd)
        return Resource(path_info, path, plain, twins, fresh_until)

    def _twins(
        self, path: bytes, facts: os.stat_result, known: Mapping[str, Representation]
    ) -> dict[str, Representation]:
        """The precompressed twins that are worth sending: smaller than the file, and not older."""
        twins: dict[str, Representation] = {}
        for coding in self._rules.codings:
            fd = self._open(path + TWINS[coding])
            if fd is None:
                continue
            try:
                its = os.fstat(fd)
                new = its.st_mtime + TWIN_AGE_S >= facts.st_mtime
                if stat.S_ISREG(its.st_mode) and new and its.st_size < facts.st_size:
                    fields = self._fields(path, vary=True)
                    twins[coding] = self._represent(fd, its, path, fields, known.get(coding), coding)
            finally:
                os.close(fd)
        return twins

    def _represent(
        self,
        fd: int,
        facts: os.stat_result,
        path: bytes,
        more: Fields,
        known: Representation | None,
        coding: str = "",
    ) -> Representation:
        if known is not None and known.signature == signature(facts):
            return known
        small = facts.st_size <= self._rules.file_bytes_max
        content = read_all(fd, facts.st_size) if small else None
        return represent(facts, content, self._rules.media_types.of(os.fsdecode(path)), more, coding)

    def _fields(self, path: bytes, *, vary: bool) -> Fields:
        cache = self._rules.cache.of(os.fsdecode(path))
        fields = [("Cache-Control", cache)] if cache else []
        return [*fields, ("Vary", "Accept-Encoding")] if vary else fields

    def _open(self, path: bytes) -> int | None:
        try:
            return self._beneath.open(path)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise

    # Keeping

    def _keep(self, path_info: str, resource: Resource | None) -> None:
        with self._lock:
            before = self._resources.pop(path_info, None)
            if before is not None:
                self._weight -= before.weight
            if resource is None or resource.weight > self._rules.memory_bytes_max:
                return
            self._resources[path_info] = resource
            self._weight += resource.weight
            self._make_room()

    def _make_room(self) -> None:
        """Let go until the rest fits. Each turn lets one go or takes a flag away."""
        for _ in range(2 * len(self._resources)):
            if self._weight <= self._rules.memory_bytes_max:
                return
            name, oldest = next(iter(self._resources.items()))
            del self._resources[name]
            if oldest.used:
                oldest.used = False
                self._resources[name] = oldest
            else:
                self._weight -= oldest.weight


def read_all(fd: int, size: int) -> bytes:
    """The file's octets: as many as it had when it was looked at, fewer if it has become shorter."""
    blocks: list[bytes] = []
    left = size
    while left and (block := os.read(fd, left)):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)
