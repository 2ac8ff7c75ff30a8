"""How properties are tested: as often as usual, on a machine that may be busy with something else.

Hypothesis measures each example, and calls one that takes 200 ms flaky. Pytest has a limit for each test.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

PATIENTLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
