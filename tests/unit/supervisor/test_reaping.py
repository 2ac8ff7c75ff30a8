"""Children that have ended or stopped, whoever they are."""

from __future__ import annotations

import os
import signal

import pytest

from potstill.supervisor.reaping import Change, reap, send


def test_the_words_for_an_end() -> None:
    """Status words of wait(2): a code in the second byte, a signal in the first."""
    assert (Change(1, 3 << 8).words, Change(1, 3 << 8).code) == ("ended with 3", 3)
    assert (Change(1, signal.SIGKILL).words, Change(1, signal.SIGKILL).code) == ("was killed by SIGKILL", 137)
    assert Change(1, 40).words == "was killed by signal 40"


def test_all_that_there_is_to_know_comes_at_once() -> None:
    """An end, a stop, and then the end of the one that was stopped; without waiting."""
    stopped, ended = os.fork(), 0
    if stopped == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(4)
    ended = os.fork()
    if ended == 0:
        os._exit(5)
    found = wait_for_changes(2)
    assert found[stopped].stopped
    assert (found[ended].code, found[ended].stopped) == (5, False)
    os.kill(stopped, signal.SIGCONT)
    last = wait_for_changes(1)[stopped]
    if last.continued:
        last = wait_for_changes(1)[stopped]
    assert last.code == 4


def wait_for_changes(number: int) -> dict[int, Change]:
    """The changes of so many children; each look is followed by a wait for the next change."""
    found: dict[int, Change] = {}
    while len(found) < number:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WCONTINUED | os.WNOWAIT)
        found |= {change.pid: change for change in reap()}
    return found


def test_without_children_there_is_nothing_to_know() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert list(reap()) == []


def test_a_signal_to_one_that_is_gone_is_dropped() -> None:
    """It may have ended a moment ago."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    send(pid, signal.SIGTERM)
