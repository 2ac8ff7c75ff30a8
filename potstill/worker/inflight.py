"""What is in flight, in words: how many exchanges, and where each thread inside the application stands."""

from __future__ import annotations

import sys
import sysconfig
import threading
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Protocol

from potstill.core.frames import nothing_collected

# Frames of one stack that are shown, the innermost; recursion gone wild must not fill the log.
FRAMES_MAX = 50


class Statistics(Protocol):
    """What is read of an engine's statistics here."""

    @property
    def connections(self) -> int: ...

    @property
    def in_application(self) -> int: ...


class Request(Protocol):
    """What is used of `potstill.core.report.InFlight` here; its text is a line."""

    @property
    def stack(self) -> str: ...


def exchanges(left: Statistics) -> str:
    """`3 exchanges (2 in the application)`; while draining, a connection is its last exchange."""
    plural = "" if left.connections == 1 else "s"
    return f"{left.connections} exchange{plural} ({left.in_application} in the application)"


def report(left: Statistics, requests: Sequence[Request]) -> str:
    """How much is in flight, and each request inside the application with the stack of its thread."""
    plural = "" if left.connections == 1 else "s"
    lines = [f"in flight: {left.connections} connection{plural}, {left.in_application} in the application"]
    lines += [f"{request}\n{request.stack.rstrip()}" for request in requests]
    return "\n".join(lines)


def stack_of(thread: threading.Thread) -> str:
    """Its frames, the innermost last, without those that are ours."""
    with nothing_collected:
        innermost = sys._current_frames().get(thread.ident or 0)
        if innermost is None:
            return "  code that is not Python"
        frames = traceback.extract_stack(innermost, limit=-FRAMES_MAX)
    outside = ("potstill.core", threading.__file__)
    shown = [frame for frame in frames if not frame.filename.startswith(outside)]
    return "".join(traceback.format_list(shown)).rstrip("\n") or "  code that is not Python"


def place_of(thread: threading.Thread) -> str:
    """`checkout (/srv/shop/views.py:41), in SSLSocket.read (/usr/lib/python3.12/ssl.py:1107)`.

    The innermost frame of the application's own code, and the innermost of all if that is another.
    """
    libraries = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    with nothing_collected:
        innermost = sys._current_frames().get(thread.ident or 0)
        if innermost is None:
            return "code that is not Python"
        own: FrameType | None = innermost
        while own is not None and own.f_code.co_filename.startswith((*libraries, "<frozen ")):
            own = own.f_back
        if own is None or own is innermost:
            return frame_name(innermost)
        return f"{frame_name(own)}, in {frame_name(innermost)}"


def frame_name(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
