"""`potstill top` and `potstill metrics`: a running server, seen from any shell on its machine."""

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
from contextlib import contextmanager

import click

from potstill.cli.options import FAILED, VERBS, WRONG_USAGE, fail
from potstill.observe.screen import HELP, Line, Moment, lines, screen, stack_lines, summary

EVERY_S = 1.0
ONCE_S = 1.0  # between the two moments of --once
UP, DOWN = (b"\x1b[A", b"k"), (b"\x1b[B", b"j")
ALTERNATE, BACK = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"


@click.command("top", short_help=VERBS["top"])
@click.argument("server", metavar="PID|ADDRESS")
@click.option("--once", is_flag=True, help="Print it once, and end.")
@click.option("--json", "as_json", is_flag=True, help="With --once: as JSON.")
@click.option(
    "--interval", type=click.FloatRange(0.1, 60.0), default=EVERY_S, help="Seconds between two looks."
)
def top(server: str, once: bool, as_json: bool, interval: float) -> None:
    """What the server is doing now: requests a second, latencies, workers, and every request in the
    application.

    SERVER is the number of its process, or the address of its --admin: HOST:PORT or unix:/PATH.
    """
    if as_json and not once:
        fail(WRONG_USAGE, "potstill: --json goes with --once")
    address = address_of(server)
    with telling_failures():
        if once:
            print_once(address, as_json=as_json)
        elif not (sys.stdin.isatty() and sys.stdout.isatty()):
            fail(WRONG_USAGE, "potstill: top needs a terminal; elsewhere take --once, or --once --json")
        else:
            Top(address, interval).run()


@click.command("metrics", short_help=VERBS["metrics"])
@click.argument("server", metavar="PID|ADDRESS")
@click.option("--openmetrics", is_flag=True, help="In the format of OpenMetrics.")
def metrics(server: str, openmetrics: bool) -> None:
    """The numbers of a running server as Prometheus reads them; SERVER as in `potstill top`."""
    from potstill.observe.asking import ask

    with telling_failures():
        accept = "application/openmetrics-text" if openmetrics else "text/plain"
        click.echo(ask(address_of(server), "/metrics", accept).decode(), nl=False)


@contextmanager
def telling_failures() -> Iterator[None]:
    """What an operator can do something about is a sentence."""
    from potstill.observe.asking import AskingError

    try:
        yield
    except AskingError as error:
        fail(FAILED, f"potstill: {error}")


def address_of(server: str) -> str:
    """Of an address, or of a process."""
    from potstill.observe.finding import NotFoundError, find_addresses

    if not server.isdecimal():
        return server
    try:
        return find_addresses(int(server))[0]
    except NotFoundError as error:
        fail(FAILED, f"potstill: {error}")


def look(address: str) -> Moment:
    from potstill.observe.asking import ask_json

    return Moment(ask_json(address, "/status"), ask_json(address, "/inflight")["requests"])


def print_once(address: str, *, as_json: bool) -> None:
    """What happens in a second."""
    before = look(address)
    time.sleep(ONCE_S)
    now = look(address)
    if as_json:
        click.echo(json.dumps(summary(now, before), indent=1))
    else:
        for line in lines(now, before, selected=-1):
            click.echo(line.text)


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
        from potstill.observe.asking import ask_json

        flights = self._now.flights
        chosen = flights[self._selected] if flights else None
        return stack_lines(chosen, ask_json(self._address, "/threads"))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
