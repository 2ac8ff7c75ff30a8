"""Changes are noticed by watchfiles and by looking, and told when saving is over."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from potstill.dev.ledger import Ledger
from potstill.dev.watcher import TURN_CPU_S, TURN_S, Turns, Watcher

NOTICED_S = 10.0
WAYS = pytest.mark.parametrize("by", ["watchfiles", "stat"])


class Watched:
    """A directory with a watcher."""

    def __init__(self, here: Path) -> None:
        self.here = here
        (here / "shop.py").write_text("1")
        self.ledger = Ledger(str(here), include=["*.yaml"])
        self.ledger.note(str(here / "shop.py"))
        self.told: queue.Queue[list[str]] = queue.Queue()
        self.watcher: Watcher | None = None

    def start(self, by: str) -> None:
        self.watcher = Watcher(self.ledger, self.told.put, by)
        self.watcher.start()

    def next(self) -> list[str]:
        return [Path(path).name for path in self.told.get(timeout=NOTICED_S)]

    def close(self) -> None:
        if self.watcher is not None:
            self.watcher.over.set()
            self.watcher.join(NOTICED_S)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.close()


@WAYS
def test_a_change_is_told_again_and_again(watched: Watched, by: str) -> None:
    watched.start(by)
    for text in ("22", "333", "1"):
        (watched.here / "shop.py").write_text(text)
        assert watched.next() == ["shop.py"]


@WAYS
def test_what_changed_before_the_watch_began_is_told(watched: Watched, by: str) -> None:
    (watched.here / "shop.py").write_text("22")
    watched.start(by)
    assert watched.next() == ["shop.py"]


@WAYS
def test_a_burst_is_one_report(watched: Watched, by: str) -> None:
    for number in range(10):
        (watched.here / f"m{number}.py").write_text("1")
        watched.ledger.note(str(watched.here / f"m{number}.py"))
    watched.start(by)
    for number in range(10):
        (watched.here / f"m{number}.py").write_text("22")
    told: set[str] = set()
    reports = 0
    while len(told) < 10:
        told.update(watched.next())
        reports += 1
    assert reports <= 2  # two when the first was seen in the middle of it


@WAYS
def test_an_atomic_rename_is_a_change(watched: Watched, by: str) -> None:
    watched.start(by)
    (watched.here / ".shop.py.new").write_text("22")
    (watched.here / ".shop.py.new").rename(watched.here / "shop.py")
    assert watched.next() == ["shop.py"]


@WAYS
def test_a_deleted_file_is_a_change_and_so_is_its_return(watched: Watched, by: str) -> None:
    watched.start(by)
    (watched.here / "shop.py").unlink()
    assert watched.next() == ["shop.py"]
    (watched.here / "shop.py").write_text("1")
    assert watched.next() == ["shop.py"]


@WAYS
def test_a_file_that_is_removed_and_written_again_is_one_change(watched: Watched, by: str) -> None:
    """Some editors save so: the file may be missing when the change is noticed."""
    watched.start(by)
    (watched.here / "shop.py").unlink()
    (watched.here / "shop.py").write_text("22")
    assert watched.next() == ["shop.py"]
    assert (watched.here / "shop.py").read_text() == "22"


@WAYS
def test_a_new_file_that_matches_a_pattern_is_told(watched: Watched, by: str) -> None:
    watched.start(by)
    (watched.here / "other.txt").write_text("no pattern has this")
    (watched.here / "prices.yaml").write_text("a: 1")
    assert watched.next() == ["prices.yaml"]


@WAYS
def test_a_file_that_is_imported_later_is_watched_too(watched: Watched, by: str) -> None:
    """In a directory that nobody knew of when the watch began."""
    watched.start(by)
    deep = watched.here / "web" / "views"
    deep.mkdir(parents=True)
    (deep / "cart.py").write_text("1")
    watched.ledger.note(str(deep / "cart.py"))
    (deep / "cart.py").write_text("22")
    assert watched.next() == ["cart.py"]


def test_the_scan_of_5000_files_is_below_one_percent(tmp_path: Path) -> None:
    """Of a processor, as the thread's own clock has it: turns take what they may, at the pace of turns."""
    for number in range(5000):
        (tmp_path / f"m{number}.py").touch()
    ledger = Ledger(str(tmp_path))
    for number in range(5000):
        ledger.note(str(tmp_path / f"m{number}.py"))
    turns = Turns(ledger)
    turns.take()  # sorts them, once
    took: list[float] = []
    for _ in range(60):
        began = time.thread_time()
        assert turns.take() == []
        took.append(time.thread_time() - began)
    assert sum(took) / (len(took) * TURN_S) < 0.01
    assert min(took) >= TURN_CPU_S / 2  # it does look


def test_the_scan_finds_a_change_in_any_of_5000_files(tmp_path: Path) -> None:
    """Within a bounded number of turns; what was changed last is found in the next."""
    ledger = Ledger(str(tmp_path))
    for number in range(5000):
        (tmp_path / f"m{number}.py").touch()
        ledger.note(str(tmp_path / f"m{number}.py"))
    turns = Turns(ledger, cpu_s=10.0)
    changed = [tmp_path / f"m{number}.py" for number in (0, 99, 100, 101, 115, 116, 2500, 4998, 4999)]
    for path in changed:
        path.write_text("1")
    found = turns.take()
    assert sorted(found) == sorted(map(str, changed))
    ledger.accept(found)
    quick = Turns(ledger, cpu_s=0.0)
    changed[4].write_text("22")
    assert quick.take() == [str(changed[4])]


def test_a_watcher_of_nothing_ends_when_told(tmp_path: Path) -> None:
    watcher = Watcher(Ledger(str(tmp_path / "gone")), lambda paths: None, "stat")
    watcher.start()
    watcher.over.set()
    watcher.join(NOTICED_S)
    assert not watcher.is_alive()
    assert threading.active_count() < 50
