"""`potstill config`: every setting and where it came from, or the JSON Schema of the file."""

from __future__ import annotations

import json
from typing import Any

import click

from potstill.cli.options import TABLES, VERBS, SettingsCommand, configured, parameters
from potstill.config import Configuration
from potstill.config.schema import json_schema
from potstill.config.showing import FORMATS, show


@click.command(
    "config",
    cls=SettingsCommand,
    params=parameters(),
    short_help=VERBS["config"],
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default=FORMATS[0], help="How to print it. [text]"
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of potstill.toml, and exit.")
def config(config_file: str | None, form: str, schema: bool, **given: Any) -> None:
    """Print every setting as it would be in force, and where it came from: the command line, the environment,
    a line of a file, or the default. Takes the options of `potstill serve`.

    With --schema, print what an editor needs to help with potstill.toml. Nothing is served or loaded.
    """
    if schema:
        click.echo(json.dumps(json_schema(TABLES), indent=2))
    else:
        print_configuration(configured(config_file, given), form)


def print_configuration(configuration: Configuration, form: str = FORMATS[0]) -> None:
    click.echo(show(configuration, form))
