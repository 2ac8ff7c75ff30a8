"""Loading the application before the fork, and what to look out for.

Memory that nobody writes to is shared by all workers. Python writes to every object it looks at, so the
collector is told to leave alone what is there: `gc.collect()`, then `gc.freeze()`.

What does not survive a fork is said by name: threads are gone in the workers, and whatever they were doing is
never finished; sockets and event loops are shared by all of them, which no protocol expects.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from potstill.assemble import application_of
from potstill.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

logger = logging.getLogger("potstill")

# How long the kernel may take for the end of a thread.
ENDING_S = 0.2
WHAT_TO_DO = "open it in a post_fork hook instead, or with the first request"


def preload(settings: Settings, ours: Iterable[int]) -> WSGIApplication:
    """The application, ready to be forked. `ours` are the sockets that the server itself has open.

    Raises what `potstill.assemble.application_of` raises.
    """
    before, threads = set(open_sockets()), threading.enumerate()
    application = application_of(settings)
    known = before.union(ours)
    for line in leftovers(known, threads):
        logger.warning("preload: %s; %s", line, WHAT_TO_DO)
    gc.collect()
    gc.freeze()
    return application


def leftovers(known: set[int], threads: Collection[threading.Thread]) -> list[str]:
    """What the application has left open that a fork breaks, a line each; not what was there before."""
    lines = [
        f"the thread {thread.name!r} does not run in workers"
        for thread in threading.enumerate()
        if thread not in threads
    ]
    hidden = hidden_threads()
    if hidden:
        lines.append(f"{hidden} thread{'' if hidden == 1 else 's'} of compiled code will not run in workers")
    named = {each.fileno(): each for each in gc.get_objects() if issubclass(type(each), socket.socket)}
    loops = event_loops()
    own = {descriptor for loop in loops for descriptor in sockets_of(loop)}
    for descriptor in sorted(set(open_sockets()) - known - own):
        lines.append(f"the socket {describe(named.get(descriptor), descriptor)} is shared by all workers")
    lines += [f"the event loop {type(loop).__name__} is shared by all workers" for loop in loops]
    return lines


def hidden_threads() -> int:
    """How many there are of which Python does not know. One that was joined is not gone at once."""
    until = time.monotonic() + ENDING_S
    while (hidden := len(os.listdir("/proc/self/task")) - threading.active_count()) > 0:
        if time.monotonic() >= until:
            return hidden
        time.sleep(ENDING_S / 20)
    return 0


def event_loops() -> list[asyncio.AbstractEventLoop]:
    """Those that are not closed."""
    return [
        each
        for each in gc.get_objects()
        if issubclass(type(each), asyncio.AbstractEventLoop) and not each.is_closed()
    ]


def sockets_of(loop: asyncio.AbstractEventLoop) -> list[int]:
    """The pair by which a loop of asyncio wakes itself."""
    pair = (getattr(loop, "_ssock", None), getattr(loop, "_csock", None))
    return [each.fileno() for each in pair if isinstance(each, socket.socket)]


def open_sockets() -> Iterator[int]:
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                yield int(name)
        except OSError:  # the directory's own descriptor, closed by now
            continue


def describe(found: socket.socket | None, descriptor: int) -> str:
    """`to 10.0.0.5:5432 (descriptor 7)`."""
    if found is None:
        return f"with descriptor {descriptor}"
    try:
        return f"to {shown(found.getpeername())} (descriptor {descriptor})"
    except OSError:
        return f"at {shown(found.getsockname())} (descriptor {descriptor})"


def shown(name: object) -> str:
    if isinstance(name, tuple):
        return f"{name[0]}:{name[1]}"
    return str(name) or "a socket without a name"


def memory_line(pids: Iterable[int]) -> str:
    """How much of their memory the workers share, in words; nothing where the kernel does not say."""
    shared, resident = [], []
    for pid in pids:
        sizes = rollup(Path(f"/proc/{pid}/smaps_rollup"))
        if sizes:
            shared.append(sizes.get("Shared_Clean", 0) + sizes.get("Shared_Dirty", 0))
            resident.append(sizes.get("Rss", 0))
    if not resident:
        return ""
    mib = [sum(sizes) / len(sizes) / 1024 for sizes in (shared, resident)]
    return f"preload: {mib[0]:.1f} of {mib[1]:.1f} MiB of each worker's memory are shared"


def rollup(path: Path) -> dict[str, int]:
    """The fields of smaps_rollup, in KiB."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.endswith(" kB"))
    return {words[0].rstrip(":"): int(words[1]) for words in fields}
