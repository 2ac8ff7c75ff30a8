"""Notices that files of the ledger have changed, in a thread of its own, and reports them.

Two ways to notice. `watchfiles` is told of changes by the kernel. Without it files are looked at in turns: a
turn may use a thousandth of a second of this thread, and turns are as far apart as keeps that below one
percent of a processor. The files that were changed last come first in every turn, since they are most likely
to be changed next; the others share what is left of it. So with some hundreds of files each is looked at in
every turn, and with 5,000 a file that nobody has touched for long may wait for three seconds, once.

A save is not always one change: an editor may empty a file before it fills it, remove it before it renames
another one to its place, and save ten files in a row. So a change is reported when files have been left alone
for a moment; a file that is gone is given a little longer to come back.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from potstill.dev.ledger import Ledger, state_of

logger = logging.getLogger("potstill")

TURN_S = 0.2
# Half a percent of TURN_S; waking up, and the files that are looked at beyond it, take about as much again.
TURN_CPU_S = 0.001
FIRST_IN_TURN = 100
# How many files are looked at between two looks at the clock.
STRIDE = 16
# How long files have to be left alone, how long a missing one may stay away, and how long saving may go on.
QUIET_S = 0.03
MISSING_S = 0.2
SAVING_MAX_S = 1.0
# How often what watchfiles watches is compared with what it should watch.
REVISE_EVERY_MS = 500
STEP_MS, BURST_MS = 25, 100


class Watcher(threading.Thread):
    """Calls `report` with the paths that have changed, again and again. Ends with the process."""

    def __init__(self, ledger: Ledger, report: Callable[[list[str]], None], by: str = "auto") -> None:
        super().__init__(name="potstill-watcher", daemon=True)
        self._ledger = ledger
        self._report = report
        self._by = by
        self.over = threading.Event()

    def run(self) -> None:
        for changed in self._changes():
            settled = self._settled(changed)
            self._ledger.accept(settled)
            if settled:
                self._report(sorted(settled))
            if self.over.is_set():
                return

    def _changes(self) -> Iterator[list[str]]:
        """Files that have changed, as soon as that is noticed."""
        if self._by in ("auto", "watchfiles"):
            try:
                yield from by_watchfiles(self._ledger, self.over)
                return
            except ImportError:
                if self._by == "watchfiles":
                    logger.warning("--reload-by watchfiles needs potstill[dev]; looking at the files instead")
            except (OSError, RuntimeError) as error:  # no more watches to be had, or a system without them
                logger.warning("cannot watch the files (%s); looking at them instead", error)
        yield from by_looking(self._ledger, self.over)

    def _settled(self, changed: list[str]) -> set[str]:
        """All that has changed, when saving seems to be over."""
        all_changed = set(changed)
        until = time.monotonic() + SAVING_MAX_S
        quiet_at = time.monotonic()
        before = {path: state_of(path) for path in all_changed}
        while time.monotonic() < until:
            self.over.wait(QUIET_S)
            now = {path: state_of(path) for path in all_changed}
            away = None in now.values()
            if now != before:
                quiet_at = time.monotonic()
            elif time.monotonic() - quiet_at >= (MISSING_S if away else 0):
                break
            before = now
        # A burst touches more than the file that was noticed first.
        all_changed.update(self._ledger.changed())
        return all_changed


def by_watchfiles(ledger: Ledger, over: threading.Event) -> Iterator[list[str]]:
    """Raises ImportError without the package, and OSError where watching is not possible."""
    from watchfiles import watch

    while not over.is_set():
        known = size(ledger)
        directories = places(ledger)
        links = {os.path.realpath(path) for path in list(ledger.files) if os.path.islink(path)}
        news = watch(
            *directories,
            watch_filter=partial(matters, ledger, links),
            debounce=BURST_MS,
            step=STEP_MS,
            stop_event=over,
            rust_timeout=REVISE_EVERY_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        )
        first = True
        for events in news:
            ledger.note_modules()
            if events or first:  # the first look finds what was saved before the watch began
                changed = ledger.changed() + ledger.new_in(list(ledger.directories))
                if changed:
                    yield changed
            first = False
            if size(ledger) != known and places(ledger) != directories:
                break
            known = size(ledger)


def matters(ledger: Ledger, links: set[str], change: object, path: str) -> bool:
    """Whether an event is worth a look; `links` are the files behind links."""
    return ledger.concerns(path) or path in links


def size(ledger: Ledger) -> tuple[int, int]:
    """Grows when there is more to watch."""
    return len(ledger.files), len(ledger.directories)


def places(ledger: Ledger) -> set[str]:
    """The directories of all files, and where links lead to."""
    paths = list(ledger.files)
    found = {os.path.dirname(path) for path in paths} | set(ledger.directories)
    return {each for each in found | {os.path.realpath(each) for each in found} if os.path.isdir(each)}


def by_looking(ledger: Ledger, over: threading.Event) -> Iterator[list[str]]:
    """The scan."""
    turns = Turns(ledger)
    while not over.wait(TURN_S):
        ledger.note_modules()
        changed = turns.take()
        if changed:
            yield changed


class Turns:
    """Looks at some of the files, then at others. Of one thread."""

    def __init__(self, ledger: Ledger, cpu_s: float = TURN_CPU_S) -> None:
        self._ledger = ledger
        self._cpu_s = cpu_s
        self._order: list[str] = []
        self._next = 0

    def take(self) -> list[str]:
        """What this turn finds: files that have changed or are new."""
        ledger = self._ledger
        began = time.thread_time()
        if len(self._order) != len(ledger.files):
            self._order = sorted(ledger.files, key=self._recency, reverse=True)
        found = ledger.changed(self._order[:FIRST_IN_TURN])
        rest = len(self._order) - FIRST_IN_TURN
        left = rest
        while left > 0 and time.thread_time() - began < self._cpu_s:
            place = FIRST_IN_TURN + self._next
            found += ledger.changed(self._order[place : place + STRIDE])
            self._next = (self._next + STRIDE) if self._next + STRIDE < rest else 0
            left -= STRIDE
        if left <= 0 or self._next < STRIDE:  # once a round
            found += ledger.new_in(list(ledger.directories))
        if found:
            self._order = []
        return found

    def _recency(self, path: str) -> int:
        state = self._ledger.files.get(path)
        return state[0] if state else 0
