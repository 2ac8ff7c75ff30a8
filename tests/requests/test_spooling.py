"""Bodies and answers too large for memory go to unlinked files; nobody waits for a slow client meanwhile."""

from __future__ import annotations

import resource
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.apps.phones import Switchboard
from tests.requests.process import MIB, limit, memory, memory_peak, open_files, reset_peak
from tests.requests.views import BLOCK_BYTES, asked, blocks, checksum, hold
from tests.support.engine import WAIT_S, Environ, StartResponse, engine_on, hello, request, wait_until
from tests.support.server import Server, serve_process
from tests.support.wire import Client, CutError

APP = "tests.requests.views:app"
# 100 MiB: a server that kept it in memory would show it in any noise.
BLOCKS = 1600
GROWTH_MAX = 24 * MIB
# What stands in the log when a file cannot grow: ENOSPC, EFBIG, or our words for it. That the request was
# refused is said at INFO besides, as of every other.
NO_ROOM = r"(WARNING|ERROR) .*([Nn]o space left|[Ff]ile too large|spool)"

pytestmark = pytest.mark.slow


@contextmanager
def one_thread(*options: str) -> Iterator[Server]:
    with serve_process(APP, "--threads", "1", *options) as server:
        yield server


def ask(server: Server, raw: bytes = request()) -> bytes:
    with asked(server.address, raw, WAIT_S) as client:
        return client.response().body


def upload(count: int, *fields: str) -> bytes:
    """The head of a POST of so many blocks to /count."""
    return request("/count", f"Content-Length: {count * BLOCK_BYTES}", *fields, method="PUT").replace(
        b"Content-Length: 0\r\n", b""
    )


# Answers


def test_a_large_answer_holds_no_thread_and_no_memory(tmp_path: Path) -> None:
    """The only runner is free while a client has not read a byte of 100 MiB; then it gets every one."""
    with one_thread("--spool-dir", str(tmp_path)) as server:
        ask(server)
        before = reset_peak(server)
        with Client(server.address, WAIT_S) as client:
            client.send(request(f"/large?blocks={BLOCKS}"))
            # With one thread, this is answered when the answer before has been made.
            assert ask(server) == b"hello\n"
            assert memory_peak(server) - before < GROWTH_MAX
            assert list(tmp_path.iterdir()) == [], "the file has no name"
            assert [name for name in open_files(server) if name.startswith(str(tmp_path))]
            body = client.response().body
            assert (len(body), zlib.crc32(body)) == (BLOCKS * BLOCK_BYTES, checksum(BLOCKS))
        wait_until(lambda: not [name for name in open_files(server) if name.startswith(str(tmp_path))])
        assert memory(server) - before < GROWTH_MAX


def test_the_connection_goes_on_after_a_spooled_answer() -> None:
    """Twice, and a small one, in order."""
    with one_thread("--response-memory", "64KiB") as server, Client(server.address, WAIT_S) as client:
        large = request("/large?blocks=200")
        client.send(large + large + request())
        for expected in (checksum(200), checksum(200), zlib.crc32(b"hello\n")):
            assert zlib.crc32(client.response().body) == expected


def test_several_slow_readers_at_once() -> None:
    """Each has a file of its own."""
    counts = [100, 150, 200, 250]
    with one_thread("--response-memory", "64KiB") as server:
        clients = [Client(server.address, WAIT_S) for _ in counts]
        for client, count in zip(clients, counts, strict=True):
            client.send(request(f"/large?blocks={count}"))
        assert ask(server) == b"hello\n"
        for client, count in zip(reversed(clients), reversed(counts), strict=True):
            assert zlib.crc32(client.response().body) == checksum(count)
            client.close()


def test_a_reader_that_leaves_gives_its_file_back(tmp_path: Path) -> None:
    with one_thread("--spool-dir", str(tmp_path)) as server:
        with Client(server.address, WAIT_S) as client:
            client.send(request(f"/large?blocks={BLOCKS}"))
            assert ask(server) == b"hello\n"
            client.reset()
        wait_until(lambda: not [name for name in open_files(server) if name.startswith(str(tmp_path))])
        assert ask(server) == b"hello\n"


def test_beyond_the_spool_the_runner_waits() -> None:
    """Memory and file have their limits: no more is made than they hold, and what the sockets hold."""
    made: list[int] = []
    part, parts = 100_000, 300

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", str(part * parts))])
        for index in range(parts):
            made.append(index)
            yield bytes([index % 251]) * part

    limits: dict[str, Any] = {"response_memory_bytes": 100_000, "response_spool_bytes": 2_000_000}
    with engine_on(app, threads=2, **limits) as running, running.client() as client:
        client.send(request())
        wait_until(lambda: len(made) * part > 2_000_000)
        running.wait(lambda now: now.in_application == 1)
        stands = -1
        while stands != (stands := len(made)):
            running.wait_looked()
        assert stands < parts - 50
        assert running.now.in_application == 1
        body = client.response().body
    assert body == b"".join(bytes([index % 251]) * part for index in range(parts))


