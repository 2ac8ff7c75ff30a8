"""Which page an exception gets: its form by what the client wants, its content by who the client is."""

from __future__ import annotations

import json

import pytest

from potstill.dev.pages import HTML, JSON, TEXT, Pages, wanted
from tests.unit.dev.raising import environ, error_of

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        (BROWSER, HTML),
        ("application/json", JSON),
        ("application/problem+json, */*;q=0.1", JSON),
        ("application/json;q=0.5, text/html", HTML),
        ("application/json, text/html;q=0.5", JSON),
        ("text/html;q=0", TEXT),
        ("text/html;q=high", TEXT),
        ("image/webp,*/*", TEXT),
    ],
)
def test_the_form_is_the_clients_choice(accept: str, kind: str) -> None:
    assert wanted(accept) == kind
    assert Pages().of(environ(HTTP_ACCEPT=accept), error_of()).kind == kind


def test_text_reads_like_a_traceback() -> None:
    text = Pages().of(environ(), error_of(), "shop:app cannot be loaded").text
    assert text.startswith("shop:app cannot be loaded\n\nrequest: GET /cart?a=1\n")
    assert "Traceback (most recent call last):\n" in text
    assert "      item = {}\n" in text
    assert "\nValueError: <no price>\n" in text
    assert "\nIt was raised from:\n" in text


def test_json_has_all_of_it() -> None:
    page = Pages().of(environ(HTTP_ACCEPT=JSON), error_of())
    told = json.loads(page.text)
    assert told["error"]["type"] == "ValueError"
    assert told["causes"][0]["traceback"][-1]["values"]["item"] == "{}"
    assert told["request"]["request"] == "GET /cart?a=1"
    assert ("Content-Type", "application/json") in page.fields


@pytest.mark.parametrize("accept", ["", BROWSER, JSON])
def test_a_stranger_learns_nothing_but_that_there_was_an_error(accept: str) -> None:
    page = Pages().of(environ(HTTP_ACCEPT=accept, HTTP_X_FORWARDED_FOR="10.0.0.7"), error_of())
    assert "price" not in page.text
    assert "The log of the server says" in page.text
    assert "secret" not in Pages().of_text(environ(HTTP_HOST="evil.example"), "shop", "secret").text


@pytest.mark.parametrize("accept", ["", BROWSER, JSON])
def test_without_the_debugger_everybody_sees_the_traceback_and_nobody_values(accept: str) -> None:
    page = Pages(values=False).of(environ(HTTP_ACCEPT=accept, REMOTE_ADDR="10.0.0.7"), error_of())
    assert "KeyError" in page.text
    assert "hunter2" not in page.text.replace('password = "hunter2"', "").replace("hunter2&quot;", "")
    assert "its repr raises" not in page.text
    assert "GET /cart" not in page.text


@pytest.mark.parametrize(("accept", "kind"), [("", TEXT), (BROWSER, HTML), (JSON, JSON)])
def test_a_failure_that_is_only_a_text(accept: str, kind: str) -> None:
    page = Pages().of_text(environ(HTTP_ACCEPT=accept), "shop cannot be loaded", "it was killed by SIGKILL")
    assert page.kind == kind
    assert "it was killed by SIGKILL" in page.text


def test_the_length_is_that_of_the_body() -> None:
    page = Pages().of_text(environ(), "…", "\udcff")
    assert dict(page.fields)["Content-Length"] == str(len(page.body))
