"""What is told of an exception and of its request."""

from __future__ import annotations

from potstill.dev.facts import HIDDEN, VALUE_CHARACTERS_MAX, chain_of, request_of, value_of
from tests.unit.dev.raising import environ, error_of


def test_the_chain_begins_with_what_was_raised_last() -> None:
    """Then what that came from, with the words for how."""
    outer, inner = chain_of(error_of())
    assert (outer.kind, outer.message, outer.why) == ("ValueError", "<no price>", "")
    assert (inner.kind, inner.message, inner.why) == ("KeyError", "'price'", "It was raised from:")
    assert [place.function for place in inner.places] == ["error_of", "price"]
    assert inner.places[-1].text.startswith('return item["price"]')
    assert (inner.places[-1].line, inner.places[-1].text) in [
        (number, text.strip()) for number, text in inner.places[-1].source
    ]


def test_values_are_shown_but_not_secrets() -> None:
    values = dict(chain_of(error_of())[1].places[-1].values)
    assert values["item"] == "{}"
    assert values["password"] == HIDDEN
    assert values["strange"].startswith("<Unspeakable instance at")


def test_a_message_that_cannot_be_made_is_told_as_such() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert chain_of(Silent())[0].message.endswith("Silent: its repr raises RuntimeError)")


def test_long_values_are_cut() -> None:
    assert len(value_of("text", "x" * 10_000)) <= VALUE_CHARACTERS_MAX + 1
    assert len(value_of("items", list(range(100_000)))) <= VALUE_CHARACTERS_MAX + 1


def test_an_error_during_handling_is_told_as_such() -> None:
    try:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b")  # noqa: B904
    except ValueError as error:
        told = chain_of(error)
    assert told[1].why == "It was raised while this one was being handled:"


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert [raised.message for raised in chain_of(first)] == ["a", "b"]


def test_a_syntax_error_shows_its_own_place() -> None:
    try:
        compile("a = (\n", "shop.py", "exec")
    except SyntaxError as error:
        (raised,) = chain_of(error)
        assert (raised.places[-1].file, raised.places[-1].line) == ("shop.py", 1)


def test_the_request() -> None:
    facts = request_of(environ(HTTP_COOKIE="id=7", HTTP_ACCEPT="*/*", CONTENT_TYPE="text/plain"))
    assert facts["request"] == "GET /cart?a=1"
    assert facts["client"] == "127.0.0.1:5000"
    assert facts["Content-Type"] == "text/plain"
    assert facts["Accept"] == "*/*"
    assert facts["Cookie"] == HIDDEN
