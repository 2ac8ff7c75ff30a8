"""The page that shows a directory."""

from __future__ import annotations

import os
from pathlib import Path

from potstill.middleware.listing import ENTRIES_MAX, listing


def page(directory: Path, *, top: bool = False, links: bool = False) -> str:
    fd = os.open(directory, os.O_RDONLY)
    try:
        return listing(fd, "/here/", top=top, links=links).decode()
    finally:
        os.close(fd)


def test_directories_come_first_and_every_name_is_quoted(tmp_path: Path) -> None:
    """A name is data: in HTML it is escaped, in a link percent-encoded."""
    for name in ("b", "ü", "<script>", "a&b", '"', "java:script", "%41", "x y"):
        (tmp_path / name).touch()
    (tmp_path / "zoo").mkdir()
    text = page(tmp_path)
    assert '<li><a href="../">..</a></li>\n<li><a href="./zoo/">zoo/</a></li>' in text
    assert '<a href="./%3Cscript%3E">&lt;script&gt;</a>' in text
    assert '<a href="./java%3Ascript">java:script</a>' in text
    assert '<a href="./%2541">%41</a>' in text
    assert '<a href="./%C3%BC">ü</a>' in text
    assert '<a href="./a%26b">a&amp;b</a>' in text
    assert "<script>" not in text


def test_what_is_not_served_is_not_shown(tmp_path: Path) -> None:
    """Dot-files never, links only where they are followed."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    assert "git" not in page(tmp_path)
    assert "link" not in page(tmp_path)
    assert '<a href="./link/">link/</a>' in page(tmp_path, links=True)


def test_the_top_has_no_way_up(tmp_path: Path) -> None:
    """What is above belongs to somebody else."""
    assert ".." not in page(tmp_path, top=True)


def test_a_page_has_an_end(tmp_path: Path) -> None:
    """The number of entries is bounded."""
    for number in range(ENTRIES_MAX + 10):
        (tmp_path / str(number)).touch()
    assert page(tmp_path, top=True).count("<li>") == ENTRIES_MAX


def test_a_name_that_is_no_text_is_shown_somehow(tmp_path: Path) -> None:
    """File names are octets; the link leads to them all the same."""
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"))).touch()
    assert "./%FF.txt" in page(tmp_path)
