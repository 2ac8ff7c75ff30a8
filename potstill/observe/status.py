"""Facts → what the admin listener answers as JSON, and what `potstill top` reads."""

from __future__ import annotations

from typing import Any

from potstill.core.report import Flight
from potstill.core.spread import Spread
from potstill.observe.facts import Facts, Worker

PERCENTILES = (50, 90, 99, 99.9)


def status(facts: Facts) -> dict[str, Any]:
    """The whole, without what is in flight."""
    server = facts.server
    by_status: dict[str, int] = {}
    for (_, code), row in facts.rows.items():
        name = f"{code}xx" if code else "none"
        by_status[name] = by_status.get(name, 0) + row.count
    return {
        "version": facts.version,
        "application": server.application,
        "pid": facts.pid,
        "urls": list(server.urls),
        "started": server.started,
        "now": server.now,
        "stopping": server.stopping,
        "healthy": facts.healthy,
        "workers_wanted": server.wanted,
        "worker_exits": server.exits,
        "worker_deaths": server.deaths,
        "reloads": server.reloads,
        "saturation": round(facts.saturation, 4),
        "requests": {"total": facts.totals["exchanges"], "by_status": by_status, **facts.totals},
        "refused": dict(facts.refused),
        "access_log_dropped": facts.log_dropped,
        "cpu_seconds": round(facts.cpu_s, 3),
        "seconds": spread(facts.latency()),
        "queue_seconds": spread(facts.queue),
        "routes": routes(facts),
        "workers": [worker_status(worker) for worker in facts.workers],
    }


def routes(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (route, code), row in sorted(facts.rows.items()):
        found.setdefault(route, {})[f"{code}xx" if code else "none"] = {
            "requests": row.count,
            "seconds": spread(row.total),
        }
    return found


def spread(found: Spread) -> dict[str, Any]:
    """Its percentiles, and the counts of its buckets that are not empty, by their number: counts of two
    moments can be compared, percentiles cannot.
    """
    percentiles = {f"p{percent:g}": found.percentile(percent) / 1e6 for percent in PERCENTILES}
    counts = {str(number): count for number, count in enumerate(found.counts) if count}
    return {"count": found.count, "sum": round(found.total, 6), **percentiles, "buckets": counts}


def worker_status(worker: Worker) -> dict[str, Any]:
    gauges = worker.gauges
    return {
        "number": worker.number,
        "pid": worker.pid,
        "state": worker.state,
        "to_be_replaced_after": worker.stale,
        "age": round(worker.age_s, 1),
        "requests": worker.requests,
        "exceptions": worker.failures,
        "cpu_seconds": round(worker.cpu_s, 2),
        "resident_bytes": worker.rss_bytes,
        "threads": gauges.seats,
        "busy_threads": gauges.running,
        "target_threads": gauges.target,
        "handed_over_threads": gauges.handed_over,
        "lost_threads": gauges.lost,
        "backlog": gauges.backlog,
        "connections": {
            "open": gauges.connections,
            "idle": gauges.idle,
            "reading": gauges.reading,
            "writing": gauges.writing,
            "closing": gauges.closing,
        },
        "gil_wait_seconds": round(gauges.gil_wait_s, 6),
        "owes_sign_of_life_seconds": round(worker.asked_for_s, 3),
    }


def inflight(facts: Facts) -> dict[str, Any]:
    """Every request that is in an application or waits for it, the oldest first."""
    found = [(flight.since_s, worker, flight) for worker in facts.workers for flight in worker.flights]
    found.sort(key=lambda each: each[0])
    return {"requests": [flight_status(worker, flight, facts.server.now) for _, worker, flight in found]}


def flight_status(worker: Worker, flight: Flight, now: float) -> dict[str, Any]:
    seconds = max(0.0, now - flight.since_s)
    return {
        "worker": worker.number,
        "pid": worker.pid,
        "thread": flight.thread_id,
        "method": flight.method,
        "target": flight.target,
        "peer": flight.peer,
        "route": flight.route,
        "request_id": flight.request_id,
        "phase": flight.phase,
        "seconds": round(seconds, 3),
        "queued_seconds": round(seconds if flight.phase == "queued" else flight.queued_s, 6),
        "sent_bytes": flight.sent,
    }
