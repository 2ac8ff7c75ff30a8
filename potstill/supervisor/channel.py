"""What supervisor and worker tell each other, over one pair of sockets a worker.

To the worker: orders, a byte each (`potstill.worker.mailbox.Order`). From the worker: a report, one message
each, that it is ready, or why it never will be, or what it was asked, or that its files have changed. When
one side is gone, the other reads the end.
"""

from __future__ import annotations

import socket
from enum import Enum
from typing import Any

import msgspec

from potstill.worker.mailbox import Order

# A traceback may be long; what the kernel takes as one message is about three times that.
REPORT_BYTES_MAX = 65536


class Fault(Enum):
    """Whose fault it is that a worker cannot serve."""

    NAME = "name"  # there is no such application
    RAISED = "raised"  # the application's code raised
    DIED = "died"  # the process ended without a word


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker serves."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The worker cannot serve; the text is for the operator."""

    fault: Fault
    text: str


class Stacks(msgspec.Struct, frozen=True, tag=True):
    """Where the threads of the worker are."""

    threads: list[dict[str, Any]]


class Changed(msgspec.Struct, frozen=True, tag=True):
    """Files that the worker has read are different now; it has been told by its watcher (--dev)."""

    paths: tuple[str, ...]


Report = Ready | Failed | Stacks | Changed


class Channel:
    """One end. The worker's blocks, the supervisor's never does."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self.ended = False  # the other side is gone

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def order(self, order: Order) -> None:
        """Tell the worker. One that is gone, or has not read hundreds of orders, does not hear it."""
        try:
            self._socket.send(bytes([order]))
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            return

    def report(self, report: Report) -> None:
        """Tell the supervisor; nobody hears it if that is gone."""
        encoded = msgspec.json.encode(report)
        if len(encoded) > REPORT_BYTES_MAX and isinstance(report, Stacks):
            kept_each = REPORT_BYTES_MAX // (8 * len(report.threads))
            cut = [{**each, "stack": each["stack"][-kept_each:]} for each in report.threads]
            encoded = msgspec.json.encode(Stacks(cut))
        if len(encoded) > REPORT_BYTES_MAX and isinstance(report, Failed):
            kept = report.text[-REPORT_BYTES_MAX // 8 :]  # the end says what was raised
            encoded = msgspec.json.encode(Failed(report.fault, f"…{kept}"))
        try:
            self._socket.send(encoded)
        except (BrokenPipeError, ConnectionResetError):
            return

    def read_report(self) -> Report | None:
        """What the worker has reported; None when there is nothing, or nobody."""
        try:
            message = self._socket.recv(REPORT_BYTES_MAX)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            message = b""
        self.ended = not message
        return msgspec.json.decode(message, type=Report) if message else None


def open_channel() -> tuple[Channel, Channel]:
    """The supervisor's end and the worker's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return Channel(ours), Channel(theirs)
