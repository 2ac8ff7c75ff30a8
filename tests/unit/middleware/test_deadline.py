"""A time limit that the server keeps."""

from __future__ import annotations

import time

import pytest

from potstill.middleware import Deadline
from tests.unit.middleware.hosts import Recorder, environ_of

KEY = "potstill.deadline"


def seen(timeout_s: float, **more: float | None) -> object:
    recorder = Recorder()
    environ = {**environ_of(), **{f"potstill.{name}": value for name, value in more.items()}}
    list(Deadline(recorder, timeout_s)(environ, lambda *_: lambda _: None))
    return recorder.seen[0].get(KEY)


def test_a_deadline_becomes_earlier_and_never_later() -> None:
    """Seconds of time.monotonic, from when the request comes here."""
    now = time.monotonic()
    lowered = seen(5.0, deadline=now + 60)
    assert isinstance(lowered, float)
    assert now + 5 <= lowered <= time.monotonic() + 5
    assert seen(60.0, deadline=now + 5) == now + 5
    first = seen(5.0, deadline=None)
    assert isinstance(first, float)
    assert now + 5 <= first <= time.monotonic() + 5


def test_a_server_without_deadlines_is_not_told_any() -> None:
    """It would not look."""
    assert seen(5.0) is None


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
def test_no_time_at_all_is_refused(timeout_s: float) -> None:
    """It would be a route that never answers."""
    with pytest.raises(ValueError, match="no time above 0"):
        Deadline(Recorder(), timeout_s)
