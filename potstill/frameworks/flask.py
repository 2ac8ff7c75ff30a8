"""`flask --app shop potstill`: the application of Flask's command line, served by Potstill.

With `flask --debug` that is `potstill --dev`. All other options are those of `potstill serve`.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
from flask.cli import ScriptInfo
from flask.helpers import get_debug_flag

from potstill.dev.discovery import discover, of_flask
from potstill.frameworks import become


@click.command(
    "potstill",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
    short_help="Serve the application with Potstill.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Serve the application with Potstill; takes the options of `potstill serve`."""
    info = context.ensure_object(ScriptInfo)
    here = Path.cwd()
    if info.app_import_path is not None:
        app = of_flask(info.app_import_path, here)
    elif info.create_app is not None:
        raise click.UsageError("this command makes its application itself; name it: potstill MODULE:NAME")
    else:
        found = discover(os.environ, here)
        if found is None:
            raise click.UsageError("which application? Name it: flask --app shop potstill")
        app = found.app
    said = any(each in ("--dev", "--no-dev") for each in arguments)
    become(app, [*(["--dev"] if get_debug_flag() and not said else []), *arguments])
