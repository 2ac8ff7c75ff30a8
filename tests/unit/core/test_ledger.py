"""The ledger: requests by route and class of status."""

from __future__ import annotations

import subprocess
import sys

import pytest

from potstill.core.ledger import OTHER, Ledger, enter

ROUTES_MAX = 64


def test_an_empty_ledger_has_no_rows() -> None:
    assert Ledger().rows() == {}


def test_a_request_is_entered_with_all_that_is_known_of_it() -> None:
    ledger = Ledger()
    enter(
        ledger,
        "/cart",
        201,
        queue_ns=3_000,
        application_ns=5_000_000,
        first_byte_ns=4_000_000,
        received=12,
        sent=700,
    )
    ((key, row),) = ledger.rows().items()
    assert key == ("/cart", 2)
    assert row.count == 1
    assert row.queue.total == pytest.approx(3e-6)
    assert row.application.total == pytest.approx(0.005)
    assert row.total.total == pytest.approx(0.005003)
    assert row.first_byte.total == pytest.approx(0.004)
    assert (row.received.total, row.sent.total) == (12, 700)


@pytest.mark.parametrize(
    ("code", "status"), [(100, 1), (200, 2), (304, 3), (404, 4), (599, 5), (0, 0), (999, 0)]
)
def test_every_status_has_its_class(code: int, status: int) -> None:
    """What is none is counted as having had none."""
    ledger = Ledger()
    enter(ledger, "", code)
    assert list(ledger.rows()) == [("", status)]


@pytest.mark.parametrize(("route", "name"), [(None, ""), (7, "7"), ("ä", "ä"), ("x" * 200, "x" * 63)])
def test_any_object_can_name_a_route(route: object, name: str) -> None:
    ledger = Ledger()
    enter(ledger, route, 200)
    assert list(ledger.rows()) == [(name, 2)]


def test_too_many_routes_are_counted_together() -> None:
    """Names that clients make up neither use up memory nor lose a request."""
    ledger = Ledger()
    for number in range(5000):
        enter(ledger, f"/{number}", 200)
    rows = ledger.rows()
    assert len(rows) == ROUTES_MAX - 1  # "" has had none
    assert rows[OTHER, 2].count == 5000 - (ROUTES_MAX - 2)
    assert sum(row.count for row in rows.values()) == 5000


def test_ledgers_are_folded_by_the_names_of_their_routes() -> None:
    """Each worker meets its routes in an order of its own."""
    past, one, other = Ledger(), Ledger(), Ledger()
    for route in ("/a", "/b", "/b"):
        enter(one, route, 200, application_ns=1000)
    for route in ("/c", "/b"):
        enter(other, route, 500)
    past.fold(one)
    past.fold(other)
    counts = {key: row.count for key, row in past.rows().items()}
    assert counts == {("/a", 2): 1, ("/b", 2): 2, ("/c", 5): 1, ("/b", 5): 1}
    assert past.rows()["/b", 2].application.total == pytest.approx(2e-6)


FORK = """
import os
from potstill.core.ledger import Ledger, enter
ledger = Ledger()
child = os.fork()
if child == 0:
    enter(ledger, "/x", 200)
    os._exit(0)
os.waitpid(child, 0)
print({key: row.count for key, row in ledger.rows().items()})
"""


def test_a_parent_reads_what_its_child_enters() -> None:
    run = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout == "{('/x', 2): 1}\n"


def test_the_slowest_request_of_a_minute_is_remembered_by_its_id() -> None:
    """Then a later one takes its place, however quick."""
    ledger = Ledger()
    for second, ms, name in [(1, 5, "a"), (2, 9, "b"), (3, 7, "c")]:
        enter(ledger, "/x", 200, application_ns=ms * 10**6, request_id=name, ended_ns=second * 10**9)
    found = ledger.rows()["/x", 2].exemplar
    assert found is not None
    assert (found.request_id, found.seconds, found.at_s) == ("b", pytest.approx(0.009), 2.0)
    enter(ledger, "/x", 200, application_ns=1, request_id="d", ended_ns=70 * 10**9)
    found = ledger.rows()["/x", 2].exemplar
    assert found is not None
    assert found.request_id == "d"


@pytest.mark.parametrize("name", [None, "", 7, "\u20ac"])
def test_who_has_no_id_is_nobodys_example(name: object) -> None:
    ledger = Ledger()
    enter(ledger, "/x", 200, application_ns=1, request_id=name)
    assert ledger.rows()["/x", 2].exemplar is None
