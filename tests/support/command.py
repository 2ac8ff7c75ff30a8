"""The command inside this process: what it prints, and its exit code."""

from __future__ import annotations

from click.testing import CliRunner, Result

from potstill.cli import verbs
from potstill.settings import OPTIONS


def command(*arguments: str, **environment: str) -> Result:
    """The command's output and exit code; the environment has only what is given."""
    runner = CliRunner(
        env={option.variable: None for option in OPTIONS}
        | {"PORT": None, "POTSTILL_CONFIG": None}
        | environment
    )
    return runner.invoke(verbs, list(arguments), prog_name="potstill", terminal_width=80)
