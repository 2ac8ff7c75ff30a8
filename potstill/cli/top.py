"""`potstill top` and `potstill metrics`: a running server, seen from any shell on its machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from potstill.cli.options import FAILED, VERBS, WRONG_USAGE, fail

EVERY_S = 1.0


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
    from potstill.observe import live

    address = address_of(server)
    with telling_failures():
        if once:
            click.echo(live.once(address, as_json=as_json))
        elif not (sys.stdin.isatty() and sys.stdout.isatty()):
            fail(WRONG_USAGE, "potstill: top needs a terminal; elsewhere take --once, or --once --json")
        else:
            live.Top(address, interval).run()


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
