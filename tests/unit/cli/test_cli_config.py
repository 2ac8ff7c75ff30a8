"""`potstill config`: what is in force, and from where."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from potstill.settings import OPTIONS
from tests.support.command import command

ARGUMENTS = ["shop:app", "--threads", "2"]


def test_it_prints_what_print_config_prints() -> None:
    """One implementation, two ways to ask for it."""
    Path("potstill.toml").write_text("backlog = 5", encoding="utf-8")
    shown = command("config", *ARGUMENTS, POTSTILL_KEEPALIVE="2m")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout == command(*ARGUMENTS, "--print-config", POTSTILL_KEEPALIVE="2m").stdout
    lines = [line.split(maxsplit=2) for line in shown.stdout.splitlines()]
    assert len(lines) == len(OPTIONS)
    assert ["app", "shop:app", "command line"] in lines
    assert ["keepalive", "2m", "environment POTSTILL_KEEPALIVE"] in lines
    assert ["backlog", "5", "potstill.toml:1"] in lines


def test_other_forms() -> None:
    """TOML that can be kept, JSON that can be asked."""
    kept = command("config", *ARGUMENTS, "--format", "toml").stdout
    assert tomllib.loads(kept)["threads"] == 2
    Path("kept.toml").write_text(kept, encoding="utf-8")
    again = json.loads(command("config", "-c", "kept.toml", "--format", "json").stdout)
    assert again["file"] == "kept.toml"
    assert again["options"]["app"]["value"] == "shop:app"
    assert again["options"]["threads"]["origin"].startswith("kept.toml:")


def test_the_schema_is_printed_whatever_is_wrong() -> None:
    """It says what is right."""
    Path("potstill.toml").write_text("threads = 0", encoding="utf-8")
    shown = command("config", "--schema")
    assert shown.exit_code == 0
    Draft7Validator.check_schema(json.loads(shown.stdout))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "yaml"], "'text', 'toml', 'json'"),
        (["-c", "gunicorn.conf.py"], "potstill import-config gunicorn.conf.py"),
        (["--threads", "0"], "potstill: --threads: '0' is not a whole number"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    """Exit code 2, nothing on standard output."""
    shown = command("config", *arguments)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert words in shown.stderr


def test_what_is_doubtful_is_told() -> None:
    """On standard error, so that the output can be used."""
    Path("pyproject.toml").write_text("[tool.potstill]", encoding="utf-8")
    Path("potstill.toml").write_text("", encoding="utf-8")
    shown = command("config", "--format", "json", POTSTILL_THREAD="3")
    assert json.loads(shown.stdout)["file"] == "potstill.toml"
    assert [line.split(": ")[1] for line in shown.stderr.splitlines()] == [
        "pyproject.toml:1:7",
        "environment POTSTILL_THREAD is not known and was ignored; did you mean 'POTSTILL_THREADS'?",
    ]
