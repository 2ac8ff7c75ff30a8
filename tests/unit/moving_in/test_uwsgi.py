"""A uwsgi.ini, read as uWSGI reads it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from potstill.moving_in.mapping import MovingInError
from potstill.moving_in.uwsgi import VALUE_MAX, from_ini


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(text: str, path: str = "uwsgi.ini", **environ: str) -> list[tuple[str, object, str]]:
    Path(path.partition(":")[0]).write_text(text, encoding="utf-8")
    return [(each.name, each.value, each.place) for each in from_ini(path, environ).said]


def values(text: str, **environ: str) -> dict[str, object]:
    return {name: value for name, value, _ in said(text, **environ)}


def test_lines_sections_and_comments() -> None:
    """A key alone is true; a key may be repeated; other sections are not ours."""
    before, after = "a = 0\n[uwsgi]\n; c = 1\n# d = 2\n", "[x]\ne = 3\n"
    text = f"{before} http =  :80 \nvacuum\nenv=A=1\nenv = B\nthreads = 2\nprocesses = 1\n{after}"
    assert said(text) == [
        ("http", ":80", "uwsgi.ini:5"),
        ("vacuum", "true", "uwsgi.ini:6"),
        ("env", "A=1", "uwsgi.ini:7"),
        ("env", "B", "uwsgi.ini:8"),
        ("threads", "2", "uwsgi.ini:9"),
        ("processes", "1", "uwsgi.ini:10"),
    ]


def test_files_of_other_systems() -> None:
    """A mark in front and CRLF do not hide a section; bytes that are no UTF-8 spoil one value only."""
    Path("uwsgi.ini").write_bytes(b"\xef\xbb\xbf[uwsgi]\r\nthreads = 2\r\nprocname = \xe9\r\nprocesses = 1")
    found = {each.name: each.value for each in from_ini("uwsgi.ini", {}).said}
    assert found == {"threads": "2", "procname": "\ufffd", "processes": "1"}


def test_another_section() -> None:
    """As `uwsgi uwsgi.ini:app2` has it."""
    found = said("[uwsgi]\na = 1\n[app2]\nthreads = 3", "uwsgi.ini:app2")
    assert ("threads", "3", "uwsgi.ini:4") in found
    assert "a" not in [name for name, _, _ in found]


def test_placeholders() -> None:
    """What was said before, the environment, the file and the machine; what nobody knows stays."""
    text = """\
[uwsgi]
set-placeholder = name=shop
base = /srv/%(name)
chdir = %(base)/%n-%s
home = $(HOME)/$(NOTHING)/%(nothing)/%z
procname = %h
processes = %k
threads = %k
"""
    found = values(text, HOME="/home/me")
    assert found["chdir"] == "/srv/shop/uwsgi-uwsgi.ini"
    assert found["home"] == "/home/me/$(NOTHING)/%(nothing)/%z"
    assert found["procname"] == socket.gethostname()
    assert found["processes"] == "%k"
    assert os.getcwd()


def test_placeholders_cannot_explode() -> None:
    """Each line may name the one before it twice; that is bounded."""
    lines = [f"x{number} = %(x{number - 1})%(x{number - 1})" for number in range(1, 60)]
    found = values("\n".join(["[uwsgi]", "x0 = ab", *lines]))
    assert len(str(found["x59"])) <= VALUE_MAX


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("module = shop\ncallable = app", "module", "shop:app"),
        ("callable = app\nwsgi-file = web/app.py", "wsgi-file", "web/app.py:app"),
        ("module = shop:made\ncallable = app", "callable", "app"),
        ("callable = app", "callable", "app"),
    ],
)
def test_a_callable_belongs_to_its_module(text: str, name: str, value: str) -> None:
    """Two lines of theirs are one of ours."""
    assert values(f"[uwsgi]\n{text}")[name] == value


def test_remarks_about_defaults() -> None:
    """One thread, and an application that is loaded before the fork, unless something is said about it."""
    Path("uwsgi.ini").write_text("[uwsgi]\nprocesses = 2", encoding="utf-8")
    found = from_ini("uwsgi.ini", {})
    assert [(each.name, each.value) for each in found.said] == [("processes", "2"), ("threads", 1)]
    assert len(found.remarks) == 1
    Path("uwsgi.ini").write_text("[uwsgi]\nprocesses = 2\nlazy-apps\nthreads = 4", encoding="utf-8")
    assert from_ini("uwsgi.ini", {}).remarks == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "uwsgi.ini: cannot be read: No such file"),
        ("[other]\na = 1", "has no section"),
        ("", "has no section"),
    ],
)
def test_files_with_nothing_for_us(text: str | None, words: str) -> None:
    """The error names the file."""
    if text is not None:
        Path("uwsgi.ini").write_text(text, encoding="utf-8")
    with pytest.raises(MovingInError, match=words):
        from_ini("uwsgi.ini", {})
