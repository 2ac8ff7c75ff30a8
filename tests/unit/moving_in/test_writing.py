"""The text that is written, and that it can be read whatever it was made from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill import __version__
from potstill.config import configure
from potstill.moving_in import writing
from potstill.moving_in.converters import advice, gunicorn_addresses
from potstill.moving_in.gunicorn_table import GUNICORN
from potstill.moving_in.mapping import Found, Function, Row, Said, by_name
from potstill.moving_in.uwsgi_table import UWSGI
from potstill.moving_in.writing import written
from potstill.settings import BY_FIELD
from tests.support.properties import PATIENTLY

ROWS = by_name(
    (
        Row("addresses", ours="bind", convert=gunicorn_addresses),
        Row("loops", ours="threads", note="Fewer will do."),
        Row("lines", ours="limit_request_line"),
        Row("program", ours="app"),
        Row("magic", says="Do it by hand."),
        Row("tricks", ours="threads", convert=advice("Learn them.")),
        Row("future", ours="no_such_option"),
    )
)


def test_a_whole_text() -> None:
    """The application first, then what has an equivalent in its order, then the rest as comments."""
    said = [
        Said("loops", "2", "x.py:1"),
        Said("addresses", ":80", "x.py:2"),
        Said("magic", ["a", Function("function f")], "x.py:3"),
        Said("lines", 131072, "x.py:4", source="2 ** 17"),
        Said("addresses", ["a", ":80"], "x.py:5"),
        Said("program", "shop:app", "x.py:6"),
        Said("loops", 3, "command line"),
        Said("tricks", {"a": None}, "x.py:7"),
        Said("future", 1.5, "x.py:8"),
        Said("loop", True, "x.py:9"),
    ]
    assert (
        written(Found("other", "x.py", ROWS, said, ["By the way."]))
        == f"""\
# Made from x.py by potstill {__version__}, as other understands it.
# Look it through, and let `potstill check` say whether it works here.

app = "shop:app"  # x.py:6
# Fewer will do.
# The value is that of command line; there was another before.
threads = 3  # x.py:1, command line
bind = [":80", "a:8000"]  # x.py:2, x.py:5
# Computed on this machine: 2 ** 17
limit-request-line = "128KiB"  # x.py:4
# Raised, so that the limits on its parts can be reached.
limit-request-head = "128KiB"

# What has no equivalent here, or needs none, as other was told it:
#
# magic = ["a", function f]  (x.py:3)
#   Do it by hand.
#
# tricks = {{a = None}}  (x.py:7)
#   Learn them.
#
# future = 1.5  (x.py:8)
#   This version of Potstill has no no-such-option.
#
# loop = true  (x.py:9)
#   This converter does not know that option of other; did you mean 'loops'?
#
# By the way.
"""
    )


def test_without_an_application_the_text_says_so() -> None:
    """It may be named on the command line as well."""
    assert 'app = "module:name"' in written(Found("other", "x.py", ROWS))


@pytest.mark.parametrize("value", ["0", "many", -1, True, None, {"a": 1}, "\n"])
def test_a_value_that_we_would_refuse_becomes_a_comment(value: object) -> None:
    """With the reason, and the file can be read."""
    text = written(Found("other", "x.py", ROWS, [Said("loops", value, "x.py:1")]))
    assert tomllib.loads(text) == {}
    assert "# loops = " in text


def test_what_is_long_is_cut() -> None:
    """A comment need not hold all of it."""
    said = [Said("magic", "x" * 1000, "x.py:1"), Said("loops", 2, "x.py:2", source="y" * 1000)]
    text = written(Found("other", "x.py", ROWS, said))
    assert f'# magic = "{"x" * 68}…  (x.py:1)\n' in text
    assert f"# {'y' * 149}…\n" in text


def test_what_contradicts_itself_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for people to decide; the remark is the sentence that the loader would raise."""
    monkeypatch.setattr(writing, "contradictions", lambda settings: ["threads 2 is odd"])
    text = written(Found("other", "x.py", ROWS, [Said("loops", 2, "x.py:1")]))
    assert text.endswith("#\n# To be decided: threads 2 is odd.\n")


def test_what_the_hooks_become_when_there_are_some() -> None:
    """A sentence with the line that is to be written, once the option exists."""
    row = GUNICORN["post_worker_init"]
    rows = {"post_worker_init": Row("post_worker_init", ours="app", convert=row.convert)}
    text = written(
        Found("gunicorn", "x.py", rows, [Said("post_worker_init", Function("function f"), "x.py:1")])
    )
    assert 'name it: worker-ready = "module:function".' in " ".join(text.replace("#", "").split())


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("a:1"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("rows", [GUNICORN, UWSGI], ids=["gunicorn", "uwsgi"])
@PATIENTLY
@given(data=st.data())
def test_whatever_was_said_the_text_can_be_read(rows: dict[str, Row], data: st.DataObject) -> None:
    """No value, no name and no place gets out of its comment, and our loader takes what is no comment."""
    names = st.sampled_from(sorted(rows)) | st.text()
    entries = data.draw(st.lists(st.builds(Said, names, ANYTHING, st.text(), st.text()), max_size=4))
    text = written(Found("other", data.draw(st.text()), rows, entries))
    read = tomllib.loads(text)
    assert read.keys() <= {option.name for option in BY_FIELD.values()}


def test_the_text_is_one_that_our_loader_takes(tmp_path: Path) -> None:
    """Addresses too, which the loader looks at more closely."""
    said = [Said("addresses", ["a:b", "[::1"], "x.py:1"), Said("loops", 3, "x.py:2")]
    path = tmp_path / "made.toml"
    path.write_text(written(Found("other", "x.py", ROWS, said)), encoding="utf-8")
    assert configure({}, {}, file=str(path)).settings.threads == 3
