"""A TOML file as a document, and plain values as TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.config.toml import FILE_BYTES_MAX, TomlError, parse_document, read_document, toml_value
from tests.support.properties import PATIENTLY

SCALARS = st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text()


def test_places_of_a_document() -> None:
    """The key's, the value's, and where there is none the nearest above."""
    document = parse_document("some.toml", b'a = 1\n[t]\nb = ["x",\n "y"]\n')
    assert document.key_place("t", "b") == "some.toml:3:1"
    assert document.value_place("t", "b", 1) == "some.toml:4:2"
    assert document.value_place("t") == "some.toml:2:2"
    assert document.key_place("t", "nothing") == "some.toml:2:2"
    assert document.key_place() == "some.toml"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"a = 1\nb = \xff", "some.toml:2:5: is not UTF-8"),
        ("é = 'ü' # ".encode() + b"\xe9", "some.toml:1:11: is not UTF-8"),
        (b"a = 1\nb = = 2", "some.toml:2:5: Invalid value"),
        (b"a = 1\na = 2", "some.toml:2:6: Cannot overwrite a value"),
        (b"\xef\xbb\xbfa = 1", "some.toml:1:1: "),
        (b"a = " + b"[" * 100_000, "some.toml: is nested too deeply"),
    ],
)
def test_what_is_no_toml_is_told_with_its_place(raw: bytes, words: str) -> None:
    """In characters, not bytes."""
    with pytest.raises(TomlError) as caught:
        parse_document("some.toml", raw)
    assert str(caught.value).startswith(words)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """The file is named, with the system's word; what is far too large is not read."""
    with pytest.raises(TomlError, match=r"nothing\.toml: cannot be read: No such file"):
        read_document(str(tmp_path / "nothing.toml"))
    with pytest.raises(TomlError, match="cannot be read: Is a directory"):
        read_document(str(tmp_path))
    (tmp_path / "large.toml").write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    with pytest.raises(TomlError, match="is larger than 1048576 bytes"):
        read_document(str(tmp_path / "large.toml"))
    (tmp_path / "just.toml").write_bytes(b"a=1\n" + b"#" * (FILE_BYTES_MAX - 4))
    assert read_document(str(tmp_path / "just.toml")).data == {"a": 1}


@PATIENTLY
@given(SCALARS | st.lists(SCALARS, max_size=3))
def test_a_plain_value_is_read_as_it_was_written(value: object) -> None:
    """Whatever it holds: quotes, newlines, control characters."""
    assert tomllib.loads(f"x = {toml_value(value)}") == {"x": value}


def test_values_that_no_option_takes_are_described() -> None:
    """In errors: a table is not printed whole."""
    data = tomllib.loads("a = 1979-05-27\nb = {c = 1}\nd = nan")
    assert [toml_value(data[key]) for key in "abd"] == ["1979-05-27", "a table", "nan"]
