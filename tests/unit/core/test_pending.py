"""Bytes in wait for the rest of a request: appended behind, used from the front."""

from __future__ import annotations

import random

import pytest

from potstill.core.pending import PendingFace


def test_it_starts_with_nothing() -> None:
    """No memory before there is a byte."""
    pending = PendingFace()
    assert (pending.content, pending.capacity) == (b"", 0)


def test_what_is_put_is_there_until_it_is_consumed() -> None:
    pending = PendingFace()
    pending.put(b"GET / ")
    pending.put(b"HTTP/1.1\r\n")
    assert pending.content == b"GET / HTTP/1.1\r\n"
    pending.consume(4)
    assert pending.content == b"/ HTTP/1.1\r\n"
    pending.consume(12)
    assert pending.content == b""
    pending.put(b"again")
    assert pending.content == b"again"


@pytest.mark.parametrize("size", [1, 2047, 2048, 2049, 65536, 1_000_000])
def test_it_grows_by_doubling(size: int) -> None:
    pending = PendingFace()
    pending.put(b"x" * size)
    assert pending.content == b"x" * size
    assert size <= pending.capacity <= max(2048, 2 * size)


def test_it_agrees_with_a_model() -> None:
    pending, model, chance = PendingFace(), b"", random.Random(3)
    for _ in range(2000):
        if chance.random() < 0.5:
            data = chance.randbytes(chance.choice((0, 1, 10, 3000)))
            pending.put(data)
            model += data
        else:
            used = chance.randrange(len(model) + 1)
            pending.consume(used)
            model = model[used:]
        assert pending.content == model


def test_more_cannot_be_consumed_than_is_there() -> None:
    with pytest.raises(IndexError):
        PendingFace().consume(1)
