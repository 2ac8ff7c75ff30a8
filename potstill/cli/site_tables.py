"""The `[[site]]` and `[[tls]]` tables of potstill.toml: how they come from the file to who understands them.

What they may hold is in `potstill.assemble.site_tables` and `tls_tables`, which are loaded with the first of
them: most configurations have none.
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


def read_tls(section: Section) -> Any:
    """The certificates by host; ConfigurationError as from `read`."""
    from potstill.assemble import SitesError
    from potstill.assemble.tls_tables import read_certificates

    try:
        return read_certificates(section.value, lambda path: section.value_place(*path))
    except SitesError as error:
        raise ConfigurationError(error.problems) from None


def schema_of_tls() -> Mapping[str, Any]:
    """The JSON Schema of the tables, for editors."""
    from potstill.assemble.tls_tables import certificates_schema

    return certificates_schema()


SITES = TableReader(read, schema)
TLS = TableReader(read_tls, schema_of_tls)
