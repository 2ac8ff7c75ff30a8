"""Formats of the access log as values and the texts behind them."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.core.pieces import BARE, JSON, Piece, pieces_of
from potstill.settings.log_formats import Escape, parse
from tests.support.properties import PATIENTLY

ROOM = 7


def test_a_value_has_the_text_behind_it() -> None:
    assert pieces_of(parse("[%(h)s %(l)s] %(s)s"), 3, ROOM) == [
        Piece(behind=b"["),
        Piece("environ", "REMOTE_ADDR", wary=True, fence=" ", behind=b" -] "),
        Piece("s"),
    ]


def test_the_ways_of_escaping_are_those_of_the_formats() -> None:
    """The core is given plain numbers."""
    assert (BARE, JSON) == (Escape.BARE, Escape.JSON)
    (piece,) = pieces_of([("s", "", Escape.JSON, '"')], 3, ROOM)
    assert piece == Piece("s", as_json=True)


def test_what_is_known_is_a_text() -> None:
    (piece,) = pieces_of(parse("%(worker)s/%(p)s"), 3, 20)
    assert piece == Piece(behind=f"3/{os.getpid()}".encode())


def test_the_request_line_is_three_words() -> None:
    """None of which may hold a space, also between quotes; JSON needs no such care."""
    assert [(piece.atom, piece.wary, piece.behind) for piece in pieces_of(parse('"%(r)s"'), 3, ROOM)] == [
        ("", False, b'"'),
        ("m", True, b" "),
        ("target", True, b" "),
        ("H", True, b'"'),
    ]
    for piece in pieces_of(parse('{"r":"%(r)s"}'), 3, ROOM)[1:]:
        assert (piece.as_json, piece.wary) == (True, False)


@PATIENTLY
@given(text=st.text("abc", min_size=1, max_size=40))
def test_a_long_text_is_spread(text: str) -> None:
    pieces = pieces_of(parse(f"%(s)s{text}"), 3, ROOM)
    assert b"".join(piece.behind for piece in pieces) == text.encode()
    assert max(len(piece.behind) for piece in pieces) <= ROOM
    assert [piece.atom for piece in pieces] == ["s"] + [""] * (len(pieces) - 1)
    assert len(pieces) == -(-len(text) // ROOM)


@pytest.mark.parametrize(
    ("atom", "key"),
    [
        ("%({content-type}i)s", "CONTENT_TYPE"),
        ("%({Content-Length}i)s", "CONTENT_LENGTH"),
        ("%({x-a}i)s", "HTTP_X_A"),
        ("%({x_a}e)s", "x_a"),
    ],
)
def test_a_field_is_asked_for_by_its_key(atom: str, key: str) -> None:
    """RFC 3875: two fields have no HTTP_ in front."""
    (piece,) = pieces_of(parse(atom), 3, ROOM)
    assert (piece.atom, piece.key) == ("environ", key)
