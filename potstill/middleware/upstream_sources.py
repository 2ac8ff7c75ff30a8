"""Lists of upstream servers that change while the server runs: files and names.

    http://10.0.0.1:8080             stays as it is
    dns+http://app.internal:8080     getaddrinfo is asked again and again; every address is a server
    file:/etc/shop/upstreams         one upstream a line, in any of these forms but this; `#` begins a comment

A source that cannot be read any more keeps what it said last, and the log says why: a name server that
fails, or a file that is being written, must not take the servers away.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from potstill.middleware.upstream import Upstream, parse_upstream

log = logging.getLogger("potstill.proxy")

FILE = "file:"
FILE_BYTES_MAX = 1 << 20


class Sources:
    """Where upstreams are named. One thread at a time."""

    def __init__(self, entries: Sequence[str]) -> None:
        """Reads files, looks nothing up. Raises ValueError for an entry, or for FILE:LINE, that is wrong."""
        if not entries:
            raise ValueError("no upstream was given")
        self._sources = [
            _File(Path(entry.removeprefix(FILE))) if entry.startswith(FILE) else _Fixed(parse_upstream(entry))
            for entry in entries
        ]
        self._names: dict[Upstream, list[str]] = {}

    @property
    def change(self) -> bool:
        """Whether they may say something else another time."""
        return any(isinstance(source, _File) or source.upstream.from_dns for source in self._sources)

    def read(self) -> list[Upstream]:
        """What they say now, each server once, in order. Looks names up, which may take seconds."""
        named = [upstream for source in self._sources for upstream in source.read()]
        servers: dict[str, Upstream] = {}
        for upstream in named:
            for server in self._looked_up(upstream) if upstream.from_dns else [upstream]:
                servers.setdefault(server.target, server)
        self._names = {one: known for one, known in self._names.items() if one in named}
        return list(servers.values())

    def _looked_up(self, upstream: Upstream) -> list[Upstream]:
        """The addresses of a name; those of the last time where it cannot be looked up."""
        try:
            found = socket.getaddrinfo(upstream.host, upstream.port, type=socket.SOCK_STREAM)
        except OSError as error:
            log.warning("%s cannot be looked up: %s", upstream.host, error)
        else:
            # Sorted: name servers turn their answers round, and a turned list is no change.
            self._names[upstream] = sorted({str(address[0]) for *_, address in found})
        return [upstream.at(address) for address in self._names.get(upstream, [])]


class _Fixed:
    """An entry that is written down."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def read(self) -> list[Upstream]:
        return [self.upstream]


class _File:
    """A file of entries, parsed again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] = ()
        self._upstreams: list[Upstream] = []
        try:
            self._refresh()
        except OSError as error:
            raise ValueError(f"the list of upstreams {path} cannot be read: {error.strerror}") from error

    def read(self) -> list[Upstream]:
        try:
            self._refresh()
        except (OSError, ValueError) as error:
            log.warning("the list of upstreams %s stays as it was: %s", self._path, error)
        return self._upstreams

    def _refresh(self) -> None:
        """Parse the file, if it is another one or has another time or size than before. A fault is reported
        once, and then again when the file has changed."""
        with self._path.open("rb") as file:
            status = os.fstat(file.fileno())
            seen = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return
            octets = file.read(FILE_BYTES_MAX + 1)
        self._seen = seen
        if len(octets) > FILE_BYTES_MAX:
            raise ValueError(f"{self._path} is larger than {FILE_BYTES_MAX} bytes")
        self._upstreams = list(_parsed(self._path, octets.decode("utf-8", "replace")))


def _parsed(path: Path, text: str) -> Iterable[Upstream]:
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        if entry:
            try:
                yield parse_upstream(entry)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from None
