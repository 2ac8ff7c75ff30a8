"""What a StatsD server is sent."""

from __future__ import annotations

import socket

from potstill.observe.statsd import DATAGRAM_BYTES_MAX, EVERY_S, StatsD, datagrams
from tests.unit.observe.crew import busy_stats, facts, worker


def received(daemon: socket.socket) -> dict[str, str]:
    """Name → value and kind, of all datagrams that are there."""
    found: dict[str, str] = {}
    daemon.setblocking(False)
    try:
        while True:
            for line in daemon.recv(65536).decode().splitlines():
                name, _, value = line.partition(":")
                found[name] = value
    except BlockingIOError:
        return found


def test_counters_are_sent_as_what_has_come_and_gauges_as_they_are() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        sender = StatsD(f"127.0.0.1:{daemon.getsockname()[1]}", "potstill")
        sender.push(facts(), 100.0)
        assert sender.next_at == 100.0 + EVERY_S
        first = received(daemon)
        assert first["potstill.requests.2xx"] == "10|c"
        assert first["potstill.exceptions"] == "3|c"
        assert first["potstill.workers"] == "1|g"
        assert float(first["potstill.request_ms.p50"].removesuffix("|g")) > 1
        sender.push(facts(), 110.0)
        assert not [name for name, value in received(daemon).items() if value.endswith("|c")]
        sender.push(facts(worker(stats=busy_stats()), worker(2, stats=busy_stats())), 120.0)
        assert received(daemon)["potstill.requests.2xx"] == "10|c"
        sender.close()


def test_a_server_that_is_not_there_costs_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    sender = StatsD(f"127.0.0.1:{port}", "")
    for _ in range(3):
        sender.push(facts(), 1.0)
    sender.close()


def test_lines_are_packed_into_datagrams_that_pass_anywhere() -> None:
    lines = [f"line{number}:{number}|c" for number in range(500)]
    packed = list(datagrams(lines))
    assert all(len(each) <= DATAGRAM_BYTES_MAX for each in packed)
    assert b"\n".join(packed).decode().split("\n") == lines
