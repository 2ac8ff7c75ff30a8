"""An application that forks: the child ends as it would by itself, and the server does not notice."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

from potstill.core.forks import follow_forks

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What forking.py has seen, with what was written to stderr."""
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.unit.core.forking"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert told.returncode == 0, told.stderr
    return {**json.loads(told.stdout), "stderr": told.stderr}


@pytest.mark.slow
def test_the_child_ends_with_the_code_it_would_have(found: dict[str, Any]) -> None:
    """0 where the view returns, that of SystemExit, 1 for any other exception; its parent answers as ever."""
    assert found["codes"] == {
        "returns": 0,
        "exits": 7,
        "exits cleanly": 0,
        "exits with words": 1,
        "raises": 1,
        "leaves": 9,
    }


@pytest.mark.slow
def test_the_childs_exception_is_told(found: dict[str, Any]) -> None:
    """By a traceback on stderr, once; what it wrote there before is not lost."""
    assert found["stderr"].count("KeyError: 'ABSENT'") == 1
    assert found["stderr"].count("words of the child") == 7
    assert found["failures"] == 0


@pytest.mark.slow
def test_a_child_has_no_part_in_the_answer(found: dict[str, Any]) -> None:
    """Not even one that was forked in the middle of it."""
    assert found["stream"] == "one two"


class Follower:
    """What is told of forks."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def after_fork(self, in_child: bool) -> None:
        self.told.append(in_child)


def forked(*followers: Follower) -> list[list[bool]]:
    """Fork once; what the followers were told in the child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps([each.told for each in followers]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as told:
        answer: list[list[bool]] = json.loads(told.read())
    os.waitpid(child, 0)
    return answer


def test_both_sides_hear_of_it() -> None:
    """Of every fork, once, whatever number of engines there is."""
    one, two = Follower(), Follower()
    follow_forks(one)
    follow_forks(one)
    assert forked(one, two) == [[True], []]
    follow_forks(two)
    assert forked(one, two) == [[False, True], [True]]
    assert (one.told, two.told) == ([False, False], [False])


def test_following_keeps_nobody_alive() -> None:
    """An engine that is gone is not told of anything."""
    follower = Follower()
    follow_forks(follower)
    gone = weakref.ref(follower)
    del follower
    gc.collect()
    assert gone() is None
    forked()
