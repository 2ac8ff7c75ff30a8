"""All request tables under the names of their subjects."""

from __future__ import annotations

from tests.wire.rows import Row
from tests.wire.tables import (
    advisories,
    connection,
    expect,
    fields,
    framing_chunked,
    framing_length,
    host,
    limits,
    relaxed,
    request_line,
    target,
    trailers,
)

TABLES: dict[str, list[Row]] = {
    "request-line": request_line.ROWS,
    "target": target.ROWS,
    "fields": fields.ROWS,
    "host": host.ROWS,
    "framing-length": framing_length.ROWS,
    "framing-chunked": framing_chunked.ROWS,
    "trailers": trailers.ROWS,
    "connection": connection.ROWS,
    "expect": expect.ROWS,
    "limits": limits.ROWS,
    "relaxed": relaxed.ROWS,
    "advisories": advisories.ROWS,
}
