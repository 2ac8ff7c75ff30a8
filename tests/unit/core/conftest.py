"""One engine for a whole file of tests whose applications differ, and its log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.core.stage import Log, Stage, logged, stage
from tests.unit.core.views import Views


@pytest.fixture(scope="module")
def on() -> Iterator[Stage]:
    """The engine stays for the module; what it plays is the test's business."""
    with stage(threads=4) as made:
        yield made


@pytest.fixture
def log() -> Iterator[Log]:
    with logged() as made:
        yield made


@pytest.fixture
def views() -> Iterator[Views]:
    made = Views()
    with made.gate:
        yield made
