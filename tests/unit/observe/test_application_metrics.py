"""The application's own numbers, kept with prometheus_client in one process or several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import parser

from potstill.observe.application_metrics import VARIABLE, ApplicationMetrics
from potstill.observe.exposition import text

WORKER = """
from prometheus_client import Counter, Gauge, Histogram
Counter("orders", "Orders.", ["kind"]).labels("new").inc(3)
Gauge("carts", "Carts.", multiprocess_mode="livesum").set(5)
Histogram("price", "Prices.").observe(7)
import os; print(os.getpid())
"""


def work(directory: Path) -> int:
    """A process that measures something, and ends; its number."""
    run = subprocess.run(
        [sys.executable, "-c", WORKER],
        env={**os.environ, VARIABLE: str(directory)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return int(run.stdout)


def numbers(metrics: ApplicationMetrics) -> dict[str, float]:
    found = parser.text_string_to_metric_families(text(metrics.families()))
    return {f"{s.name}{''.join(s.labels.values())}": s.value for family in found for s in family.samples}


def test_several_processes_are_one_and_the_dead_keep_their_counts(tmp_path: Path) -> None:
    metrics = ApplicationMetrics({VARIABLE: str(tmp_path)})
    one, other = work(tmp_path), work(tmp_path)
    found = numbers(metrics)
    assert found["orders_totalnew"] == 6
    assert found["carts"] == 10
    assert found["price_count"] == 2
    metrics.forget(one)
    metrics.forget(other)
    found = numbers(metrics)
    assert found["orders_totalnew"] == 6
    assert "carts" not in found


def test_what_an_earlier_run_has_left_is_removed(tmp_path: Path) -> None:
    """And nothing else that lies there."""
    work(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert numbers(ApplicationMetrics({VARIABLE: str(tmp_path)})) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_in_one_process_its_registry_is_read() -> None:
    """This one has loaded the library, which measures the process by itself."""
    assert "python_info" in text(ApplicationMetrics({}).families())


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    metrics = ApplicationMetrics({VARIABLE: str(tmp_path)})
    (tmp_path / "counter_1.db").write_bytes(b"\xff" * 100)
    assert list(metrics.families()) == []
    assert list(ApplicationMetrics({VARIABLE: str(tmp_path / "nowhere")}).families()) == []
