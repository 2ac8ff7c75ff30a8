"""What an application leaves open that a fork breaks, by name."""

from __future__ import annotations

import _thread
import asyncio
import os
import socket
import threading
from pathlib import Path

from potstill.supervisor.preload import leftovers, memory_line, open_sockets, rollup


def test_threads_sockets_and_event_loops_are_named() -> None:
    """And what was open before is not."""
    known, threads = set(open_sockets()), threading.enumerate()
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="telemetry")
    thread.start()
    loop = asyncio.new_event_loop()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
    ):
        lines = leftovers(known, threads)
        port = server.getsockname()[1]
    loop.close()
    over.set()
    thread.join()
    assert "the thread 'telemetry' does not run in workers" in lines
    assert any(line.startswith(f"the socket to 127.0.0.1:{port} (descriptor ") for line in lines)
    assert any(line.startswith(f"the socket at 127.0.0.1:{port} (descriptor ") for line in lines)
    assert sum(line.startswith("the socket ") for line in lines) == 2  # not the pair of the loop
    assert "the event loop _UnixSelectorEventLoop is shared by all workers" in lines


def test_threads_that_python_does_not_know_are_counted() -> None:
    """As those of a driver in C are."""
    over, ended = threading.Lock(), threading.Event()

    def hidden() -> None:
        with over:
            ended.set()

    with over:
        _thread.start_new_thread(hidden, ())
        lines = leftovers(set(open_sockets()), threading.enumerate())
    assert ended.wait(20)
    assert lines == ["1 thread of compiled code will not run in workers"]


def test_an_orderly_application_leaves_nothing() -> None:
    assert leftovers(set(open_sockets()), threading.enumerate()) == []


def test_the_memory_that_is_shared(tmp_path: Path) -> None:
    """On average, of those that there are."""
    line = memory_line([os.getpid(), 2**22 + 1])
    assert line.startswith("preload: ")
    assert line.endswith(" MiB of each worker's memory are shared")
    assert memory_line([]) == ""
    page = tmp_path / "smaps_rollup"
    page.write_text("00400000-7ffd [rollup]\nRss:      884 kB\nShared_Clean:   708 kB\n", encoding="ascii")
    assert rollup(page) == {"Rss": 884, "Shared_Clean": 708}
    assert rollup(tmp_path / "nowhere") == {}
