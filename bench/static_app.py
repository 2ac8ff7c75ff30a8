"""What bench.static serves by WSGI: the directory by Potstill's own middleware, and by WhiteNoise."""

from __future__ import annotations

import os
from typing import Any

from bench.apps import hello
from potstill.middleware import Mount, Static

DIRECTORY = os.environ["BENCH_STATIC"]

static = Mount({"/static": Static(DIRECTORY)})


def whitenoise() -> Any:
    from whitenoise import WhiteNoise

    return WhiteNoise(hello, root=DIRECTORY, prefix="/static")
