"""The fork itself: what a worker is rid of, and what it hears."""

from __future__ import annotations

import os
import signal

import pytest

from potstill.supervisor.channel import Failed, Fault
from potstill.supervisor.forking import FOR_THE_SUPERVISOR, fork
from potstill.worker.mailbox import Mailbox


class Shed:
    closed = False

    def close(self) -> None:
        self.closed = True


def test_a_worker_is_rid_of_what_is_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was to shed is closed in it and not here; the init system's variables are gone; signals for the
    whole group pass it by, and SIGTERM ends it."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/nowhere")
    shed = Shed()
    pid, channel = fork([shed])
    if pid == 0:
        for number in FOR_THE_SUPERVISOR:
            os.kill(os.getpid(), number)
        facts = (
            shed.closed,
            os.environ.get("NOTIFY_SOCKET"),
            signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        )
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        channel.report(Failed(Fault.NAME, repr((*facts, blocked))))
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    report = channel.read_report()
    channel.close()
    assert report == Failed(Fault.NAME, "(True, None, True, set())")
    assert not shed.closed
    assert os.environ["NOTIFY_SOCKET"] == "/run/nowhere"


def test_signals_for_a_worker_leave_no_note_with_its_parent() -> None:
    """Not even in the moment after the fork, when it still has the parent's pipe."""
    mailbox = Mailbox()
    mailbox.take_signals(keep_own_handlers=False)
    for _ in range(20):
        pid, channel = fork([mailbox])
        if pid == 0:
            signal.sigwait([signal.SIGTERM])  # ends it
            os._exit(1)
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        channel.close()
    assert mailbox.wait(0) == []
    mailbox.give_back_signals()
    mailbox.close()


def test_a_machine_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is the caller's; signals come as before, and no descriptor is left open."""
    before = os.listdir("/proc/self/fd")

    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(BlockingIOError):
        fork([])
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    assert os.listdir("/proc/self/fd") == before