def test_who_waits_beyond_the_spool_has_the_write_timeout() -> None:
    """A runner is never held for ever."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "30000000")])
        for _ in range(300):
            yield bytes(100_000)

    limits: dict[str, Any] = {
        "response_memory_bytes": 100_000,
        "response_spool_bytes": 1_000_000,
        "write_timeout_s": 30.0,
    }
    with engine_on(app, threads=1, **limits) as running, running.client() as client:
        client.send(request())
        running.wait(lambda now: now.in_application == 1)

        def passed() -> bool:
            running.engine.advance_clock(31)
            running.wait_looked()
            return running.now.in_application == 0

        wait_until(passed, "the runner is free")
        with pytest.raises(CutError):
            client.response()


# Bodies


def test_a_large_body_holds_no_thread_and_no_memory(tmp_path: Path) -> None:
    """It waits in a file without a name until it is whole; its view begins then."""
    with one_thread("--spool-dir", str(tmp_path)) as server:
        ask(server)
        before = reset_peak(server)
        with Client(server.address, WAIT_S) as client:
            client.send(upload(BLOCKS))
            for index, block in enumerate(blocks(BLOCKS)):
                client.send(block)
                if index == BLOCKS // 2:
                    assert ask(server) == b"hello\n"
                    assert [name for name in open_files(server) if name.startswith(str(tmp_path))]
                    assert list(tmp_path.iterdir()) == []
            assert client.response().body == f"{BLOCKS * BLOCK_BYTES} {checksum(BLOCKS)}".encode()
        assert memory_peak(server) - before < GROWTH_MAX
        wait_until(lambda: not [name for name in open_files(server) if name.startswith(str(tmp_path))])


def test_a_body_that_fits_into_memory_makes_no_file(tmp_path: Path) -> None:
    """Nothing is written to disk without need."""
    with Switchboard() as board, one_thread("--spool-dir", str(tmp_path)) as server:
        body = bytes(BLOCK_BYTES * 15)
        with Client(server.address, WAIT_S) as client:
            head = hold(board).replace(b"GET", b"POST", 1)[:-2]
            client.send(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            call = board.answer()
            assert [name for name in open_files(server) if name.startswith(str(tmp_path))] == []
            call.let_go()
            assert client.response().status == 200


# A full disk


def can_mount() -> bool:
    """Whether this process may mount a file system: root may, mostly, and a build machine's user may not."""
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return tried.returncode == 0


@contextmanager
def full_disk(server: Server, directory: Path, how: str) -> Iterator[None]:
    """Files of the server may have 1 MiB: by a limit of the process, or on a file system of that size."""
    if how == "limit":
        limit(server, resource.RLIMIT_FSIZE, MIB)
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The kernel's limit on files can be set by anybody; a real full disk is tried where it can be had."""
    if "how" in metafunc.fixturenames:
        metafunc.parametrize("how", ["limit", *["mount"] * can_mount()])


def test_no_room_for_a_body_is_507(tmp_path: Path, how: str) -> None:
    """And one line in the log; the next request is served, and one whose body fits into memory too."""
    with one_thread("--spool-dir", str(tmp_path), "--body-memory", "256KiB") as server:
        with full_disk(server, tmp_path, how):
            before = len(server.log.lines(NO_ROOM))
            with Client(server.address, WAIT_S) as client:
                client.socket.sendall(upload(64))
                try:
                    for block in blocks(64):
                        client.socket.sendall(block)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it need not take what it cannot keep
                answer = client.response()
                assert (answer.status, answer.connection) == (507, {"close"})
            server.log.wait_for(NO_ROOM)
            assert ask(server) == b"hello\n"
            assert ask(server, upload(2) + b"".join(blocks(2))) == f"{2 * BLOCK_BYTES} {checksum(2)}".encode()
            assert len(server.log.lines(NO_ROOM)) == before + 1, server.log.tail()
            assert server.log.lines("Traceback") == []


def test_no_room_for_an_answer_cuts_it(tmp_path: Path, how: str) -> None:
    """Half an answer does not look whole; one line; the runner is free."""
    with one_thread("--spool-dir", str(tmp_path), "--response-memory", "256KiB") as server:
        with full_disk(server, tmp_path, how):
            before = len(server.log.lines(NO_ROOM))
            with Client(server.address, WAIT_S) as client:
                client.send(request(f"/large?blocks={BLOCKS}"))
                assert ask(server) == b"hello\n"
                with pytest.raises(CutError):
                    client.response()
            server.log.wait_for(NO_ROOM)
            assert ask(server) == b"hello\n"
            assert ask(server, request("/large?blocks=2"))
            assert len(server.log.lines(NO_ROOM)) == before + 1, server.log.tail()
            assert server.log.lines("Traceback") == []


def test_a_spool_directory_that_went_away_is_507(tmp_path: Path) -> None:
    """Not a crash, and not for others; when it is back, so is the service."""
    place = tmp_path / "spool"
    place.mkdir()
    with one_thread("--spool-dir", str(place), "--body-memory", "256KiB") as server:
        place.rmdir()
        with Client(server.address, WAIT_S) as client:
            client.send(upload(8) + b"".join(blocks(8)))
            assert client.response().status == 507
        assert ask(server) == b"hello\n"
        place.mkdir()
        assert ask(server, upload(8) + b"".join(blocks(8))) == f"{8 * BLOCK_BYTES} {checksum(8)}".encode()


def test_without_files_of_its_own_an_engine_writes_nothing(tmp_path: Path) -> None:
    """The plain request makes no file anywhere."""
    with engine_on(hello, spool_dir=str(tmp_path)) as running:
        assert running.ask() == b"hello\n"
    assert list(tmp_path.iterdir()) == []
