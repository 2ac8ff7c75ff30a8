"""Content-Type by the ending of a name."""

from __future__ import annotations

import pytest

from potstill.middleware.media_types import TYPES, MediaTypes

ROWS = [
    ("index.html", "text/html; charset=utf-8"),
    ("INDEX.HTML", "text/html; charset=utf-8"),
    ("a/b.c/style.min.css", "text/css; charset=utf-8"),
    ("app.js", "text/javascript; charset=utf-8"),
    ("app.mjs", "text/javascript; charset=utf-8"),
    ("data.json", "application/json"),
    ("site.webmanifest", "application/manifest+json"),
    ("logo.svg", "image/svg+xml"),
    ("x.woff2", "font/woff2"),
    ("x.wasm", "application/wasm"),
    ("archive.tar.gz", "application/gzip"),
    ("README", "application/octet-stream"),
    ("a.b/README", "application/octet-stream"),
    (".profile", "application/octet-stream"),
    ("x.nobody-knows", "application/octet-stream"),
    ("", "application/octet-stream"),
]


@pytest.mark.parametrize(("name", "kind"), ROWS)
def test_the_type_of_a_name(name: str, kind: str) -> None:
    """The last ending counts, in any case; text has its charset."""
    assert MediaTypes().of(name) == kind


def test_additions_win_and_the_charset_can_be_left_out() -> None:
    """An ending is written with its dot."""
    types = MediaTypes({".GPX": "application/gpx+xml", ".js": "text/plain; charset=latin1"}, charset="")
    assert types.of("way.gpx") == "application/gpx+xml"
    assert types.of("a.js") == "text/plain; charset=latin1"
    assert types.of("a.css") == "text/css"
    with pytest.raises(ValueError, match="'gpx' is no ending"):
        MediaTypes({"gpx": "application/gpx+xml"})


def test_the_table_is_in_order_and_well_formed() -> None:
    """So that an ending is found by whoever looks for it, and stands there once."""
    assert list(TYPES) == sorted(TYPES)
    assert all(ending.startswith(".") and kind.count("/") == 1 for ending, kind in TYPES.items())
