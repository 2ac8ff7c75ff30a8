"""The table of scenarios again, with all five frameworks mounted side by side in one process.

Each framework must find its own part of the path, read the body it is sent, stream, fail and answer HEAD as
it does alone. wsgiref's validator stands between Mount and each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.apps.clients import CLIENTS, Address
from tests.apps.conftest import VALIDATOR_COMPLAINTS
from tests.apps.scenarios import FRAMEWORKS, SCENARIOS, get
from tests.support.server import serve_process

ask = CLIENTS["http.client"]


@pytest.fixture(scope="module")
def mounted() -> Iterator[Address]:
    with serve_process("tests.apps.mounted:app") as server:
        yield server.address
    assert not server.log.lines(VALIDATOR_COMPLAINTS), server.log.tail()


@pytest.mark.slow
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_shop_answers_below_its_path_as_it_does_alone(mounted: Address, name: str) -> None:
    """Whatever the others in the process do."""
    for row in SCENARIOS:
        if not row.only or name in row.only:
            row.expected.check(
                ask(mounted, replace(row.request, target=f"/shops/{name}{row.request.target}"))
            )


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_right_one_answers(mounted: Address, name: str) -> None:
    """By the longest path that fits, on borders of segments."""
    assert f"by {name}".encode() in ask(mounted, get(f"/shops/{name}/")).body
    assert ask(mounted, get(f"/shops/{name}x/")).status == 404


def test_where_no_shop_is(mounted: Address) -> None:
    """404, without any framework."""
    for target in ("/", "/shops", "/shops/", "/flask/"):
        assert ask(mounted, get(target)).body == b"404 Not Found\n"
