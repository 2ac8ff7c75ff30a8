"""One server process for each framework and test module, with the log that it must have kept clean."""

from collections.abc import Iterator

import pytest

from tests.apps.clients import CLIENTS, Address, Client
from tests.apps.scenarios import FRAMEWORKS
from tests.support.server import Server, serve_process

# What the validator writes when the server breaks PEP 3333 behind its back: it cannot fail the request any
# more.
VALIDATOR_COMPLAINTS = "AssertionError|garbage collected without being closed"


@pytest.fixture(scope="module", params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(framework: str) -> Iterator[Server]:
    with serve_process(f"tests.apps.with_{framework}:app") as server:
        yield server
    complaints = server.log.lines(VALIDATOR_COMPLAINTS)
    assert not complaints, server.log.tail()


@pytest.fixture(scope="module")
def address(server: Server) -> Address:
    return server.address


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    return CLIENTS[request.param]
