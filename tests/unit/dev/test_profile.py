"""Profiles of slow requests, and none of the others."""

from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from potstill.dev.extras import MissingExtra
from potstill.dev.profile import PROFILES_MAX, SUFFIX, Profile, keep_newest
from tests.unit.dev.raising import environ


def count_casks(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def app(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/slow":
        count_casks(0.05)
    yield b"a"
    if environ["PATH_INFO"] == "/late":
        count_casks(0.05)
    if environ["PATH_INFO"] == "/raises":
        count_casks(0.05)
        raise LookupError("no pool")


def ask(profile: Profile, path: str) -> bytes:
    blocks: Any = profile(environ(PATH_INFO=path), lambda *given: lambda block: None)
    try:
        return b"".join(blocks)
    finally:
        blocks.close()


def written(here: Path) -> list[Path]:
    return sorted(here.glob(f"*{SUFFIX}"))


@pytest.mark.parametrize("path", ["/slow", "/late"])
def test_a_slow_request_leaves_a_page(tmp_path: Path, path: str) -> None:
    """It names the function that took the time, wherever in the answer that was."""
    profile = Profile(app, str(tmp_path), 0.04)
    assert ask(profile, path) == b"a"
    (page,) = written(tmp_path)
    assert f"-GET-{path[1:]}-" in page.name
    assert "count_casks" in page.read_text(encoding="utf-8")


def test_a_quick_one_leaves_nothing(tmp_path: Path) -> None:
    ask(Profile(app, str(tmp_path), 10.0), "/slow")
    assert written(tmp_path) == []


def test_one_that_raises_leaves_its_page_too(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        ask(Profile(app, str(tmp_path), 0.04), "/raises")
    assert len(written(tmp_path)) == 1


def test_a_client_that_reads_slowly_is_not_the_applications_time(tmp_path: Path) -> None:
    profile = Profile(app, str(tmp_path), 0.4)
    blocks: Any = profile(environ(PATH_INFO="/quick"), lambda *given: lambda block: None)
    going = iter(blocks)
    next(going)
    count_casks(0.5)
    assert list(going) == []
    blocks.close()
    assert written(tmp_path) == []


def test_requests_side_by_side_are_told_apart(tmp_path: Path) -> None:
    profile = Profile(app, str(tmp_path), 0.04)
    threads = [threading.Thread(target=ask, args=(profile, path)) for path in ("/slow", "/late", "/quick")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [path.name for path in written(tmp_path)]
    assert any("-GET-slow-" in name for name in names)
    assert any("-GET-late-" in name for name in names)


def test_a_path_cannot_lead_out_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    ask(Profile(app, str(tmp_path / "profiles"), 0.0), "/../../x/%2e\n<script>" + "y" * 500)
    (page,) = written(tmp_path / "profiles")
    assert len(page.name) < 130


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(PROFILES_MAX + 5):
        (tmp_path / f"{number:04}{SUFFIX}").touch()
    (tmp_path / "notes.txt").touch()
    keep_newest(tmp_path)
    assert written(tmp_path)[0].name == f"0005{SUFFIX}"
    assert (tmp_path / "notes.txt").exists()


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "pyinstrument":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtra, match=r"--profile needs potstill\[profile\]"):
        Profile(app, str(tmp_path), 0.0)
