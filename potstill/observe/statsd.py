"""Numbers pushed to a StatsD server: datagrams of lines like `potstill.requests.2xx:17|c`.

What only grows is sent as what it has grown by since the last time, latencies as gauges of their
percentiles over that time. Nobody answers, and a server that is not there costs nothing but its numbers.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping

from potstill.core.spread import Spread
from potstill.observe.facts import Facts

EVERY_S = 10.0
# What passes through any network in one piece.
DATAGRAM_BYTES_MAX = 1400
PERCENTILES = (50, 90, 99)


class StatsD:
    """One receiver; `next_at` says when to `push` next. Raises OSError where its name means nothing."""

    def __init__(self, address: str, prefix: str) -> None:
        host, _, port = address.rpartition(":")
        family, kind, protocol, _, name = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_DGRAM
        )[0]
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)
        self._address = name
        self._prefix = prefix.removesuffix(".") + "." if prefix else ""
        self._counters: Mapping[str, float] = {}
        self._latency: Spread | None = None
        self.next_at = 0.0

    def push(self, facts: Facts, now: float) -> None:
        """Send what has changed, and what there is."""
        self.next_at = now + EVERY_S
        counters, latency = counters_of(facts), facts.latency()
        recent = latency if self._latency is None else latency - self._latency
        lines = [
            *(
                f"{name}:{value - self._counters.get(name, 0):g}|c"
                for name, value in counters.items()
                if value != self._counters.get(name, 0)
            ),
            *(f"{name}:{value:g}|g" for name, value in gauges_of(facts, recent)),
        ]
        self._counters, self._latency = counters, latency
        for datagram in datagrams([self._prefix + line for line in lines]):
            with contextlib.suppress(OSError):
                self._socket.sendto(datagram, self._address)

    def close(self) -> None:
        self._socket.close()


def counters_of(facts: Facts) -> dict[str, float]:
    found: dict[str, float] = {
        "exceptions": facts.totals["failures"],
        "connections.accepted": facts.totals["accepted"],
        "workers.exits": facts.server.exits,
        "access_log.dropped": facts.log_dropped,
    }
    for (_, status), row in facts.rows.items():
        name = f"requests.{status}xx" if status else "requests.none"
        found[name] = found.get(name, 0) + row.count
    for rule, count in facts.refused.items():
        found[f"refused.{rule}"] = count
    return found


def gauges_of(facts: Facts, recent: Spread) -> Iterator[tuple[str, float]]:
    gauges = [worker.gauges for worker in facts.workers]
    yield "workers", len(facts.serving)
    yield "saturation", round(facts.saturation, 4)
    yield "threads.busy", sum(each.running for each in gauges)
    yield "backlog", sum(each.backlog for each in gauges)
    yield "connections", sum(each.connections for each in gauges)
    if recent.count:
        for percent in PERCENTILES:
            yield f"request_ms.p{percent}", recent.percentile(percent) / 1000


def datagrams(lines: list[str]) -> Iterator[bytes]:
    """As many lines in each as go in."""
    packed = b""
    for line in lines:
        encoded = line.encode()
        if packed and len(packed) + 1 + len(encoded) > DATAGRAM_BYTES_MAX:
            yield packed
            packed = b""
        packed = packed + b"\n" + encoded if packed else encoded
    if packed:
        yield packed
