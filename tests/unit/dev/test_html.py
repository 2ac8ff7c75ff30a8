"""The page in HTML."""

from __future__ import annotations

from html.parser import HTMLParser

from potstill.dev.facts import chain_of
from potstill.dev.html import page_of
from tests.unit.dev.raising import error_of


class Tags(HTMLParser):
    """What a browser would make of the page: its elements and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_is_shown_is_escaped_and_elements_are_closed() -> None:
    """A value with markup in it is shown, not followed."""
    request = {"request": "GET /<script>alert(1)</script>"}
    page = page_of(chain_of(error_of()), request, "<heading>", "<text>")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in tags.seen
    assert "ValueError: <no price>" in tags.text
    assert "'<b>bold</b>'" in tags.text
    assert "GET /<script>alert(1)</script>" in tags.text


def test_the_page_asks_for_nothing_else() -> None:
    page = page_of(chain_of(error_of()), {})
    assert "src=" not in page
    assert "href=" not in page
    assert "//" not in page.replace("<!doctype html>", "").partition("<body>")[0]
