"""`potstill replay FILE`: send the requests of `--record` again."""

from __future__ import annotations

import re
import sys
from typing import BinaryIO

import click

from potstill.cli.options import FAILED, VERBS, WRONG_USAGE, fail


@click.command(
    "replay",
    short_help=VERBS["replay"],
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.argument("file", type=click.File("rb"))
@click.option("--to", "url", default="http://127.0.0.1:8000", metavar="URL", help="[http://127.0.0.1:8000]")
@click.option("--only", default="", metavar="REGEX", help="Only requests like this: 'POST /cart'.")
@click.option("--times", default=1, type=click.IntRange(1, 1_000_000), metavar="N", help="How often. [1]")
def replay_verb(file: BinaryIO, url: str, only: str, times: int) -> None:
    """Send the requests of a recording (`potstill --record FILE`) again, one after the other, and say what is
    answered.

    Exit codes: 0 every request was answered, 1 one was not, 2 the file or an option is wrong.
    """
    # What sends HTTP is not loaded for the other verbs.
    from potstill.dev.replay import RecordingError, read_recording, replay

    try:
        chosen = re.compile(only)
        requests = read_recording(file)
    except re.error as error:
        fail(WRONG_USAGE, f"potstill: --only {only!r} is no regular expression: {error}")
    except RecordingError as error:
        fail(WRONG_USAGE, f"potstill: {file.name}: {error}")
    requests = [each for each in requests if chosen.search(f"{each.method} {each.target}")]
    unanswered = 0
    try:
        for outcome in replay(requests * times, url):
            click.echo(str(outcome), err=bool(outcome.error))
            unanswered += bool(outcome.error)
    except ValueError as error:
        fail(WRONG_USAGE, f"potstill: --to {error}")
    if unanswered:
        sys.exit(FAILED)
