"""A time limit that the server keeps."""

from __future__ import annotations

import time

import pytest

from potstill.middleware import Deadline, Mount
from tests.support.engine import Environ, Gate, StartResponse, engine_on, request
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


def test_potstill_keeps_it() -> None:
    """The client is answered though the application still waits; another route has all the time it wants."""
    with Gate() as gate:

        def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
            gate.pass_through()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"done"]

        app_of_both = Mount({"/": app, "/short": Deadline(app, 0.05)})
        with (
            engine_on(app_of_both, threads=2) as running,
            running.client() as patient,
            running.client() as late,
        ):
            patient.send(request("/"))
            gate.wait_entered(1)
            late.send(request("/short"))
            assert late.response().status == 504
            gate.open()
            assert patient.response().body == b"done"


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
def test_no_time_at_all_is_refused(timeout_s: float) -> None:
    """It would be a route that never answers."""
    with pytest.raises(ValueError, match="no time above 0"):
        Deadline(Recorder(), timeout_s)
