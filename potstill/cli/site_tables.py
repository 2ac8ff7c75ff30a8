"""The `[[site]]` tables of potstill.toml: how they come from the file to who understands them.

What they may hold is in `potstill.assemble.site_tables`, which is loaded with the first of them: most
configurations have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from potstill.config import ConfigurationError, Section, TableReader


def read(section: Section) -> Any:
    """The sites; ConfigurationError with everything that is wrong, each with its line and column."""
    from potstill.assemble import SitesError
    from potstill.assemble.site_tables import read_sites

    try:
        return read_sites(section.value, lambda path: section.value_place(*path))
    except SitesError as error:
        raise ConfigurationError(error.problems) from None


def schema() -> Mapping[str, Any]:
    """The JSON Schema of the tables, for editors."""
    from potstill.assemble.site_tables import sites_schema

    return sites_schema()


SITES = TableReader(read, schema)
