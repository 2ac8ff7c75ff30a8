"""The counts of the rate limits of routes, which all workers share.

A supervisor makes them before it forks, and each worker, which makes its application by itself, is given
those of its routes. They are memory without a name: nothing is left behind when the last process has ended. A
reload keeps the counts of the routes that stay as they are; a restart or an upgrade begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from potstill.settings import Settings

if TYPE_CHECKING:
    from potstill.assemble.site_tables import Route, Site
    from potstill.middleware.ratelimit_table import SharedTable

# The hosts, the path and the rate: another rate counts in other units.
Key = tuple[tuple[str, ...], str, str]


class RateTables:
    """One table for each route with a rate. Owned by the supervisor's loop; a worker only reads it."""

    def __init__(self) -> None:
        self._tables: dict[Key, SharedTable] = {}

    def prepare(self, *in_use: Settings | None) -> None:
        """Make what these settings need and is not there, and let go of what none of them needs.

        Raises OSError when there is no memory for it.
        """
        needed = {
            _key(site, route)
            for settings in in_use
            if settings is not None
            for site in settings.sites
            for route in site.routes
            if route.rate
        }
        self._tables = {key: self._tables.get(key) or _made() for key in needed}

    def of(self, site: Site, route: Route) -> SharedTable | None:
        """The table of a route; None where none was prepared, and the limit makes one for itself."""
        return self._tables.get(_key(site, route))


def _key(site: Site, route: Route) -> Key:
    return site.host, route.path, route.rate


def _made() -> SharedTable:
    # Most supervisors have no rate to count, and load nothing for it.
    from potstill.middleware.ratelimit import KEYS
    from potstill.middleware.ratelimit_table import SharedTable

    return SharedTable(KEYS)
