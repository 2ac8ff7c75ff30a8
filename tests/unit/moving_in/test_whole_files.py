"""Files as they are in use → the file we would have written by hand.

`theirs/` holds the configurations, `ours/` what they amount to. An option in `ours/` that this version does
not have yet is left out of the comparison: FALLING_BACK below has them all.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from potstill.config import Configuration, configure
from potstill.config.files import BY_NAME
from potstill.config.toml import toml_value
from potstill.moving_in import gunicorn, uwsgi
from potstill.moving_in.gunicorn_table import ROWS as GUNICORN_ROWS
from potstill.moving_in.gunicorn_table import SYNC_TIMEOUT
from potstill.moving_in.mapping import Found
from potstill.moving_in.uwsgi_table import ROWS as UWSGI_ROWS
from potstill.moving_in.writing import written
from potstill.settings import BY_FIELD

HERE = Path(__file__).parent
PAIRS = [
    ("django.conf.py", "django.toml"),
    ("container.conf.py", "container.toml"),
    ("small.conf.py", "small.toml"),
    ("django.ini", "django-ini.toml"),
    ("flask.ini", "flask-ini.toml"),
]
# Fields of ours that the tables name and the option table lacks: their lines become comments. Whoever adds
# such an option takes it off this list, and the comparison below covers it.
FALLING_BACK: set[str] = set()


def converted(name: str) -> Found:
    path = str(HERE / "theirs" / name)
    if name.endswith(".ini"):
        return uwsgi.from_ini(path, os.environ)
    return gunicorn.from_file(path, os.environ, use_environ=False)


def loaded(text: str, path: Path) -> Configuration:
    """Read by our own loader, with nothing else having a say."""
    path.write_text(text, encoding="utf-8")
    return configure({}, {}, file=str(path))


@pytest.mark.slow
@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_a_file_becomes_what_it_amounts_to(theirs: str, ours: str, tmp_path: Path) -> None:
    """The text is a potstill.toml, with the values one would have written; nothing that was said is lost."""
    found = converted(theirs)
    text = written(found)
    configuration = loaded(text, tmp_path / "converted.toml")
    by_hand = tomllib.loads((HERE / "ours" / ours).read_text(encoding="utf-8"))
    known = {name: value for name, value in by_hand.items() if name in BY_NAME}
    expected = loaded(
        "\n".join(f"{name} = {toml_value(value)}" for name, value in known.items()), tmp_path / "hand.toml"
    )
    assert configuration.settings == expected.settings
    assert tomllib.loads(text).keys() == known.keys()
    for said in found.said:
        assert said.place in text


def test_options_that_fall_back_are_known() -> None:
    """Every option of ours that a table names is in the option table, but for those that are to come."""
    named = {row.ours for row in (*GUNICORN_ROWS, SYNC_TIMEOUT, *UWSGI_ROWS) if row.ours}
    assert named - BY_FIELD.keys() == FALLING_BACK
    assert {name.replace("-", "_") for _, ours in PAIRS for name in expected_names(ours)} <= named | {
        "limit_request_head"
    }


def expected_names(ours: str) -> list[str]:
    return list(tomllib.loads((HERE / "ours" / ours).read_text(encoding="utf-8")))
