"""What is noted of a request when the application is called."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any

from tests.support.engine import GET, Environ, StartResponse, engine_on, hello


class Noting:
    """Postpones each request once, and keeps what its environ said each time."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.resume: Any = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.seen.append({**environ, "now": monotonic()})
        if len(self.seen) % 2:
            self.resume = environ["potstill.postpone"](list)
            return []
        return hello(environ, start_response)


def test_a_deadline_counts_from_each_call() -> None:
    """Time in the backlog is no time of the application's."""
    app = Noting()
    with engine_on(app, request_timeout_s=50) as running, running.client() as client:
        client.send(GET)
        running.wait(lambda now: now.held == 1)
        running.engine.advance_clock(40)
        app.resume()
        assert client.response().body == b"hello\n"
    first, second = app.seen
    assert 0 <= first["now"] + 50 - first["potstill.deadline"] < 20
    assert first["potstill.deadline"] + 40 <= second["potstill.deadline"]


def test_the_time_in_the_queue_counts_from_the_request() -> None:
    app = Noting()
    with engine_on(app) as running, running.client() as client:
        client.send(GET)
        running.wait(lambda now: now.held == 1)
        running.engine.advance_clock(40)
        app.resume()
        assert client.response().body == b"hello\n"
        assert running.engine.stats.queue_times().count == 1
    assert app.seen[0]["potstill.queue_seconds"] < 20
    assert 40 <= app.seen[1]["potstill.queue_seconds"] < 60
