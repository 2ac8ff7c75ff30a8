"""How long a request has waited before it came here, by the word of a proxy that is trusted to tell."""

from __future__ import annotations

import re
import time

# `t=` and a Unix time in seconds, milliseconds or microseconds: Heroku and nginx send such.
_START = re.compile(r"(?:t=)?(\d{9,20}(?:\.\d{1,9})?)", re.ASCII)
# No clock is right before 2001 or after 2286: the size of the number tells its unit.
_UNITS = ((1e15, 1e6), (1e12, 1e3), (1e9, 1.0))


def seconds_since(text: str | None) -> float:
    """Seconds since the time that X-Request-Start names; 0.0 for none, nonsense, and a time to come."""
    found = _START.fullmatch(text.strip()) if text else None
    if found is None:
        return 0.0
    number = float(found.group(1))
    for least, unit in _UNITS:
        if number >= least:
            return max(0.0, time.time() - number / unit)
    return 0.0
