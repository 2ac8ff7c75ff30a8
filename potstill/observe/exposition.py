"""Facts → the text that Prometheus reads, in its own format and in that of OpenMetrics.

A `Family` is one metric with its samples; `families` makes all of them, `text` and `openmetrics` write them.
Names and units follow the conventions of Prometheus: seconds, bytes, `_total` for what only grows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from potstill.core.ledger import Exemplar, Row
from potstill.core.spread import Spread, joined
from potstill.observe.facts import Facts

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# Bounds are limits of buckets, so that every count is exact: from a quarter of a millisecond to a minute,
# each the double of the one before, and from 64 bytes to 64 MiB, each sixteen times the one before.
TIME_BOUNDS_US = tuple(1 << power for power in range(8, 27))
SIZE_BOUNDS = tuple(1 << power for power in range(6, 27, 4))

Labels = Mapping[str, str]
# What parsers stumble over in the label of an exemplar, escaped or not.
_UNFIT = re.compile(r"[^!#-\[\]-~]")


@dataclass(frozen=True)
class Sample:
    """One number; `suffix` is what stands behind the family's name."""

    value: float
    labels: Labels = field(default_factory=dict)
    suffix: str = ""
    exemplar: str = ""  # as OpenMetrics has it, behind the number


@dataclass(frozen=True)
class Family:
    """A metric: its name without `_total`, its kind, what it says, and its samples."""

    name: str
    kind: str  # "counter", "gauge", "histogram"
    help: str
    samples: tuple[Sample, ...]


def families(facts: Facts) -> Iterator[Family]:
    """Everything that there is to measure."""
    yield from about_requests(facts)
    yield from about_connections(facts)
    yield from about_workers(facts)
    yield from about_certificates(facts)


def about_requests(facts: Facts) -> Iterator[Family]:
    counts = [Sample(row.count, labels_of(*key)) for key, row in sorted(facts.rows.items())]
    yield Family(
        "potstill_requests",
        "counter",
        "Requests that have ended, by route and class of status.",
        tuple(counts),
    )
    yield spreads(
        "request_seconds", "From when a request was there until its answer was made.", facts, "total", True
    )
    yield spreads("application_seconds", "The part of that in the application.", facts, "application")
    yield spreads("first_byte_seconds", "Until the head of the answer was made.", facts, "first_byte")
    yield histogram(
        "queue_seconds",
        "Waiting for a thread, those included that were turned away for it.",
        [({}, facts.queue)],
    )
    yield spreads("request_body_bytes", "Bodies of requests.", facts, "received", bounds=SIZE_BOUNDS)
    yield spreads("response_body_bytes", "Bodies of answers.", facts, "sent", bounds=SIZE_BOUNDS)
    refused = [Sample(count, {"rule": rule}) for rule, count in sorted(facts.refused.items())]
    yield Family(
        "potstill_refused", "counter", "Requests that were refused, by the rule they broke.", tuple(refused)
    )
    yield one(
        "exceptions", "counter", "Exceptions that the application did not catch.", facts.totals["failures"]
    )
    yield one(
        "access_log_dropped",
        "counter",
        "Lines of the access log for which there was no room.",
        facts.log_dropped,
    )


def about_connections(facts: Facts) -> Iterator[Family]:
    totals, gauges = facts.totals, [worker.gauges for worker in facts.workers]
    yield one("connections_accepted", "counter", "Connections that were accepted.", totals["accepted"])
    yield one("received_bytes", "counter", "Bytes read from connections.", totals["octets_received"])
    yield one("sent_bytes", "counter", "Bytes written to connections that have ended.", totals["octets_sent"])
    phases = tuple(
        Sample(sum(getattr(each, phase) for each in gauges), {"phase": phase})
        for phase in ("idle", "reading", "writing", "closing")
    )
    yield Family(
        "potstill_connections", "gauge", "Open connections, by what they do; some do none of it.", phases
    )
    yield one("connections_open", "gauge", "Open connections.", sum(each.connections for each in gauges))


def about_certificates(facts: Facts) -> Iterator[Family]:
    samples = [Sample(until, {"certificate": name}) for name, until in facts.server.certificates.items()]
    if samples:
        yield Family(
            "potstill_certificate_expiry_timestamp_seconds",
            "gauge",
            "When a certificate expires, in Unix time.",
            tuple(samples),
        )


def about_workers(facts: Facts) -> Iterator[Family]:
    workers, server = facts.workers, facts.server
    gauges = [worker.gauges for worker in workers]
    yield one(
        "saturation_ratio", "gauge", "Busy threads by threads, of the workers that serve.", facts.saturation
    )
    yield one("busy_threads", "gauge", "Threads in the application.", sum(each.running for each in gauges))
    yield one(
        "threads", "gauge", "Threads that may be in the application.", sum(each.seats for each in gauges)
    )
    yield one(
        "backlog_requests",
        "gauge",
        "Whole requests that wait for a thread.",
        sum(each.backlog for each in gauges),
    )
    yield one(
        "handed_over_threads",
        "gauge",
        "Requests with a thread of their own.",
        sum(g.handed_over for g in gauges),
    )
    yield one("lost_threads", "gauge", "Threads that did not come back.", sum(each.lost for each in gauges))
    yield one("workers_wanted", "gauge", "Workers that there should be.", server.wanted)
    states = tuple(
        Sample(sum(worker.state == state for worker in workers), {"state": state})
        for state in ("booting", "ready", "leaving", "aborted")
    )
    yield Family("potstill_workers", "gauge", "Workers that there are.", states)
    yield each_worker(
        "gil_wait_seconds",
        "How long the GIL was waited for, the last time.",
        facts,
        lambda w: w.gauges.gil_wait_s,
    )
    yield each_worker("target_threads", "Threads that may be awake.", facts, lambda w: w.gauges.target)
    yield each_worker("resident_bytes", "Resident memory.", facts, lambda w: w.rss_bytes)
    yield one("worker_exits", "counter", "Workers that have ended.", server.exits)
    yield one(
        "worker_deaths", "counter", "Workers that have ended without having been asked to.", server.deaths
    )
    yield one("reloads", "counter", "Reloads that were begun.", server.reloads)
    yield one("cpu_seconds", "counter", "Time on processors, of all processes.", facts.cpu_s)
    yield one("start_time_seconds", "gauge", "When the server was started, as Unix time.", server.started)
    build = {"version": facts.version, "application": server.application}
    yield Family("potstill_build_info", "gauge", "Which version serves what.", (Sample(1, build),))


