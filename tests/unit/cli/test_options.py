"""What the verbs share: the way to a configuration, and how its errors are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from potstill.cli import verbs
from potstill.cli.options import VERBS
from tests.support.command import command


@pytest.mark.parametrize("verb", [[], ["serve"], ["check"], ["config"]])
def test_errors_of_all_places_come_at_once(verb: list[str]) -> None:
    """From a file, the environment and the command line, whatever the verb: a line each, exit code 2."""
    Path("potstill.toml").write_text('thread = 1\nkeepalive = "soon"\n', encoding="utf-8")
    result = command(*verb, "shop:app", "--backlog", "0", POTSTILL_MIN_RATE="fast")
    assert (result.exit_code, result.stdout) == (2, "")
    assert [line.partition(": ")[2].partition(": ")[0] for line in result.stderr.splitlines()] == [
        "potstill.toml:1:1",
        "potstill.toml:2:13",
        "environment POTSTILL_MIN_RATE",
        "--backlog",
    ]


@pytest.mark.parametrize("name", ["gunicorn.conf.py", "uwsgi.ini"])
def test_a_file_of_another_server_is_not_run(name: str) -> None:
    """The error says how to convert it."""
    Path(name).write_text("open('ran', 'w')", encoding="utf-8")
    result = command("-c", name, "shop:app")
    assert result.exit_code == 2
    assert f"\n    potstill import-config {name} > potstill.toml\n" in result.stderr
    assert not Path("ran").exists()


def test_every_verb_is_listed() -> None:
    """In --help of the default verb, where somebody looks for them."""
    assert VERBS.keys() == verbs.commands.keys()


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_help(verb: str) -> None:
    """With its own name in the usage, within 80 columns."""
    result = command(verb, "--help")
    assert result.exit_code == 0
    name = "potstill" if verb == "serve" else f"potstill {verb}"
    assert result.stdout.startswith(f"Usage: {name} ")
    assert max(map(len, result.stdout.splitlines())) <= 80
