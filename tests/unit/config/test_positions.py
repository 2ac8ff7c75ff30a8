"""Where keys and values of a TOML text stand, with tomllib as the judge of what there is to find."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from potstill.config.positions import Path, Position, error_position, positions
from tests.support.properties import PATIENTLY

TEXT = '''\
# a comment = 1
app = "shop:app"
limits.line = 8190
 "quoted \\u0041" = 'x'

[ tool . "pot still" ] # ] a header
bind = [":80",   # first
  ":81" ]
inner = { a = 1, b.c = [{ d = 2 }, { d = 3 }] }

[[site]]
host = """
[[site]]
x = 1\\
"""""
[site.tls]
on = 1979-05-27 07:32:00
[[site]]
[site.tls]
on = false
[[site.route]]
path = \'\'\'
= '\'\'\'
'''

KEYS: list[tuple[Path, Position]] = [
    (("app",), Position(2, 1)),
    (("limits",), Position(3, 1)),
    (("limits", "line"), Position(3, 8)),
    (("quoted A",), Position(4, 2)),
    (("tool",), Position(6, 3)),
    (("tool", "pot still"), Position(6, 10)),
    (("tool", "pot still", "bind"), Position(7, 1)),
    (("tool", "pot still", "inner", "b", "c"), Position(9, 20)),
    (("tool", "pot still", "inner", "b", "c", 1, "d"), Position(9, 38)),
    (("site",), Position(11, 3)),
    (("site", 0), Position(11, 3)),
    (("site", 0, "host"), Position(12, 1)),
    (("site", 0, "tls"), Position(16, 7)),
    (("site", 1), Position(18, 3)),
    (("site", 1, "tls", "on"), Position(20, 1)),
    (("site", 1, "route", 0, "path"), Position(22, 1)),
]
VALUES: list[tuple[Path, Position]] = [
    (("app",), Position(2, 7)),
    (("tool", "pot still", "bind", 0), Position(7, 9)),
    (("tool", "pot still", "bind", 1), Position(8, 3)),
    (("tool", "pot still", "inner", "b", "c", 0), Position(9, 25)),
    (("site", 0, "tls", "on"), Position(17, 6)),
    (("site", 1, "tls", "on"), Position(20, 6)),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_form_of_a_key_is_found(newline: str) -> None:
    """Bare, quoted, dotted keys, headers, arrays of tables, inline tables, between strings that mislead."""
    text = TEXT.replace("\n", newline)
    found = positions(text)
    assert [(path, found.keys.get(path)) for path, _ in KEYS] == KEYS
    assert [(path, found.values.get(path)) for path, _ in VALUES] == VALUES
    assert set(found.keys) >= set(paths(tomllib.loads(text)))


def paths(data: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every key in what tomllib returns."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*path, key)
            yield from paths(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from paths(value, (*path, number))


def at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def judge(text: str) -> None:
    """Whatever tomllib finds has a position, and what stands there is that key or such a value."""
    data = tomllib.loads(text)
    found = positions(text)
    lines = text.replace("\r\n", "\n").split("\n")
    for path in paths(data):
        line, column = found.keys[path]
        assert begins_with_key(lines[line - 1][column - 1 :], str(path[-1])), (path, line, column)
    for path, (line, column) in found.values.items():
        here = lines[line - 1][column - 1 :]
        assert begins_like(here, at(data, path)), (path, here)


def begins_with_key(text: str, key: str) -> bool:
    """Whether some beginning of the text, taken as a key, is that key."""
    if text.startswith(key) and not text[len(key) : len(key) + 1].isalnum():
        return True
    for end in range(2, len(text) + 1):
        try:
            if list(tomllib.loads(f"{text[:end]}=0")) == [key]:
                return True
        except tomllib.TOMLDecodeError:
            continue
    return False


def begins_like(text: str, value: object) -> bool:
    match value:
        case bool():
            return text.startswith(str(value).lower())
        case str():
            return text[:1] in {'"', "'"}
        case list():
            return text.startswith("[")
        case dict():
            return text.startswith("{")
        case _:
            return text[:1] in set("0123456789+-in")


BARE = st.text("abc-_9", min_size=1, max_size=3)
QUOTED = st.text("ab.= #]\t'", max_size=4).map(lambda text: f'"{text}"')
LITERAL = st.text('ab.= #]"\\', max_size=4).map(lambda text: f"'{text}'")
DOTTED = st.lists(BARE | QUOTED | LITERAL, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([".", " . ", ".\t"]).map(lambda dot: dot.join(parts))
)
SCALARS = st.sampled_from(
    [
        *("1", "-1.5e3", "true", "inf", "0x1F", "1979-05-27 07:32:00", "07:32:00", '""', "''"),
        *('"#\\"]="', "'a]\\'", '"""a\n[b]\n"" \\""""', '""""quoted"""""', "'''\n''c'''''", '"\\\\"'),
    ]
)
BLANK = st.sampled_from(["", " ", "\t", "\n", " # [c]\n", "\r\n  "])


def array_of(items: list[tuple[str, str]], last: str) -> str:
    """An array whose items have blank space on both sides."""
    return "[" + last + ",".join(blank + item + blank for item, blank in items) + last + "]"


def collections(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arrays = st.builds(array_of, st.lists(st.tuples(values, BLANK), max_size=3), BLANK)
    pairs = st.lists(st.tuples(DOTTED, values), max_size=3)
    tables = pairs.map(lambda each: "{ " + ", ".join(f"{key} = {value}" for key, value in each) + " }")
    return arrays | tables


VALUE = st.recursive(SCALARS, collections, max_leaves=6)
STATEMENT = st.one_of(
    st.tuples(DOTTED, VALUE).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    DOTTED.map(lambda key: f"[{key}]"),
    DOTTED.map(lambda key: f"[[ {key} ]] # ]]"),
    st.sampled_from(["", "# x = 1", "\t"]),
)


@PATIENTLY
@given(st.lists(STATEMENT, max_size=6).map("\n".join))
@example(TEXT)
def test_what_tomllib_finds_has_a_place(text: str) -> None:
    """Texts made of the parts of the grammar, in any order that tomllib accepts."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    judge(text)


@PATIENTLY
@given(st.text("a.=[]{}\"'#\\, \n1", max_size=14))
def test_no_text_that_tomllib_reads_misleads(text: str) -> None:
    """Also texts that nobody would write."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    judge(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb = = 2", Position(2, 5)),
        ("a = 1\na = 2", Position(2, 6)),
        ("a = 1\r\nb = [1,\n", Position(3, 1)),
        ("a = ", Position(1, 5)),
        ("a", Position(1, 2)),
        ("\n\n[a", Position(3, 3)),
    ],
)
def test_an_error_has_a_place(text: str, place: Position) -> None:
    """The line and column that tomllib means, the end of the text included, and its words without them."""
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    message, found = error_position(text, caught.value)
    assert found == place
    assert message
    assert "(at" not in message
