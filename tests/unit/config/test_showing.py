"""The outcome in three forms, and that the TOML form means what it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.config import Configuration, TableReader, configure
from potstill.config.showing import FORMATS, plain, show
from potstill.config.toml import toml_value
from potstill.settings import BY_FIELD, OPTIONS, Option, Settings, max_connections_auto
from potstill.settings.kinds import Duration, Size, Whole
from tests.support.properties import PATIENTLY


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """Something from every place."""
    monkeypatch.chdir(tmp_path)
    Path("potstill.toml").write_text('bind = [":80", "unix:/run/x"]\n[site]\n', encoding="utf-8")
    environ = {"POTSTILL_LIMIT_REQUEST_BODY": "10MiB", "POTSTILL_SERVER_HEADER": ""}
    reader = TableReader(lambda section: section.value, dict)
    return configure(environ, {"threads": "2"}, tables={"site": reader})


def test_as_text(configuration: Configuration) -> None:
    """A line for every option: name, value and origin; `auto` with what it means here."""
    columns = [line.split("  ") for line in show(configuration, "text").splitlines()]
    rows = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in columns}
    assert list(rows) == [option.name for option in OPTIONS]
    assert rows["limit-request-body"] == ["10MiB", "environment POTSTILL_LIMIT_REQUEST_BODY"]
    assert rows["threads"] == ["2", "command line"]
    assert rows["bind"] == [":80,unix:/run/x", "potstill.toml:1"]
    assert rows["max-connections"] == [f"auto ({max_connections_auto()})", "default"]


def test_as_json(configuration: Configuration) -> None:
    """Values as a file would have them, each with its origin."""
    shown = json.loads(show(configuration, "json"))
    assert shown["file"] == "potstill.toml"
    assert list(shown["options"]) == [option.name for option in OPTIONS]
    assert shown["options"]["bind"] == {"value": [":80", "unix:/run/x"], "origin": "potstill.toml:1"}
    assert shown["options"]["max-connections"] == {"value": "auto", "origin": "default"}
    assert shown["options"]["spool-dir"] == {"value": None, "origin": "default"}


def test_as_toml_it_means_the_same(configuration: Configuration) -> None:
    """Read as a file it gives the same settings, each line with its origin; other tables are mentioned."""
    text = show(configuration, "toml")
    Path("again.toml").write_text(text, encoding="utf-8")
    assert configure({}, {}, file="again.toml").settings == configuration.settings
    assert "threads = 2                             # command line" in text.splitlines()
    assert "# The tables 'site' of potstill.toml are not shown." in text
    assert set(FORMATS) == {"text", "toml", "json"}


NUMBERS = [option for option in OPTIONS if isinstance(option.about.kind, (Whole, Size, Duration))]


@PATIENTLY
@given(st.sampled_from(NUMBERS), st.integers(0, 10**12) | st.decimals(0, 86400, places=3).map(float))
def test_every_number_survives_being_written(option: Option, number: float) -> None:
    """What is shown, and what a file has, is read as the same value."""
    kind = option.about.kind
    try:
        value = kind.read(number)
    except ValueError:
        return
    assert kind.read(plain(option, value)) == pytest.approx(value, abs=1e-9)
    assert kind.read(option.show(value)) == pytest.approx(value, abs=1e-9)
    assert "e+" not in toml_value(plain(option, value))


def test_plain_values_of_defaults() -> None:
    """The way one would write them."""
    shown = {field: plain(BY_FIELD[field], getattr(Settings(), field)) for field in ("threads", "keepalive")}
    assert shown == {"threads": 8, "keepalive": "75s"}
    assert plain(BY_FIELD["limit_request_line"], 8190) == 8190
    assert plain(BY_FIELD["limit_request_body"], 1 << 30) == "1GiB"
    assert plain(BY_FIELD["spool_dir"], None) is None
