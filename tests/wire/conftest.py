"""One server for the whole suite: it must outlive everything that the tests do to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import Server, serve_process
from tests.support.wire import Client

# No environ may ever hold it: `wire` finds out.
SECRET = "POTSTILL_WIRE_SECRET"
PROBE = "tests.wire.probe:app"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Potstill with the probe application and its default settings."""
    with serve_process(PROBE, environment={SECRET: "swordfish"}) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A new connection to that server."""
    with Client(server.address) as connection:
        yield connection


pytest.register_assert_rewrite("tests.wire.judge")
