"""What /status and /inflight say."""

from __future__ import annotations

import json

import pytest

from potstill.core.histogram import read_back
from potstill.observe.status import inflight, spread, status
from tests.support.engine import Gate, behind, engine_on, request
from tests.unit.observe.crew import facts, worker


def test_the_whole_is_json_and_adds_up() -> None:
    found = json.loads(json.dumps(status(facts())))
    assert found["requests"]["by_status"] == {"2xx": 10, "4xx": 4, "5xx": 3}
    assert found["requests"]["total"] == 17
    assert found["routes"]["/cart"]["5xx"]["requests"] == 3
    assert found["routes"]["/cart"]["5xx"]["seconds"]["p50"] == pytest.approx(3.0, rel=0.125)
    assert found["seconds"]["count"] == 17
    assert found["workers"][0]["requests"] == 17
    assert found["workers_wanted"] == 2
    assert found["refused"]


def test_a_spread_has_its_percentiles_in_seconds_and_its_buckets() -> None:
    found = spread(read_back([1000, 1000, 1000, 50_000]))
    assert found["p50"] == pytest.approx(0.001, rel=0.125)
    assert found["p99"] == pytest.approx(0.05, rel=0.125)
    assert sum(found["buckets"].values()) == found["count"] == 4


def test_what_is_in_flight_is_told_with_its_worker() -> None:
    with Gate() as gate:
        with engine_on(behind(gate)) as running, running.client() as client:
            client.send(request("/slow", method="POST"))
            gate.wait_entered(1)
            (found,) = inflight(facts(worker(7, stats=running.engine.stats)))["requests"]
            gate.open()
    assert (found["worker"], found["method"], found["target"], found["phase"]) == (
        7,
        "POST",
        "/slow",
        "running",
    )
    assert json.dumps(found)


def test_what_waits_has_waited_for_as_long_as_it_is_old() -> None:
    with Gate() as gate:
        with engine_on(behind(gate), threads=1) as running, running.client() as first:
            first.send(request("/first"))
            gate.wait_entered(1)
            with running.client() as second:
                second.send(request("/second"))
                running.wait(lambda now: now.backlog == 1)
                shown = facts(worker(7, stats=running.engine.stats))
                waiting = next(each for each in inflight(shown)["requests"] if each["target"] == "/second")
                gate.open()
                assert second.response().status == 200
    assert (waiting["phase"], waiting["thread"]) == ("queued", 0)
    assert waiting["queued_seconds"] == pytest.approx(waiting["seconds"], abs=0.001)
