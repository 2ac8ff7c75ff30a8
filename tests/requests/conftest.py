"""The engine's log, and views that hang."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.requests.stuck import Stuck
from tests.unit.core.stage import Log, logged


@pytest.fixture
def log() -> Iterator[Log]:
    with logged() as made:
        yield made


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    with Stuck() as made:
        yield made
