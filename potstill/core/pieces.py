"""A format of the access log as the core writes it: values, each with the text that stands behind it.

    "%(h)s - %(s)s"   →   Piece("environ", "REMOTE_ADDR", …, behind=b" - "), Piece("s", …)

What is known when a worker begins is a text from then on, atoms that are a key of the environ become that
key, and the request line its three words.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

BARE, JSON = 2, 3  # of the ways of escaping in settings/log_formats.py

AT = MappingProxyType(
    {
        "h": ("environ", "REMOTE_ADDR"),
        "u": ("environ", "REMOTE_USER"),
        "route": ("environ", "potstill.route"),
        "scheme": ("environ", "wsgi.url_scheme"),
        "tls": ("environ", "SSL_PROTOCOL"),
        "f": ("referer", "HTTP_REFERER"),
        "a": ("agent", "HTTP_USER_AGENT"),
    }
)
WORDS = (("m", b" "), ("target", b" "), ("H", b""))


class Piece(NamedTuple):
    """A value, and what stands behind it."""

    atom: str = ""  # "" for no value
    key: str = ""  # what the value is asked for
    as_json: bool = False  # how it is escaped
    wary: bool = False  # of spaces too
    fence: str = ""  # and of this character
    behind: bytes = b""


def pieces_of(steps: Iterable[tuple[str, str, int, str]], worker: int, behind_max: int) -> list[Piece]:
    """The pieces of a format, with at most `behind_max` octets behind each value; `worker` is its number."""
    known = {"l": "-", "p": str(os.getpid()), "worker": str(worker)}
    pieces = [Piece()]
    for atom, key, escape, fence in steps:
        if atom == "text" or atom in known:
            _add_text(pieces, known.get(atom, key).encode(), behind_max)
        elif atom == "r":
            escape = max(escape, BARE)  # a space in one of its words would make two of it
            pieces.extend(_value(word, "", escape, fence, space) for word, space in WORDS)
        else:
            pieces.append(_value(*AT.get(atom, (atom, key)), escape, fence))
    return [piece for piece in pieces if piece != Piece()]


def _value(atom: str, key: str, escape: int, fence: str, behind: bytes = b"") -> Piece:
    as_json = escape == JSON
    return Piece(atom, key, as_json, escape == BARE, "" if as_json else fence, behind)


def _add_text(pieces: list[Piece], text: bytes, behind_max: int) -> None:
    """Behind the last piece, and what finds no room there behind further ones."""
    while text:
        room = behind_max - len(pieces[-1].behind)
        pieces[-1] = pieces[-1]._replace(behind=pieces[-1].behind + text[:room])
        text = text[room:]
        if text:
            pieces.append(Piece())
