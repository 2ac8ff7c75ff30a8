"""Words to the init system, as sd_notify(3) and sd_watchdog_enabled(3) have them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from potstill.supervisor.notify import VARIABLES, Notifier, forget, watchdog_interval_s


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The init system's socket, and what NOTIFY_SOCKET says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as init:
        name = str(tmp_path / "notify") if request.param == "path" else f"@potstill-test-{os.getpid()}"
        init.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        init.settimeout(5)
        yield init, name


def test_each_word_is_a_datagram(listening: tuple[socket.socket, str]) -> None:
    init, name = listening
    notifier = Notifier({"NOTIFY_SOCKET": name}, 1)
    assert notifier
    notifier.ready("2 workers")
    assert init.recv(4096) == b"READY=1\nSTATUS=2 workers"
    notifier.stopping("on SIGTERM")
    assert init.recv(4096) == b"STOPPING=1\nSTATUS=on SIGTERM"
    notifier.alive()
    assert init.recv(4096) == b"WATCHDOG=1"
    notifier.main_process(77)
    assert init.recv(4096) == b"MAINPID=77"


def test_a_reload_has_the_time_of_the_monotonic_clock(listening: tuple[socket.socket, str]) -> None:
    """Type=notify-reload compares it with the time at which it sent the signal."""
    init, name = listening
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Notifier({"NOTIFY_SOCKET": name}, 1).reloading()
    first, second, _ = init.recv(4096).decode().splitlines()
    assert first == "RELOADING=1"
    microseconds = int(second.removeprefix("MONOTONIC_USEC="))
    assert before <= microseconds <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_status_is_one_line_and_told_once(listening: tuple[socket.socket, str]) -> None:
    """Text of the application's must not become an assignment of its own."""
    init, name = listening
    notifier = Notifier({"NOTIFY_SOCKET": name}, 1)
    notifier.status("failed\nMAINPID=1")
    notifier.status("failed\nMAINPID=1")
    notifier.status("well")
    assert init.recv(4096) == b"STATUS=failed MAINPID=1"
    assert init.recv(4096) == b"STATUS=well"


def test_nobody_listens(tmp_path: Path) -> None:
    """Without the variable, or with a socket that is gone, nothing happens."""
    assert not Notifier({}, 1)
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        Notifier(environ, 1).ready("well")


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    environ: dict[str, str], interval_s: float | None
) -> None:
    """By the process that it is meant for."""
    assert watchdog_interval_s(environ, 42) == interval_s


def test_the_variables_are_not_for_others() -> None:
    environ = {**dict.fromkeys(VARIABLES, "x"), "PATH": "/bin"}
    forget(environ)
    assert environ == {"PATH": "/bin"}
