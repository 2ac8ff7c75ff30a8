"""`potstill import-config`: the configuration of another server → potstill.toml, on standard output."""

from __future__ import annotations

import os

import click

from potstill.cli.options import FAILED, VERBS, WRONG_USAGE, fail

EXAMPLES = """\
\b
Examples:
  potstill import-config gunicorn.conf.py > potstill.toml
  potstill import-config uwsgi.ini > potstill.toml
  potstill import-config -- gunicorn -w 4 -b :8000 shop:app
"""

# Files that must not be taken for a program by mistake.
NEITHER = (".toml", ".yaml", ".yml", ".json", ".xml", ".sh")


@click.command(
    "import-config",
    short_help=VERBS["import-config"],
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.option(
    "--env", is_flag=True, help="Read GUNICORN_CMD_ARGS, WEB_CONCURRENCY and FORWARDED_ALLOW_IPS as well."
)
@click.argument("what", nargs=-1, required=True, metavar="FILE | -- gunicorn ARGUMENTS")
def import_config(env: bool, what: tuple[str, ...]) -> None:
    """Print the potstill.toml that is equivalent to a gunicorn.conf.py, a uwsgi.ini, or a command line of
    gunicorn. What has no equivalent becomes a comment that says what to do instead.

    A gunicorn.conf.py is a program: it is run, in a process of its own and within 20 seconds, as gunicorn
    would run it. Do not convert a file that you would not let gunicorn read.
    """
    from potstill.moving_in import gunicorn, uwsgi
    from potstill.moving_in.mapping import MovingInError
    from potstill.moving_in.writing import written

    try:
        if os.path.basename(what[0]) == "gunicorn":
            found = gunicorn.from_command_line(what[1:], os.environ, use_environ=env)
        elif len(what) > 1:
            fail(WRONG_USAGE, "potstill: name one file, or write -- gunicorn and its arguments")
        elif what[0].partition(":")[0].lower().endswith(".ini"):
            found = uwsgi.from_ini(what[0], os.environ)
        elif what[0].lower().endswith(NEITHER):
            fail(
                WRONG_USAGE,
                f"potstill: {what[0]} is neither a Python file, as gunicorn has, nor an ini of uWSGI",
            )
        else:
            found = gunicorn.from_file(what[0], os.environ, use_environ=env)
    except MovingInError as error:
        fail(FAILED, f"potstill: {error}")
    click.echo(written(found), nl=False)
