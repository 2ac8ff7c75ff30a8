"""What an engine does not do: wake up when it is idle, keep what an idle connection does not need, wait for
clients.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.engine import GET, Environ, StartResponse, engine_on, hello, request, wait_until
from tests.unit.core.footprint import measured

SCRIPT = "import json; from tests.unit.core.footprint import *; print(json.dumps({}))"


# Rule 5: an idle engine sleeps


@pytest.mark.slow
def test_an_idle_engine_makes_no_system_calls() -> None:
    """With open connections and a head that is half there: no thread wakes up, so none can make a call."""
    assert measured(SCRIPT.format("wake_ups_when_idle(1.0)")) == {"threads": 8, "woken": 0}


# Rule 10: an idle connection holds no buffer


@pytest.mark.slow
def test_an_idle_connection_holds_no_buffer() -> None:
    """It costs well under a kilobyte; one that waits for the rest of a head has a buffer."""
    found = measured(SCRIPT.format("bytes_for_each_connection(300)"))
    if found["half"] == 0:
        pytest.skip("this allocator does not count")
    assert found["half"] > found["idle"] + 1000
    assert found["idle"] < 1024


# Rule 8: a runner waits for its client only beyond the limit


@pytest.mark.slow
def test_a_runner_waits_for_a_slow_client_only_beyond_the_limit() -> None:
    """It makes no more than may be kept, waits, and goes on when the client does; the answer is whole."""
    made: list[int] = []
    part, parts = 500_000, 100

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/":
            return hello(environ, start_response)
        return stream(environ, start_response)

    def stream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", str(part * parts))])
        for number in range(parts):
            made.append(number)
            yield bytes([number]) * part

    with engine_on(
        application, threads=2, response_memory_bytes=1_000_000, response_spool_bytes=0
    ) as running:
        with running.client() as client:
            client.send(request("/stream"))
            pause = threading.Event()
            wait_until(lambda: len(made) > 2)
            stands = -1
            while stands != (stands := len(made)):
                pause.wait(0.1)
            assert stands < parts / 2  # what the sockets hold, and two more
            assert running.now.in_application == 1
            assert running.ask() == b"hello\n"
            body = client.response().body
        assert body == b"".join(bytes([number]) * part for number in range(parts))
        assert len(made) == parts


def test_a_large_answer_within_the_limit_holds_nobody() -> None:
    """All of it is kept, and the runner leaves."""

    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(100):
            yield bytes(100_000)

    with engine_on(application, threads=1, response_memory_bytes=1 << 30) as running, ExitStack() as stack:
        clients = [stack.enter_context(running.client()) for _ in range(3)]
        for client in clients:
            client.send(GET)
        running.wait(lambda now: now.requests == 3 and now.running == 0)
        for client in reversed(clients):
            assert len(client.response().body) == 10_000_000
