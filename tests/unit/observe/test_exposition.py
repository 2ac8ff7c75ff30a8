"""The text for Prometheus, read by the parsers of its own client library."""

from __future__ import annotations

import time

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from potstill.core.histogram import read_back
from potstill.core.ledger import enter
from potstill.observe.exposition import Family, Sample, escaped, families, histogram, number, text
from potstill.observe.exposition import openmetrics as written
from tests.unit.observe.crew import NOW, busy_stats, facts, worker

NASTY = 'a"b\\c\nd'


def test_its_own_parser_takes_the_text() -> None:
    found = {family.name: family for family in parser.text_string_to_metric_families(text(families(facts())))}
    requests = {tuple(s.labels.values()): s.value for s in found["potstill_requests"].samples}
    assert requests == {("/cart", "2xx"): 10, (NASTY, "4xx"): 4, ("/cart", "5xx"): 3}
    assert found["potstill_exceptions"].samples[0].value == 3
    assert found["potstill_worker_exits"].type == "counter"
    assert found["potstill_saturation_ratio"].type == "gauge"
    (expiry,) = found["potstill_certificate_expiry_timestamp_seconds"].samples
    assert (expiry.labels, expiry.value) == ({"certificate": "shop.example"}, 1.8e9)


def test_the_parser_of_openmetrics_takes_it_too() -> None:
    """Which is strict: it looks at names, kinds, the order of samples, and the end."""
    found = {f.name: f for f in openmetrics_parser.text_string_to_metric_families(written(families(facts())))}
    assert found["potstill_request_seconds"].type == "histogram"
    assert sum(sample.value for sample in found["potstill_requests"].samples) == 17


def test_every_family_has_a_name_of_its_own_and_something_to_say() -> None:
    found = list(families(facts()))
    assert len({family.name for family in found}) == len(found)
    assert all(family.help.endswith(".") and family.name.startswith("potstill_") for family in found)


def test_a_histogram_counts_what_lies_below_its_bounds() -> None:
    """Times by microseconds become seconds; the last bucket has all."""
    family = histogram("x_seconds", "Text.", [({"route": "/"}, read_back([100, 300, 1000, 70_000_000]))])
    counts = {sample.labels["le"]: sample.value for sample in family.samples if sample.suffix == "_bucket"}
    assert (counts["0.000256"], counts["0.000512"], counts["0.001024"]) == (1, 2, 3)
    assert (counts["67.108864"], counts["+Inf"]) == (3, 4)
    assert list(counts.values()) == sorted(counts.values())


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3, "3"), (3.0, "3"), (0.1, "0.1"), (1e-06, "1e-06"), (2.0**60, "1.152921504606847e+18")],
)
def test_numbers_are_written_in_full(value: float, shown: str) -> None:
    assert number(value) == shown
    assert float(shown) == value


def test_labels_are_escaped() -> None:
    family = Family("a", "gauge", "Text.", (Sample(1, {"route": NASTY}),))
    assert text([family]).splitlines()[-1] == 'a{route="a\\"b\\\\c\\nd"} 1'
    assert escaped(NASTY) == 'a\\"b\\\\c\\nd'


def test_a_slow_request_is_an_example_of_its_bucket() -> None:
    """In OpenMetrics, by its id; the other format has no place for that."""
    stats = busy_stats()
    enter(stats.ledger, "/cart", 500, application_ns=9_000_000_000, request_id='a"b', ended_ns=int(NOW * 1e9))
    found = list(families(facts(worker(stats=stats))))
    parsed = {f.name: f for f in openmetrics_parser.text_string_to_metric_families(written(found))}
    samples = [sample for sample in parsed["potstill_request_seconds"].samples if sample.exemplar]
    (sample,) = samples
    assert sample.labels == {"route": "/cart", "status": "5xx", "le": "16.777216"}
    assert (sample.exemplar.labels, sample.exemplar.value) == ({"request_id": "a_b"}, 9.0)
    assert abs(float(sample.exemplar.timestamp) - time.time()) < 20
    assert "request_id" not in text(found)
