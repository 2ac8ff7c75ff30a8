"""`potstill import-config`, from the terminal."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.support.command import command


def test_a_command_line() -> None:
    """Everything behind `--` is gunicorn's; its path does not matter, the environment only when asked."""
    arguments = ["--", "/venv/bin/gunicorn", "-b", ":81", "--threads", "4", "shop:app"]
    made = command("import-config", *arguments, GUNICORN_CMD_ARGS="--threads 9 --backlog 7")
    assert (made.exit_code, made.stderr) == (0, "")
    values = {"app": "shop:app", "bind": [":81"], "threads": 4}
    assert {**tomllib.loads(made.stdout), **values} == tomllib.loads(made.stdout)
    assert "backlog" not in made.stdout
    made = command("import-config", "--env", *arguments, GUNICORN_CMD_ARGS="--threads 9 --backlog 7")
    values["backlog"] = 7
    assert {**tomllib.loads(made.stdout), **values} == tomllib.loads(made.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [("gunicorn.conf.py", "bind = ':' + str(81)"), ("uwsgi.ini", "[uwsgi]\nhttp = :81")],
)
def test_what_is_written_is_what_is_served(name: str, text: str) -> None:
    """Kept as potstill.toml it is found, and says where its values come from."""
    Path(name).write_text(text, encoding="utf-8")
    made = command("import-config", name)
    assert made.exit_code == 0
    Path("potstill.toml").write_text(made.stdout, encoding="utf-8")
    shown = command("config", "shop:app").stdout
    assert ["bind", ":81"] in [line.split()[:2] for line in shown.splitlines() if "potstill.toml:" in line]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Missing argument"),
        (["gunicorn.conf.py"], 1, "gunicorn.conf.py does not exist"),
        (["nothing.ini"], 1, "nothing.ini: cannot be read"),
        (["a.py", "b.py"], 2, "name one file"),
        (["potstill.toml"], 2, "neither a Python file"),
        (["--", "gunicorn", "--workerz", "3"], 1, "gunicorn would not understand this command line"),
    ],
)
def test_wrong_usage(arguments: list[str], code: int, words: str) -> None:
    """Nothing is written."""
    made = command("import-config", *arguments)
    assert (made.exit_code, made.stdout) == (code, "")
    assert words in made.stderr
