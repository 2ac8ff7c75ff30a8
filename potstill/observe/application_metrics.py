"""What the application measures by itself with prometheus_client, for /metrics.

In one process its registry is read, if the application has loaded that library. In several, the library
keeps the numbers of each in files, where PROMETHEUS_MULTIPROC_DIR says so before it is loaded; those are
put together, and what processes that are gone have left of numbers that only the living have is removed.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from potstill.observe.exposition import Family, Sample

logger = logging.getLogger("potstill")

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
LIBRARY = "prometheus_client"
_FILE = re.compile(r"(?:counter|histogram|summary|gauge_[a-z]+)_([0-9]+)\.db")
KINDS = ("counter", "gauge", "histogram", "summary")


class ApplicationMetrics:
    """The application's numbers, wherever they are; `environ` is that of the process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._directory = environ.get(VARIABLE, "")
        if self._directory and os.path.isdir(self._directory):
            remove_remains(Path(self._directory))

    def families(self) -> Iterator[Family]:
        """As the server's own; none where there is no library, or nothing in it. Raises nothing."""
        try:
            registry = self._registry()
            found = [family_of(metric) for metric in registry.collect()] if registry is not None else []
        except Exception as error:  # files of another version, or written to just now
            logger.warning("the metrics of the application cannot be read: %s", error)
            found = []
        yield from found

    def _registry(self) -> Any:
        if self._directory:
            if not os.path.isdir(self._directory):
                return None
            library = importlib.import_module(LIBRARY)
            registry = library.CollectorRegistry()
            importlib.import_module(f"{LIBRARY}.multiprocess").MultiProcessCollector(
                registry, self._directory
            )
            return registry
        loaded = sys.modules.get(LIBRARY)
        return loaded.REGISTRY if loaded is not None else None

    def forget(self, pid: int) -> None:
        """A process has ended: what only the living measure goes with it."""
        if not self._directory:
            return
        for path in Path(self._directory).glob(f"gauge_live*_{pid}.db"):
            path.unlink(missing_ok=True)


def remove_remains(directory: Path) -> None:
    """Files of processes that do not run any more: of an earlier run, whose numbers would be added to
    these.
    """
    for path in directory.iterdir():
        found = _FILE.fullmatch(path.name)
        if found is not None and not os.path.isdir(f"/proc/{found[1]}"):
            path.unlink(missing_ok=True)


def family_of(metric: Any) -> Family:
    """A metric of prometheus_client as one of ours."""
    kind = metric.type if metric.type in KINDS else "gauge"
    samples = []
    for sample in metric.samples:
        suffix = sample.name.removeprefix(metric.name)
        if kind == "counter":
            suffix = suffix.removesuffix("_total")
        if suffix != "_created":  # the text format has no place for it
            samples.append(Sample(sample.value, dict(sample.labels), suffix))
    return Family(metric.name, kind, " ".join(metric.documentation.split()), tuple(samples))
