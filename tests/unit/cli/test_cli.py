"""argv → verb: help, usage, errors. Serving itself is in tests/process/test_command.py."""

from __future__ import annotations

import pytest

from potstill import __version__
from potstill.cli.options import VERBS
from potstill.settings import GROUPS, OPTIONS
from tests.support.command import command


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"], ["shop:app", "--help"]])
def test_help_shows_every_option_in_its_group(arguments: list[str]) -> None:
    """The default verb's help is the command's help; it fits a terminal of 80 columns."""
    result = command(*arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: potstill APP [OPTIONS]\n")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    headings = [line.removesuffix(":") for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == [*GROUPS, "Other", "Verbs"]
    group = ""
    shown = {}
    for line in lines:
        if line.removesuffix(":") in GROUPS:
            group = line.removesuffix(":")
        if line.startswith("  --"):
            shown[line.split()[0]] = group
    assert [line.split()[1] for line in lines if line.startswith("  potstill ")] == list(VERBS)
    for option in OPTIONS:
        if not option.positional:
            assert shown[option.flag] == option.about.group
            assert f"[{option.show(option.default)}]" in " ".join(result.stdout.split())


def test_version() -> None:
    """One line."""
    result = command("--version")
    assert (result.exit_code, result.stdout) == (0, f"potstill {__version__}\n")


@pytest.mark.parametrize("arguments", [[], ["--threads", "4"], ["serve"]])
def test_without_an_application_it_says_how_to_name_one(arguments: list[str]) -> None:
    """Exit code 2, with examples."""
    result = command(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "potstill shop:app" in result.stderr
    assert "--help" in result.stderr


def test_print_config_shows_values_and_origins() -> None:
    """Nothing is served, and no application is needed."""
    result = command(
        "--print-config", "shop:app", "--bind", ":1", "--bind", ":2", POTSTILL_KEEPALIVE="2m", PORT="80"
    )
    assert result.exit_code == 0
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert ["bind", ":1,:2", "command line"] in lines
    assert ["keepalive", "2m", "environment POTSTILL_KEEPALIVE"] in lines
    assert ["threads", "8", "default"] in lines
    assert ["app", "shop:app", "command line"] in lines
    assert len(lines) == len(OPTIONS)


def test_the_application_may_come_from_the_environment() -> None:
    """Like every setting; on the command line it may stand before or behind the options."""
    for arguments in (["a:b", "--threads", "4"], ["--threads", "4", "a:b"]):
        assert "a:b" in command("--print-config", *arguments, POTSTILL_APP="c:d").stdout
    assert "c:d" in command("--print-config", POTSTILL_APP="c:d").stdout


def test_all_wrong_settings_are_told_at_once() -> None:
    """A line each, exit code 2."""
    result = command("shop:app", "--threads", "0", "--keepalive", "soon", PORT="http")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("potstill: ") for line in lines)
    assert "potstill: --threads: '0' is not a whole number from 1 to 4096" in lines


def test_a_variable_that_is_nearly_right_is_doubted() -> None:
    """It is told and does not stop anything."""
    result = command("--print-config", POTSTILL_THREAD="4")
    assert result.exit_code == 0
    assert "did you mean 'POTSTILL_THREADS'?" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keep-alive", "5"], "gunicorn's keep-alive is --keepalive here"),
        (["--listen", "*:80"], "waitress's listen is --bind here"),
        (["--thread", "5"], "--threads"),
        (["--threads"], "requires an argument"),
        (["a:b", "c:d"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_gets_a_hint(arguments: list[str], words: str) -> None:
    """Exit code 2; the option that was perhaps meant is named."""
    result = command(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
