"""The counts of rate limits: one a route, kept as long as something needs it."""

from __future__ import annotations

from typing import Any

from potstill.assemble.rates import RateTables
from potstill.assemble.site_tables import Route, Site, read_sites
from potstill.assemble.sites import assemble_sites
from potstill.settings import Settings
from tests.unit.middleware.hosts import Recorder, call, environ_of


def settings_of(*tables: dict[str, Any]) -> Settings:
    return Settings(sites=read_sites(list(tables), lambda path: "site"))


def routes_of(settings: Settings) -> list[tuple[Site, Route]]:
    return [(site, route) for site in settings.sites for route in site.routes]


def routed(rate: str) -> dict[str, Any]:
    return {"routes": {"/": {"app": "a", "rate": rate}}}


def test_each_route_with_a_rate_has_a_table() -> None:
    """Its own one; a route without a rate has none."""
    settings = settings_of(
        {"host": "one.example", **routed("1/h")},
        {"routes": {"/": {"app": "a", "rate": "1/h"}, "/b": {"app": "a", "rate": "1/h"}, "/c": {"app": "a"}}},
    )
    tables = RateTables()
    tables.prepare(settings)
    found = [tables.of(site, route) for site, route in routes_of(settings)]
    assert [table is None for table in found] == [not route.rate for _, route in routes_of(settings)]
    assert len({id(table) for table in found if table is not None}) == 3


def test_what_stays_as_it_is_keeps_its_counts() -> None:
    """A changed rate begins anew, and the old one is kept while something may go back to it."""
    old, new = settings_of(routed("1/h")), settings_of(routed("2/h"))
    ((site, route),) = routes_of(old)
    tables = RateTables()
    tables.prepare(old, None)
    table = tables.of(site, route)
    assert table is not None
    tables.prepare(new, old)
    assert tables.of(site, route) is table
    assert tables.of(*routes_of(new)[0]) not in (None, table)
    tables.prepare(new, None)
    assert tables.of(site, route) is None


def test_applications_of_one_table_count_together() -> None:
    """As those of two workers, each of which makes its own."""
    settings = settings_of(routed("2/h"))
    tables = RateTables()
    tables.prepare(settings)
    recorder = Recorder()
    one, other = (assemble_sites(settings.sites, lambda name: recorder, tables) for _ in range(2))
    assert [call(app, recorder, environ_of()).code for app in (one, other, one, other)] == [
        200,
        200,
        429,
        429,
    ]
    alone = assemble_sites(settings.sites, lambda name: recorder)
    assert call(alone, recorder, environ_of()).code == 200
