"""What the tests of the parser's parts share: a head is read in several ways, and all must answer alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from potstill.core.http1 import Head, Refusal, parse_head

HOST = b"Host: a.test"


def message(line: bytes, *fields: bytes) -> bytes:
    """A head of which every byte between the CRLFs is given."""
    return b"\r\n".join((line, *fields, b"", b""))


def get(*fields: bytes, target: bytes = b"/") -> bytes:
    """A correct GET with a Host, and these fields after it."""
    return message(b"GET " + target + b" HTTP/1.1", HOST, *fields)


def answers(data: bytes, **limits: Any) -> Iterator[Head | Refusal | None]:
    """What is answered to `data` fed whole, byte by byte, in two halves, and with something behind it."""
    yield parse_head(data, **limits)
    yield parse_head(data, splits=range(len(data)), **limits)
    yield parse_head(data, splits=[len(data) // 2], **limits)
    yield parse_head(data + b"GET /next HTTP/1.1\r\n\x00\n", **limits)


def accepted(data: bytes, **limits: Any) -> Head:
    """The head, which all ways of feeding it agree on."""
    first, *others = answers(data, **limits)
    assert isinstance(first, Head), first
    assert others == [first] * len(others)
    assert first.length == len(data)
    assert parse_head(data[:-1], **limits) is None
    return first


def refused(data: bytes, **limits: Any) -> tuple[int, str]:
    """Status and rule of the refusal, which all ways of feeding it agree on."""
    first, *others = answers(data, **limits)
    assert isinstance(first, Refusal), first
    assert others == [first] * len(others)
    return first.status, first.rule
