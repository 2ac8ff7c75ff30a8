"""What the verbs share: options made from the table, exit codes, and the way to a configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import click
import msgspec

from potstill.cli.site_tables import SITES, TLS
from potstill.config import Configuration, ConfigurationError, configure
from potstill.config.layers import renamed
from potstill.settings import BY_FIELD, GROUPS, OPTIONS, Option, Settings

if TYPE_CHECKING:
    from potstill.dev.discovery import Found

FAILED, WRONG_USAGE, APPLICATION_RAISED, INTERRUPTED = 1, 2, 3, 130

# The width of the left column of --help; a longer option has a line to itself.
HELP_COLUMN = 26

# The tables of potstill.toml that are no options, with who reads them.
SITE, CERTIFICATE = "site", "tls"
TABLES = MappingProxyType({SITE: SITES, CERTIFICATE: TLS})

VERBS = {
    "serve": "Serve an application; it need not be written.",
    "check": "Is everything right? Settings, addresses, application; serves nothing.",
    "config": "Every setting and where it came from; --schema for editors.",
    "import-config": "The potstill.toml for a gunicorn.conf.py, a uwsgi.ini or a command line.",
    "explain-proxy": "What would be believed of a proxy's header fields, and why.",
    "top": "What a running server is doing now: rates, latencies, workers, requests.",
    "metrics": "The numbers of a running server, as Prometheus reads them.",
    "replay": "Send requests again that --record has written.",
    "cgi": "Run an application once, as a web server's CGI program.",
}


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
        if self.name == "serve":
            formatter.write_usage("potstill", "APP [OPTIONS]")
        else:
            formatter.write_usage(f"potstill {self.name}", "[APP] [OPTIONS]")

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
        with formatter.section("Verbs"):
            records = [(f"potstill {verb}".ljust(HELP_COLUMN), text) for verb, text in VERBS.items()]
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


def parameters() -> list[click.Parameter]:
    """The options of every verb that works on a configuration."""
    file = click.Option(
        ["--config", "-c", "config_file"],
        metavar="FILE",
        help="The configuration file. [potstill.toml, or [tool.potstill] in pyproject.toml]",
    )
    return [*(parameter(option) for option in OPTIONS), file]


def configured(file: str | None, given: Mapping[str, Any]) -> Configuration:
    """The configuration of this run; ends the process when it is wrong, with all that is wrong."""
    try:
        configuration = reconfigured(file, given)
    except ConfigurationError as error:
        fail(WRONG_USAGE, "\n".join(f"potstill: {problem}" for problem in error.problems))
    for doubt in configuration.doubts:
        click.echo(f"potstill: {doubt}", err=True)
    return configuration


def reconfigured(file: str | None, given: Mapping[str, Any]) -> Configuration:
    """The same for who goes on when it is wrong, as a reload does: raises ConfigurationError."""
    written = {field: value for field, value in given.items() if value not in (None, ())}
    return configure(os.environ, written, file=file, tables=TABLES)


def settings_of(configuration: Configuration) -> Settings:
    """The settings with the tables of the file, as those who serve want them; at the desk, with what is found
    to be served.
    """
    tables = configuration.tables
    settings = msgspec.structs.replace(
        configuration.settings, sites=tables.get(SITE, ()), tls=tables.get(CERTIFICATE, ())
    )
    found = discovered(configuration)
    if found is None:
        return settings
    os.environ.update(found.variables)
    return msgspec.structs.replace(settings, app=found.app)


def discovered(configuration: Configuration) -> Found | None:
    """The application of this directory, when --dev has none to serve; None, too, when there is none."""
    if not configuration.settings.dev or serves_something(configuration):
        return None
    from potstill.dev.discovery import discover

    return discover(os.environ, Path.cwd())


def settings_again(file: str | None, given: Mapping[str, Any]) -> Settings:
    """What they are by now, for a reload: raises ConfigurationError."""
    return settings_of(reconfigured(file, given))


def serves_something(configuration: Configuration) -> bool:
    """Whether there is an application, a route or a site."""
    settings = configuration.settings
    return bool(settings.app or settings.has_routes or configuration.tables.get(SITE))


def problems_of(error: Exception) -> Sequence[str]:
    """The sentences of an error, of which some have several."""
    problems: Sequence[str] = getattr(error, "problems", (str(error),))
    return problems


def fail(code: int, message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)
