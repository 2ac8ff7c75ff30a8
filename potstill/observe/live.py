"""The live screen of `potstill top`: a terminal, keys, and the server that is looked at."""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator

from potstill.observe.asking import ask_json
from potstill.observe.screen import HELP, Line, Moment, lines, screen, stack_lines, summary

ONCE_S = 1.0  # between the two moments of `once`
UP, DOWN = (b"\x1b[A", b"k"), (b"\x1b[B", b"j")
ALTERNATE, BACK = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"


def look(address: str) -> Moment:
    """What the server says now. Raises AskingError."""
    return Moment(ask_json(address, "/status"), ask_json(address, "/inflight")["requests"])


def once(address: str, *, as_json: bool) -> str:
    """What happens in a second, as text or as JSON. Raises AskingError."""
    before = look(address)
    time.sleep(ONCE_S)
    now = look(address)
    if as_json:
        return json.dumps(summary(now, before), indent=1)
    return "\n".join(line.text for line in lines(now, before, selected=-1))


class Top:
    """The live screen, in the alternate buffer of the terminal; the terminal is left as it was found."""

    def __init__(self, address: str, every_s: float) -> None:
        self._address = address
        self._every_s = every_s
        self._selected = 0
        self._paused = self._stack = False
        self._before: Moment | None = None
        self._now = look(address)

    def run(self) -> None:
        """Until somebody presses q, or Ctrl+C."""
        descriptor = sys.stdin.fileno()
        modes = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        self._write(ALTERNATE)
        try:
            self._go_on(descriptor)
        except KeyboardInterrupt:
            return
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)
            self._write(BACK)

    def _go_on(self, descriptor: int) -> None:
        look_at = time.monotonic() + self._every_s
        while True:
            self._draw()
            readable, _, _ = select.select([descriptor], [], [], max(0.0, look_at - time.monotonic()))
            if readable and not self._press(os.read(descriptor, 16)):
                return
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + self._every_s
                if not self._paused:
                    self._before, self._now = self._now, look(self._address)

    def _press(self, key: bytes) -> bool:
        """What a key means; False: the end."""
        last = max(0, len(self._now.flights) - 1)
        acts: dict[bytes, Callable[[], None]] = {
            b"s": lambda: setattr(self, "_stack", not self._stack),
            b" ": lambda: setattr(self, "_paused", not self._paused),
        }
        if key in (b"q", b"Q", b"\x1b", b"\x04"):
            if not self._stack:
                return False
            self._stack = False
        elif key in UP:
            self._selected = max(0, self._selected - 1)
        elif key in DOWN:
            self._selected = min(last, self._selected + 1)
        elif key in acts:
            acts[key]()
        return True

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        self._selected = min(self._selected, max(0, len(self._now.flights) - 1))
        if self._stack:
            content, foot = list(self._stack_lines()), "s or q back · ↑↓ select"
        else:
            content, foot = list(lines(self._now, self._before, self._selected)), HELP
        if self._paused:
            foot = f"PAUSED · {foot}"
        self._write(screen(content, size.columns, size.lines, foot))

    def _stack_lines(self) -> Iterator[Line]:
        flights = self._now.flights
        chosen = flights[self._selected] if flights else None
        return stack_lines(chosen, ask_json(self._address, "/threads"))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
