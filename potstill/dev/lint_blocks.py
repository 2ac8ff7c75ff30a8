"""The blocks of an answer under --lint: what they are, how long, when they begin, what is closed."""

from __future__ import annotations

import gc
import inspect
import io
import time
from collections.abc import Iterable, Iterator
from typing import Any

from potstill.dev.around import Around
from potstill.dev.findings import Findings, Place, place_of

NO_BODY = ("1", "204", "304")


class Promise:
    """What the head of one answer says of its body, and what has come of that."""

    def __init__(self, method: str, place: Place) -> None:
        self.method = method
        self.place = place  # of start_response once it was called, until then of the application
        self.begun = False
        self.length: int | None = None
        self.status = ""
        self.octets = 0

    def begin(self, status: Any, fields: Any, place: Place) -> None:
        """The arguments of start_response, which may be anything."""
        self.begun, self.place, self.status = True, place, str(status)
        self.length = None
        for field in fields if isinstance(fields, list) else ():
            if isinstance(field, tuple) and len(field) == 2 and str(field[0]).lower() == "content-length":
                self.length = int(field[1]) if str(field[1]).isdecimal() else None

    def check_block(self, block: Any, findings: Findings, place: Place) -> None:
        if not isinstance(block, bytes):
            findings.add("block", f"a block is of type {type(block).__name__}; blocks are bytes", place)
            return
        if block and not self.begun:
            findings.add("start-late", "a block comes before start_response was called", place)
        self.octets += len(block)

    def check_whole(self, findings: Findings) -> None:
        """All blocks have come."""
        if not self.begun:
            findings.add("start-never", "the application returns without calling start_response", self.place)
        elif self.status.startswith(NO_BODY):
            if self.octets:
                text = f"{self.octets} octets of body with {self.status[:3]}, which has none"
                findings.add("length", text, self.place)
        elif self.length is not None and self.octets != self.length and self.method != "HEAD":
            text = f"Content-Length is {self.length} and the body has {self.octets} octets"
            findings.add("length", text, self.place)


class Blocks(Around):
    """Goes through the blocks as the server would."""

    def __init__(self, blocks: Any, promise: Promise, findings: Findings, slow_at: float) -> None:
        super().__init__(blocks)
        self._promise = promise
        self._findings = findings
        self._slow_at = slow_at
        self._place = place_of(blocks) if inspect.isgenerator(blocks) else promise.place
        self._beneath = closable_beneath(blocks) if not hasattr(blocks, "close") else []
        self._complete = False

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self._check_time()
            place = place_of(self._blocks) if inspect.isgenerator(self._blocks) else self._place
            self._promise.check_block(block, self._findings, place)
            yield block
        self._check_time()
        self._complete = True

    def close(self) -> None:
        super().close()
        if self._complete:
            self._promise.check_whole(self._findings)
        for each in self._beneath:
            if is_open(each):
                kind, outer = type(each).__name__, type(self._blocks).__name__
                self._findings.add(
                    "close",
                    f"the application returns a {outer} without close(), around a {kind} that nobody closes",
                    self._promise.place,
                )

    def _check_time(self) -> None:
        """Once, at the first block."""
        if self._slow_at and time.monotonic() > self._slow_at:
            self._findings.add("slow", "the first byte takes more than a second", self._promise.place)
        self._slow_at = 0.0


def closable_beneath(blocks: Iterable[Any]) -> list[Any]:
    """The generators and files that an iterable goes through, as far as can be seen."""
    if isinstance(blocks, (list, tuple)):
        return []
    near = gc.get_referents(blocks)
    holders = [value for value in near if isinstance(value, (dict, list, tuple))]
    deep = [*near, *(each for holder in holders for each in gc.get_referents(holder))]
    return [each for each in deep if inspect.isgenerator(each) or isinstance(each, io.IOBase)]


def is_open(value: Any) -> bool:
    if inspect.isgenerator(value):
        return inspect.getgeneratorstate(value) != inspect.GEN_CLOSED
    return not value.closed
