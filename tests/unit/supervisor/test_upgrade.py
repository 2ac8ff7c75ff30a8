"""What an old supervisor hands over, and to whom."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec
import pytest

from potstill.net.bind import Manner, open_listeners
from potstill.supervisor.upgrade import READY, VARIABLE, Inheritance, Successor, inherit, logical_directory


def test_it_is_handed_over_once_and_to_the_child_alone() -> None:
    """A variable that an application passes on to a child of its own is not meant for that."""
    reading, writing = os.pipe()
    told = Inheritance(os.getppid(), writing, {"127.0.0.1:80": [5]})
    environ = {VARIABLE: msgspec.json.encode(told).decode()}
    assert inherit(environ) == told
    assert inherit(environ) is None
    stranger = Inheritance(os.getppid() + 1, writing, {})
    assert inherit({VARIABLE: msgspec.json.encode(stranger).decode()}) is None
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"parent": "x"}'])
def test_what_makes_no_sense_is_no_inheritance(text: str) -> None:
    assert inherit({VARIABLE: text}) is None


def test_the_word_of_a_successor() -> None:
    """That it serves, or its end."""
    reading, writing = os.pipe()
    Inheritance(1, writing, {}).tell_ready()
    successor = Successor(1, reading)
    assert successor.read_ready()
    assert not successor.read_ready()
    successor.close()
    assert READY


def test_telling_one_that_is_gone_is_harmless() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    Inheritance(1, writing, {}).tell_ready()


def test_sockets_are_adopted_by_the_text_that_asked_for_them(tmp_path: Path) -> None:
    """Others are opened; a unix socket's file is looked after by whoever has it now."""
    path = f"unix:{tmp_path}/shop.sock"
    old = open_listeners(["127.0.0.1:0", path], Manner(16))
    assert [listener.address for listener in old] == ["127.0.0.1:0", path]
    handed = {listener.address: [os.dup(listener.socket.fileno())] for listener in old}
    new = open_listeners(["127.0.0.1:0", path, "127.0.0.2:0"], Manner(16), handed)
    assert [listener.url for listener in new[:2]] == [listener.url for listener in old]
    for listener in old:
        listener.socket.close()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{tmp_path}/shop.sock")
    for listener in new:
        listener.close()
    assert not (tmp_path / "shop.sock").exists()


def test_the_directory_has_the_operators_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that points to another release by the time of a reload is followed then."""
    (tmp_path / "one").mkdir()
    (tmp_path / "current").symlink_to("one")
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setenv("PWD", str(tmp_path / "current"))
    assert logical_directory() == str(tmp_path / "current")
    for wrong in ("", str(tmp_path), str(tmp_path / "nowhere")):
        monkeypatch.setenv("PWD", wrong)
        assert logical_directory() == str(tmp_path / "one")
