"""argv → a verb. `serve` is the verb that is meant when none is named.

    potstill app:app --bind :8000          the same as `potstill serve app:app --bind :8000`
    potstill explain-proxy …               what would be believed of a proxy's headers (explain_proxy.py)

Options are made from the table in `potstill.settings`. Click only splits argv: it hands on what was written,
as text, and `potstill.config` judges it together with the other places, so that all errors come at once.

Exit codes: 0 fine, 1 an address cannot be listened on, 2 usage or the name of the application, 3 the
application raised while it was loaded, 130 Ctrl+C while it was being loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from potstill import __version__
from potstill.cgi_command import cgi
from potstill.config import (
    ConfigurationError,
    command_line_layer,
    doubtful_variables,
    environment_layer,
    renamed,
    report,
    resolve,
)
from potstill.explain_proxy import explain_proxy
from potstill.settings import BY_FIELD, GROUPS, OPTIONS, Option, Settings

FAILED, WRONG_USAGE, APPLICATION_RAISED, INTERRUPTED = 1, 2, 3, 130

# The width of the left column of --help; a longer option has a line to itself.
HELP_COLUMN = 26

NO_APPLICATION = """\
potstill: which application? Name the module and what is in it:

    potstill shop:app                     'app' of shop.py
    potstill shop.web:site.wsgi           an attribute, in a package
    potstill "shop:create_app()"          what a function returns
    potstill shop                         'application' or 'app' of shop.py

`potstill --help` lists the options."""

EXAMPLES = """\
\b
Examples:
  potstill shop:app
  potstill shop:app --bind :8000 --threads 16
  potstill "shop:create_app('production')" --bind unix:/run/shop.sock
"""


class Verbs(click.Group):
    """Verbs, of which `serve` need not be written."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["serve", *args]
        return super().parse_args(ctx, args)


class SettingsCommand(click.Command):
    """A command whose options are the table's; its help shows them by group."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = renamed(error.option_name)
            if hint is not None:
                raise click.UsageError(f"No such option: {error.option_name} ({hint})", ctx) from None
            raise

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage("potstill", "APP [OPTIONS]")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in (*GROUPS, "Other")}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                option = BY_FIELD.get(param.name or "")
                term = record[0].ljust(HELP_COLUMN)  # one column for all groups
                groups[option.about.group if option else "Other"].append((term, record[1]))
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records, col_max=HELP_COLUMN)


def parameter(option: Option) -> click.Parameter:
    """An option of the table as click knows it; the value is text, or missing when it was not given."""
    if option.positional:
        return click.Argument([option.field], required=False, metavar=option.about.kind.metavar)
    if option.switch:
        return click.Option(
            [f"{option.flag}/--no-{option.name}", option.field],
            default=None,
            help=f"{option.help} [{option.show(option.default)}]",
        )
    return click.Option(
        [option.flag, option.field],
        multiple=option.repeatable,
        metavar=option.about.kind.metavar,
        help=f"{option.help} [{option.show(option.default)}]",
    )


@click.group(cls=Verbs)
def verbs() -> None:
    """Serve a WSGI application."""


@verbs.command(
    "serve",
    cls=SettingsCommand,
    params=[parameter(option) for option in OPTIONS],
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.option("--print-config", is_flag=True, help="Print every setting and where it came from, and exit.")
@click.version_option(__version__, prog_name="potstill", message="%(prog)s %(version)s")
def serve(print_config: bool, **given: Any) -> None:
    """Serve the WSGI application APP: module:name, module:factory(), package.module:object.attribute, or
    a module that has an 'application' or an 'app'.

    Times are written 30, 30s, 5m, 1h or 250ms, sizes 8190, 16KiB, 1MiB or 1GiB. Each option may also be set
    in the environment: --limit-request-line is POTSTILL_LIMIT_REQUEST_LINE. PORT=8000 means
    --bind 0.0.0.0:8000 when nothing else says where to bind. The command line wins.
    """
    written = {field: value for field, value in given.items() if value not in (None, ())}
    try:
        configuration = resolve(
            [environment_layer(os.environ, port="bind" not in written), command_line_layer(written)]
        )
    except ConfigurationError as error:
        fail(WRONG_USAGE, "\n".join(f"potstill: {problem}" for problem in error.problems))
    for doubt in doubtful_variables(os.environ):
        click.echo(f"potstill: {doubt}", err=True)
    if print_config:
        click.echo(report(configuration))
    elif not configuration.settings.app and not configuration.settings.has_routes:
        fail(WRONG_USAGE, NO_APPLICATION)
    else:
        run(configuration.settings)


verbs.add_command(explain_proxy)


def run(settings: Settings) -> None:
    """Listen, load the application, and serve it to the end of this process."""
    # What follows loads the compiled core, sockets and threads: `--help` and `--version` do without.
    from potstill.assemble import (
        ApplicationLoadError,
        ApplicationNameError,
        SitesError,
        application_of,
        engine_options,
    )
    from potstill.net.bind import BindError, open_listeners
    from potstill.worker.console import set_up_logging, start_line, tell
    from potstill.worker.leave import Leaving
    from potstill.worker.process import make_worker

    leaving = Leaving()
    try:
        listeners = open_listeners(settings.bind, settings.backlog)
    except BindError as error:
        fail(FAILED, f"potstill: {error}")
    try:
        application = application_of(settings)
        set_up_logging(settings.log_level)
        urls = [listener.url for listener in listeners]
        options = engine_options(settings)
        worker = make_worker(application, listeners, options, graceful_timeout_s=settings.graceful_timeout)
        worker.start()
        tell(start_line(settings.app or "its routes", urls, settings.threads))
        ending = worker.serve(afterwards=leaving.now)
    except ApplicationNameError as error:
        fail(WRONG_USAGE, f"potstill: {error}")
    except SitesError as error:
        fail(WRONG_USAGE, "\n".join(f"potstill: {problem}" for problem in error.problems))
    except ApplicationLoadError as error:
        fail(APPLICATION_RAISED, f"{error}\npotstill: {settings.app} raised while it was loaded")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        for listener in listeners:
            listener.close()
    leaving.arm(stuck=bool(ending.stuck), patience_s=ending.time_left_s)


verbs.add_command(cgi)


def fail(code: int, message: str) -> None:
    click.echo(message, err=True)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; ends the process."""
    verbs.main(args=None if arguments is None else list(arguments), prog_name="potstill")
