"""Which file is read, what it says, and everything that can be wrong with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from potstill.config import Configuration, ConfigurationError, TableReader, configure
from potstill.config.files import Section
from potstill.settings import OPTIONS, Option


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(text: str = "", environ: dict[str, str] | None = None, **more: Any) -> list[str]:
    """What is wrong with a potstill.toml that holds the text."""
    if text:
        Path("potstill.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        configure(environ or {}, more.pop("command_line", {}), **more)
    return list(caught.value.problems)


def with_file(text: str, environ: dict[str, str] | None = None, **command_line: object) -> Configuration:
    Path("potstill.toml").write_text(text, encoding="utf-8")
    return configure(environ or {}, command_line)


# Which file


def test_without_a_file_everything_is_as_before() -> None:
    """Nothing is needed."""
    assert configure({}, {}).file is None


def test_files_that_are_found() -> None:
    """potstill.toml before pyproject.toml, and a word about the one that loses."""
    Path("pyproject.toml").write_text("[project]\nname='x'\n[tool.potstill]\nthreads = 2\n", encoding="utf-8")
    found = configure({}, {})
    assert (found.file, found.settings.threads) == ("pyproject.toml", 2)
    assert found.origins["threads"] == "pyproject.toml:4"
    assert found.doubts == ()
    found = with_file("threads = 3")
    assert (found.file, found.settings.threads) == ("potstill.toml", 3)
    assert found.doubts == ("pyproject.toml:3:7: is ignored, because there is a potstill.toml as well",)


@pytest.mark.parametrize("text", ["", "[tool.ruff]\nline-length = 110", "[tool]\n", "tool = 3"])
def test_a_project_that_says_nothing_about_potstill(text: str) -> None:
    """Is none of our business."""
    Path("pyproject.toml").write_text(text, encoding="utf-8")
    assert configure({}, {}).file is None


def test_a_project_file_that_is_broken() -> None:
    """Might have had something to say, unless there is a potstill.toml."""
    Path("pyproject.toml").write_text("[tool.potstill\nthreads = 2", encoding="utf-8")
    assert problems()[0].startswith("pyproject.toml:1:15: ")
    assert with_file("threads = 3").settings.threads == 3


def test_directories_above_are_not_looked_into(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is configured where it is started."""
    Path("potstill.toml").write_text("threads = 3", encoding="utf-8")
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    assert configure({}, {}).file is None


def test_a_named_file_is_the_only_one() -> None:
    """--config wins over POTSTILL_CONFIG, both over what is found; other files are not even read."""
    Path("potstill.toml").write_text("threads = = 1", encoding="utf-8")
    for name, threads in (("a.toml", 4), ("b.toml", 5)):
        Path(name).write_text(f"threads = {threads}", encoding="utf-8")
    assert configure({"POTSTILL_CONFIG": "a.toml"}, {}).origins["threads"] == "a.toml:1"
    found = configure({"POTSTILL_CONFIG": "a.toml"}, {}, file="b.toml")
    assert (found.file, found.settings.threads, found.doubts) == ("b.toml", 5, ())


def test_a_named_project_file() -> None:
    """Has to have the table; in another directory too."""
    os.mkdir("sub")
    Path("sub/pyproject.toml").write_text("[tool.potstill]\nthreads = 6", encoding="utf-8")
    assert configure({}, {}, file="sub/pyproject.toml").settings.threads == 6
    Path("pyproject.toml").write_text("[tool]", encoding="utf-8")
    assert problems(file="pyproject.toml") == ["pyproject.toml: has no table [tool.potstill]"]


def test_a_named_file_need_not_be_a_regular_one() -> None:
    """`-c /dev/null` is no configuration at all, `-c <(…)` one that is made for the occasion."""
    Path("potstill.toml").write_text("threads = 3", encoding="utf-8")
    assert configure({}, {}, file="/dev/null").settings.threads == 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.toml", "nothing.toml does not exist; name a file like potstill.toml"),
        (".", ". is a directory; name a file like potstill.toml"),
        ("gunicorn.conf.py", "potstill import-config gunicorn.conf.py > potstill.toml"),
        ("conf/uwsgi.INI", "potstill import-config conf/uwsgi.INI > potstill.toml"),
    ],
)
def test_a_named_file_that_is_not_ours(name: str, words: str) -> None:
    """The error says who named it, and for files of other servers how to convert them; none is run."""
    (problem,) = problems(file=name)
    assert problem.startswith("--config: ")
    assert words in problem
    (problem,) = problems(environ={"POTSTILL_CONFIG": name})
    assert problem.startswith("environment POTSTILL_CONFIG: ")


# What it says


def test_the_command_line_wins_over_the_environment_over_the_file() -> None:
    """For every pair of places, and each value knows its line."""
    text = "threads = 2\nbacklog = 3\nkeepalive = 4\n"
    found = with_file(text, {"POTSTILL_BACKLOG": "30", "POTSTILL_THREADS": "20"}, threads="200")
    assert (found.settings.threads, found.settings.backlog, found.settings.keepalive) == (200, 30, 4.0)
    assert found.origins["threads"] == "command line"
    assert found.origins["backlog"] == "environment POTSTILL_BACKLOG"
    assert found.origins["keepalive"] == "potstill.toml:3"
    assert found.origins["app"] == "default"


def test_port_is_weaker_than_the_file() -> None:
    """PORT is the weakest word about where to bind; a file that says nothing about it leaves it its say."""
    assert with_file('bind = ":81"', {"PORT": "5000"}).settings.bind == (":81",)
    assert with_file("threads = 2", {"PORT": "5000"}).settings.bind == ("0.0.0.0:5000",)
    assert with_file('bind = ":81"', {"PORT": "x"}).settings.bind == (":81",)


