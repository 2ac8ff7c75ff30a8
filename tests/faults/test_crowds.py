"""Five hundred that drip, two hundred that do not read: ordinary requests do not notice, nor does memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.crowd import (
    Crowd,
    Kind,
    assert_prompt,
    dripping_body,
    dripping_chunks,
    dripping_head,
    latencies,
    not_reading,
    p99,
    silent,
)
from tests.requests.process import KIB, MIB, cpu_used_in, memory_peak, reset_peak
from tests.requests.views import asked
from tests.support.engine import WAIT_S, request
from tests.support.server import Server, serve_process

pytestmark = pytest.mark.slow

APP = "tests.requests.views:app"
DRIPPING = 500
READERS = 200
# What one of them may cost, besides what is the same for all: a head or a body that has hardly begun needs a
# few pages; an answer keeps --response-memory, and the rest is in a file.
EACH_MAX = {"head": 16 * KIB, "body": 16 * KIB, "answer": 96 * KIB}
RESPONSE_MEMORY = "64KiB"
BASE_MAX = 16 * MIB

KINDS: dict[str, tuple[Kind, int]] = {
    "heads": (dripping_head, EACH_MAX["head"]),
    "bodies": (dripping_body, EACH_MAX["body"]),
    "chunks": (dripping_chunks, EACH_MAX["body"]),
    "silence": (silent, EACH_MAX["head"]),
}


@contextmanager
def warm_server(*options: str) -> Iterator[tuple[Server, float]]:
    """With two threads, and the p99 that its ordinary requests have when nobody disturbs it."""
    with serve_process(APP, "--threads", "2", *options) as server:
        latencies(server.address)
        yield server, p99(latencies(server.address))


@pytest.mark.parametrize("name", KINDS)
def test_who_drips_disturbs_nobody(name: str) -> None:
    """Five hundred at once; a connection made meanwhile is served as well as one made before."""
    kind, each_max = KINDS[name]
    with warm_server() as (server, alone_s):
        before = reset_peak(server)
        with Crowd(server.address, DRIPPING, kind) as crowd:
            crowd.wait_beats()
            assert_prompt(server, alone_s)
            crowd.wait_beats(1)
            assert_prompt(server, alone_s)
            assert memory_peak(server) - before < BASE_MAX + DRIPPING * each_max
            assert crowd.turned_away == 0, "within the timeouts they are let alone"
        assert_prompt(server, alone_s)


def test_who_does_not_read_disturbs_nobody(tmp_path: Path) -> None:
    """Two hundred that asked for 20 MB each, 4 GB in all: in files, but for what memory may keep."""
    options = ("--response-memory", RESPONSE_MEMORY, "--spool-dir", str(tmp_path), "--min-rate", "none")
    with warm_server(*options) as (server, alone_s):
        before = reset_peak(server)
        with Crowd(server.address, READERS, not_reading) as crowd:
            crowd.wait_answering()
            assert_prompt(server, alone_s)
            assert memory_peak(server) - before < BASE_MAX + READERS * EACH_MAX["answer"]
        assert_prompt(server, alone_s)


def test_all_of_them_at_once(tmp_path: Path) -> None:
    """A hundred of each kind, on one thread; and whoever sends a whole request is answered."""
    options = ("--response-memory", RESPONSE_MEMORY, "--spool-dir", str(tmp_path))
    with serve_process(APP, "--threads", "1", *options) as server:
        alone_s = p99(latencies(server.address))
        with (
            Crowd(server.address, 100, dripping_head),
            Crowd(server.address, 100, dripping_body),
            Crowd(server.address, 100, dripping_chunks),
            Crowd(server.address, 100, silent),
            Crowd(server.address, 20, not_reading) as readers,
        ):
            readers.wait_answering()
            readers.wait_beats()
            assert_prompt(server, alone_s)
            with asked(
                server.address, request("/count", method="POST", body=bytes(300_000)), WAIT_S
            ) as client:
                assert client.response().body.startswith(b"300000 ")


def test_who_has_gone_costs_nothing() -> None:
    """A thousand came and went: the server sleeps, and has its memory back."""
    with warm_server() as (server, _):
        with Crowd(server.address, DRIPPING, dripping_body):
            latencies(server.address, 10)
        middle = reset_peak(server)
        with Crowd(server.address, DRIPPING, dripping_body):
            latencies(server.address, 10)
        latencies(server.address, 10)
        assert memory_peak(server) - middle < BASE_MAX
        assert cpu_used_in(server, 0.5) < 0.05
