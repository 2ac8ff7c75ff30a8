"""Nothing is left behind: not by thousands of requests of every kind, not by hundreds of engines."""

from __future__ import annotations

import pytest

from tests.unit.core.footprint import KINDS, measured

# Half of the smallest object that could be leaked.
BYTES_MAX = 8.0

REQUESTS = (
    "import json; from tests.unit.core.footprint import *; print(json.dumps(bytes_for_each_request(240)))"
)
ENGINES = (
    "import json; from tests.unit.core.footprint import *; print(json.dumps(bytes_for_each_engine(200)))"
)


@pytest.mark.slow
def test_requests_leave_nothing_behind() -> None:
    """Whatever they were, and however they ended: answered, failed, refused, cut, or left."""
    found = measured(REQUESTS)
    assert found.pop("descriptors") == 0
    assert found.keys() == KINDS.keys()
    assert {kind: size for kind, size in found.items() if size > BYTES_MAX} == {}


@pytest.mark.slow
def test_engines_leave_nothing_behind() -> None:
    """Two hundred of them, each with a connection that is cut in the middle."""
    found = measured(ENGINES)
    assert found["descriptors"] == 0
    assert found["bytes"] <= BYTES_MAX
