"""Who the process becomes, and what it says when it cannot."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from potstill.worker import identity
from potstill.worker.identity import IdentityError, become, find_group, find_user, give_away, set_title

ME = pwd.getpwuid(os.getuid())


def test_to_stay_who_one_is_needs_no_privilege() -> None:
    """Without names, and with one's own."""
    become("", "")
    become(ME.pw_name, str(os.getgid()))
    become(str(ME.pw_uid), "")
    assert (os.getuid(), os.geteuid()) == (ME.pw_uid, ME.pw_uid)


def test_all_three_identities_change_and_the_groups_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has changed the user can change no group any more."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("initgroups", "setresgid", "setresuid"):
        monkeypatch.setattr(os, name, lambda *arguments, name=name: calls.append((name, *arguments)))
    become("nobody", "4711")
    uid = pwd.getpwnam("nobody").pw_uid
    assert calls == [
        ("initgroups", "nobody", 4711),
        ("setresgid", 4711, 4711, 4711),
        ("setresuid", uid, uid, uid),
    ]


def test_who_may_not_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*identities: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "setresgid", refuse)
    with pytest.raises(IdentityError, match="only root may; start as root"):
        become("nobody", "")


def test_names_and_numbers_are_looked_up() -> None:
    assert find_user("0").pw_name == find_user("root").pw_name == "root"
    assert find_group("4711") == 4711
    assert find_group("root") == 0


def test_names_that_do_not_exist() -> None:
    with pytest.raises(IdentityError, match="--user nemo-7: this machine has no such user"):
        find_user("nemo-7")
    with pytest.raises(IdentityError, match="--group nemo-7: this machine has no such group"):
        find_group("nemo-7")


def test_files_are_given_away_by_root_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "chown", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    give_away(["shop.sock"], "nobody", "")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    give_away(["shop.sock"], "", "")
    give_away(["shop.sock"], "", "4711")
    assert calls == [("shop.sock", -1, 4711)]


def test_a_title_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """No title, no need."""
    monkeypatch.setitem(__import__("sys").modules, "setproctitle", None)
    identity.set_title("", "worker 1")
    with pytest.raises(IdentityError, match=r"pip install potstill\[fast\]"):
        set_title("shop", "worker 1")
