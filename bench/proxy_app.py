"""What Potstill serves in bench.proxy: nothing but the hop."""

from __future__ import annotations

import os

from potstill.middleware import Proxy

application = Proxy(os.environ["BENCH_UPSTREAM"], idle_connections_max=64)