def test_forms_of_values() -> None:
    """Numbers and words, one address or several."""
    found = with_file(
        'max-connections = "auto"\nkeepalive = 1.5\nheader-timeout = 10\nbody-timeout = "2m"\n'
        'limit-request-body = "10MiB"\nbody-memory = 4096\nbind = [":80", "unix:/run/a,b"]\n'
        'server-header = ""\n'
    ).settings
    assert (found.max_connections, found.keepalive, found.header_timeout) == (None, 1.5, 10.0)
    assert (found.body_timeout, found.limit_request_body, found.body_memory) == (120.0, 10 << 20, 4096)
    assert (found.bind, found.server_header) == ((":80", "unix:/run/a,b"), "")


@pytest.mark.parametrize("value", ["true", "1979-05-27", "{a = 1}", "[[1]]", '"\\u0001"'])
@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_no_option_takes_a_value_of_another_type(option: Option, value: str) -> None:
    """A truth value where a number is meant, a date, a table; the error has line and column of the value."""
    if value == "true" and isinstance(option.default, bool):
        return
    (problem,) = problems(f"\n{option.name} = {value}")
    column = len(option.name) + 4
    assert problem.startswith(f"potstill.toml:2:{column}: {option.name}: ")


# What is wrong


def test_all_problems_of_all_places_come_at_once() -> None:
    """File, environment, command line: in this order, each with its place."""
    text = 'threads = "many"\nbackllog = 1\nkeepalive = true\n'
    found = problems(text, {"POTSTILL_MIN_RATE": "fast"}, command_line={"write_timeout": "x"})
    assert [problem.split(": ")[0] for problem in found] == [
        "potstill.toml:2:1",
        "potstill.toml:1:11",
        "potstill.toml:3:13",
        "environment POTSTILL_MIN_RATE",
        "--write-timeout",
    ]
    assert found[1] == 'potstill.toml:1:11: threads: "many" is not a whole number from 1 to 4096'
    assert found[2].startswith("potstill.toml:3:13: keepalive: true is not a time from 0s to 24h")


def test_a_file_that_is_no_toml_does_not_hide_the_rest() -> None:
    """The environment is judged all the same."""
    found = problems("threads = \n", {"POTSTILL_MIN_RATE": "fast"})
    assert found[0] == "potstill.toml:1:11: Invalid value"
    assert found[1].startswith("environment POTSTILL_MIN_RATE: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("thread = 1", "1:1: there is no option 'thread'; did you mean 'threads'?"),
        ("xyz = 1", "1:1: there is no option 'xyz'"),
        (
            "limit_request_line = 1",
            "1:1: there is no option 'limit_request_line'; it is written 'limit-request-line'",
        ),
        ("Threads = 1", "1:1: there is no option 'Threads'; it is written 'threads'"),
        ("keep_alive = 2", "1:1: there is no option 'keep_alive'; gunicorn's keep-alive is 'keepalive' here"),
        (
            "limits.line = 1",
            "1:1: there is no table 'limits'; options stand at the top of the file, in no table",
        ),
        ("\n[[sites]]", "2:3: there is no table 'sites'; did you mean 'site'?"),
        (
            "[potstill]",
            "1:2: there is no table 'potstill'; options stand at the top of the file, in no table",
        ),
    ],
)
def test_an_unknown_key_gets_the_right_name(text: str, problem: str) -> None:
    """The nearest, its spelling, or what it is called here."""
    assert problems(text, tables={"site": SITES}) == [f"potstill.toml:{problem}"]


def test_a_table_that_is_none() -> None:
    """`potstill = 3` below [tool]."""
    Path("pyproject.toml").write_text("[tool]\npotstill = 3", encoding="utf-8")
    assert problems() == ["pyproject.toml:2:12: is not a table"]


def test_every_address_of_a_list_has_its_place() -> None:
    """All that are wrong are told."""
    assert problems('bind = [":80", "nope",\n  ":99999"]') == [
        "potstill.toml:1:16: bind: 'nope' lacks a port: write nope:8000",
        "potstill.toml:2:3: bind: ':99999': the port is a number from 0 to 65535, not '99999'",
    ]


# Tables


def read_sites(section: Section) -> list[str]:
    """As a room that owns [[site]] would do it."""
    wrong = [
        f"{section.key_place(number, key)}: a site has no {key!r}"
        for number, site in enumerate(section.value)
        for key in site
        if key != "host"
    ]
    if wrong:
        raise ConfigurationError(wrong)
    return [site["host"] for site in section.value]


SITES = TableReader(read_sites, lambda: {"type": "array"})


@pytest.mark.parametrize(("name", "root"), [("potstill.toml", ""), ("pyproject.toml", "tool.potstill.")])
def test_tables_are_read_by_who_owns_them(name: str, root: str) -> None:
    """What the reader makes of it is in the configuration; its problems are told with all the others."""
    header = f"[{root.rstrip('.')}]\n" if root else "# none\n"
    site = f'[[{root}site]]\nhost = "a"\n'
    Path(name).write_text(header + "threads = 2\n" + site + site, encoding="utf-8")
    assert configure({}, {}, tables={"site": SITES}).tables == {"site": ["a", "a"]}
    Path(name).write_text(header + "threads = 0\n" + site + site + "port = 1", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        configure({}, {}, tables={"site": SITES})
    assert caught.value.problems == (
        f"{name}:7:1: a site has no 'port'",
        f"{name}:2:11: threads: 0 is not a whole number from 1 to 4096",
    )
