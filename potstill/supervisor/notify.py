"""Words to the init system, as sd_notify(3) has them: one datagram each, to the socket in NOTIFY_SOCKET.

Without that variable nothing is sent. A word that cannot be delivered is dropped: the init system has its own
time limits, and a server must not fail because nobody listens.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping, MutableMapping

# What must not reach workers, for they could speak in the supervisor's name or adopt its sockets.
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Notifier:
    """Says how the service is doing. Owned by the supervisor's loop."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._status = ""
        self.watchdog_s = watchdog_interval_s(environ, pid)

    def __bool__(self) -> bool:
        """Somebody listens."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """It serves, for the first time or after a reload."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it. The clock tells it from an earlier one."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reloading")

    def stopping(self, status: str) -> None:
        self._send("STOPPING=1", f"STATUS={status}")

    def status(self, text: str) -> None:
        """A line for `systemctl status`; the same one is not sent twice."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def alive(self) -> None:
        """The supervisor's loop turns."""
        self._send("WATCHDOG=1")

    def main_process(self, pid: int) -> None:
        """Another process is the service from now on."""
        self._send(f"MAINPID={pid}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), address)


def watchdog_interval_s(environ: Mapping[str, str], pid: int) -> float | None:
    """How often to say that we are alive: twice as often as asked for, as sd_watchdog_enabled(3) advises."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(microseconds) / 2e6


def forget(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take the init system's variables out of the environment of this process and of what it starts."""
    for name in VARIABLES:
        environ.pop(name, None)