# The makings of families


def one(name: str, kind: str, text: str, value: float) -> Family:
    return Family(f"potstill_{name}", kind, text, (Sample(value),))


def each_worker(name: str, text: str, facts: Facts, value: Callable[..., float]) -> Family:
    samples = tuple(Sample(value(worker), {"worker": str(worker.number)}) for worker in facts.workers)
    return Family(f"potstill_worker_{name}", "gauge", text, samples)


def labels_of(route: str, status: int) -> Labels:
    return {"route": route, "status": f"{status}xx" if status else "none"}


def spreads(
    name: str,
    text: str,
    facts: Facts,
    part: str,
    by_status: bool = False,
    bounds: tuple[int, ...] = TIME_BOUNDS_US,
) -> Family:
    """A histogram for each route, or for each route and class of status."""
    found: dict[tuple[tuple[str, str], ...], list[Spread]] = {}
    slow: dict[tuple[tuple[str, str], ...], Exemplar] = {}
    for (route, status), row in sorted(facts.rows.items()):
        labels = labels_of(route, status) if by_status else {"route": route}
        found.setdefault(tuple(labels.items()), []).append(spread_of(row, part))
        if by_status and row.exemplar is not None:
            slow[tuple(labels.items())] = row.exemplar
    family = histogram(name, text, [(dict(labels), joined(parts)) for labels, parts in found.items()], bounds)
    return with_exemplars(family, slow, time.time() - facts.server.now)


def with_exemplars(
    family: Family, slow: Mapping[tuple[tuple[str, str], ...], Exemplar], epoch: float
) -> Family:
    """The family, and at the bucket of each slow request its id. `epoch` is when the monotonic clock was
    zero.
    """
    samples, left = [], dict(slow)
    for sample in family.samples:
        labels = tuple((key, value) for key, value in sample.labels.items() if key != "le")
        known = left.get(labels)
        if known is not None and sample.suffix == "_bucket" and known.seconds <= float(sample.labels["le"]):
            name, at = _UNFIT.sub("_", known.request_id), known.at_s + epoch
            sample = replace(sample, exemplar=f'{{request_id="{name}"}} {known.seconds:.6f} {at:.3f}')
            del left[labels]
        samples.append(sample)
    return replace(family, samples=tuple(samples))


def spread_of(row: Row, part: str) -> Spread:
    spread: Spread = getattr(row, part)
    return spread


def histogram(
    name: str,
    text: str,
    found: Iterable[tuple[Labels, Spread]],
    bounds: tuple[int, ...] = TIME_BOUNDS_US,
) -> Family:
    unit = 1e6 if bounds is TIME_BOUNDS_US else 1
    names = [number(each / unit) for each in bounds]
    samples: list[Sample] = []
    for labels, spread in found:
        count = spread.count
        for bound, below in zip(names, spread.below(bounds), strict=True):
            samples.append(Sample(below, {**labels, "le": bound}, "_bucket"))
        samples.append(Sample(count, {**labels, "le": "+Inf"}, "_bucket"))
        samples.append(Sample(count, labels, "_count"))
        samples.append(Sample(spread.total, labels, "_sum"))
    return Family(f"potstill_{name}", "histogram", text, tuple(samples))


# Writing


def text(found: Iterable[Family]) -> str:
    """The text format 0.0.4 of Prometheus."""
    return "".join(f"{line}\n" for family in found for line in lines(family, openmetrics=False))


def openmetrics(found: Iterable[Family]) -> str:
    """The same as OpenMetrics 1.0 has it."""
    written = "".join(f"{line}\n" for family in found for line in lines(family, openmetrics=True))
    return f"{written}# EOF\n"


def lines(family: Family, *, openmetrics: bool) -> Iterator[str]:
    total = "_total" if family.kind == "counter" else ""
    name = family.name if openmetrics else family.name + total
    yield f"# HELP {name} {family.help}"
    yield f"# TYPE {name} {family.kind}"
    for sample in family.samples:
        labels = ",".join(f'{key}="{escaped(value)}"' for key, value in sample.labels.items())
        braces = f"{{{labels}}}" if labels else ""
        exemplar = f" # {sample.exemplar}" if openmetrics and sample.exemplar else ""
        yield f"{family.name}{total}{sample.suffix}{braces} {number(sample.value)}{exemplar}"


def escaped(value: str) -> str:
    """The value of a label: three characters have a meaning of their own."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    """Whole numbers without a point, others with all their digits."""
    return str(int(value)) if value == int(value) and abs(value) < 1 << 53 else repr(float(value))
