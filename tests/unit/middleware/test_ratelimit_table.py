"""The shared table: exact counts over threads and processes, and processes that die or stop in the middle of
it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware import ratelimit_table
from potstill.middleware.ratelimit_table import KEYS_MAX, SharedTable

WAIT_S = 20.0


def count(table: SharedTable, key: bytes) -> int:
    """One more for the key; the number it has then."""
    return table.update(key, lambda number: (number + 1, number + 1))


@pytest.fixture
def shared_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ratelimit_table, "SHARED_DIRECTORY", tmp_path)
    return tmp_path


@given(st.lists(st.binary(max_size=3), max_size=100))
def test_with_room_enough_it_is_a_dictionary(keys: list[bytes]) -> None:
    """Each key has its own number, which begins at 0."""
    table = SharedTable(65536)
    model: dict[bytes, int] = {}
    for key in keys:
        model[key] = model.get(key, 0) + 1
        assert count(table, key) == model[key]
    assert (table.evicted, table.unlocked) == (0, 0)


def test_a_full_table_forgets_who_owes_least() -> None:
    """A flood of other keys does not let those go who are far over their limit."""
    table = SharedTable(64)
    heavy = [b"heavy %d" % i for i in range(4)]
    for key in heavy:
        table.update(key, lambda number: (10**18, None))
    for i in range(5000):
        assert table.update(b"flood %d" % i, lambda number: (10, number)) == 0
    assert [table.update(key, lambda number: (number, number)) for key in heavy] == [10**18] * 4
    assert table.evicted >= 5000 - 64


def test_no_two_tables_put_a_key_in_the_same_place() -> None:
    """The hash has a random key, or somebody would find keys that drive out another's."""
    floods = []
    for _ in range(2):
        table = SharedTable(8 * 1000)
        survivors = set()
        for i in range(20_000):
            table.update(b"%d" % i, lambda number, i=i: (i + 1, None))
        for i in range(20_000):
            if table.update(b"%d" % i, lambda number: (number, number)) == i + 1:
                survivors.add(i)
        floods.append(survivors)
    assert floods[0] != floods[1]


def test_threads_lose_no_count() -> None:
    """Eight of them, on few keys."""
    table = SharedTable(64)

    def work() -> None:
        for i in range(500):
            count(table, b"%d" % (i % 5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert [count(table, b"%d" % i) for i in range(5)] == [801] * 5
    assert table.unlocked == 0


FORKED = """
import os, sys
from potstill.middleware.ratelimit_table import SharedTable
table = SharedTable(64)
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        for i in range(1000):
            table.update(b"%d" % (i % 5), lambda number: (number + 1, None))
        os._exit(0 if table.unlocked == 0 else 1)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
print(codes, [table.update(b"%d" % i, lambda number: (number, number)) for i in range(5)])
"""


def test_processes_forked_afterwards_lose_no_count() -> None:
    """Without a name: the memory and the lock are what they have in common."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    assert done.stdout == "[0, 0, 0, 0] [800, 800, 800, 800, 800]\n"


NAMED = """
import sys
from pathlib import Path
from potstill.middleware import ratelimit_table
ratelimit_table.SHARED_DIRECTORY = Path(sys.argv[1])
table = ratelimit_table.SharedTable(int(sys.argv[2]), "shop")
"""
COUNTING = """
for i in range(1000):
    table.update(b"%d" % (i % 5), lambda number: (number + 1, None))
print(table.unlocked)
"""
HOLDING = """
with table._locked(0):
    print("locked", flush=True)
    sys.stdin.read()
"""


def other(directory: Path, script: str, keys: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", NAMED + script, str(directory), str(keys)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_started_separately_share_by_name(shared_directory: Path) -> None:
    """Whoever comes first makes it; nobody loses a count, also while it is made; and it stays."""
    processes = [other(shared_directory, COUNTING, 64) for _ in range(4)]
    for process in processes:
        assert process.communicate(timeout=WAIT_S)[0] == "0\n"
        assert process.returncode == 0
    table = SharedTable(64, "shop")
    assert [count(table, b"%d" % i) for i in range(5)] == [801] * 5
    (path,) = shared_directory.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


@contextmanager
def holder(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, within the lock of the only stripe there is for eight keys."""
    process = other(directory, HOLDING, 8)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "locked\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=WAIT_S)


def test_the_lock_of_a_process_that_was_killed_is_free(shared_directory: Path) -> None:
    """The kernel takes it back: nobody waits, nobody goes without."""
    table = SharedTable(8, "shop")
    with holder(shared_directory) as process:
        process.kill()
        process.wait(WAIT_S)
        assert count(table, b"a") == 1
    assert table.unlocked == 0


def test_a_process_that_is_stopped_holds_nobody_up(shared_directory: Path) -> None:
    """After a while the others count without the lock, and say so in the statistics."""
    table = SharedTable(8, "shop")
    with holder(shared_directory) as process:
        os.kill(process.pid, signal.SIGSTOP)
        assert [count(table, b"a"), count(table, b"a")] == [1, 2]
        assert table.unlocked == 2
        os.kill(process.pid, signal.SIGCONT)
        process.communicate("", timeout=WAIT_S)
        assert count(table, b"a") == 3
    assert table.unlocked == 2


def test_what_somebody_else_has_put_there_is_not_used(shared_directory: Path) -> None:
    """A link, a file that others may write, a directory, another size."""
    table = SharedTable(8, "trap")
    (path,) = shared_directory.iterdir()
    path.chmod(0o660)
    with pytest.raises(PermissionError, match="not a file of this user alone"):
        SharedTable(8, "trap")
    path.chmod(0o600)
    elsewhere = shared_directory / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic"):
        SharedTable(8, "trap")
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(PermissionError, match="not a file of this user alone"):
        SharedTable(8, "trap")
    path.unlink()
    path.write_bytes(b"x")
    path.chmod(0o600)
    with pytest.raises(ValueError, match="another size"):
        SharedTable(8, "trap")
    assert count(table, b"a") == 1


def test_a_file_whose_maker_was_killed_is_made_again(shared_directory: Path) -> None:
    """Its size is there, its first octets are not: the secret is not all zeros afterwards."""
    table = SharedTable(8, "half")
    (path,) = shared_directory.iterdir()
    path.write_bytes(bytes(path.stat().st_size))
    again = SharedTable(8, "half")
    assert path.read_bytes()[8:40] != bytes(32)
    assert count(again, b"a") == 1
    del table


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "é", "x" * 65, "a\0"])
def test_a_name_is_no_path(name: str) -> None:
    """Whoever configures it means a name."""
    with pytest.raises(ValueError, match="letters, digits"):
        SharedTable(8, name)


@pytest.mark.parametrize("keys", [0, -1, KEYS_MAX + 1])
def test_the_size_has_bounds(keys: int) -> None:
    """Not all the memory there is."""
    with pytest.raises(ValueError, match="1 to"):
        SharedTable(keys)


def test_tables_let_go_of_their_descriptors() -> None:
    """As many as before, when they are gone; also of those that could not be made."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        SharedTable(8)
    assert len(os.listdir("/proc/self/fd")) == before
