"""Who wins, for whatever was said where."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.config import ConfigurationError, configure
from potstill.settings import BY_FIELD
from tests.support.properties import PATIENTLY

# Options that take any of the one numbers and none of the others, whatever else is set.
RIGHT, WRONG = st.integers(1, 1000), st.integers(-9, -1)
FIELDS = ["backlog", "threads", "graceful_timeout", "header_timeout", "keepalive", "keepalive_requests"]
SAID = st.dictionaries(st.sampled_from(FIELDS), RIGHT, max_size=3)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file that is written anew for each example."""
    return tmp_path_factory.mktemp("precedence") / "potstill.toml"


def write(file: Path, said: dict[str, int]) -> None:
    lines = [f"{BY_FIELD[field].name} = {value}" for field, value in said.items()]
    file.write_text("\n".join(lines), encoding="utf-8")


def variables(said: dict[str, int]) -> dict[str, str]:
    return {BY_FIELD[field].variable: str(value) for field, value in said.items()}


@PATIENTLY
@given(in_file=SAID, environment=SAID, command_line=SAID)
def test_the_strongest_word_counts(
    file: Path, in_file: dict[str, int], environment: dict[str, int], command_line: dict[str, int]
) -> None:
    """Command line, environment, file, default; and the origin is the place of that word."""
    write(file, in_file)
    written = {field: str(value) for field, value in command_line.items()}
    found = configure(variables(environment), written, file=str(file))
    for field in FIELDS:
        if field in command_line:
            value, origin = command_line[field], "command line"
        elif field in environment:
            value, origin = environment[field], f"environment {BY_FIELD[field].variable}"
        elif field in in_file:
            value, origin = in_file[field], f"{file}:{list(in_file).index(field) + 1}"
        else:
            value, origin = BY_FIELD[field].default, "default"
        assert getattr(found.settings, field) == value
        assert found.origins[field] == origin


@PATIENTLY
@given(
    in_file=st.dictionaries(st.sampled_from(FIELDS), WRONG, max_size=3),
    environment=st.dictionaries(st.sampled_from(FIELDS), WRONG, max_size=3),
    command_line=SAID,
)
def test_every_wrong_word_is_told_whoever_wins(
    file: Path, in_file: dict[str, int], environment: dict[str, int], command_line: dict[str, int]
) -> None:
    """As many problems as wrong values, each with its place, also where the command line overrides it."""
    write(file, in_file)
    places = {f"{file}:{number}:" for number in range(1, len(in_file) + 1)}
    places |= {f"environment {name}:" for name in variables(environment)}
    written = {field: str(value) for field, value in command_line.items()}
    if not places:
        configure({}, written, file=str(file))
        return
    with pytest.raises(ConfigurationError) as caught:
        configure(variables(environment), written, file=str(file))
    assert len(caught.value.problems) == len(places)
    for place in places:
        assert any(problem.startswith(place) for problem in caught.value.problems)
