"""Slots, deadline lists and queues: plain data, checked against plain models."""

from __future__ import annotations

import random

import pytest

from potstill.core.slots import SlotsFace

IDLE, HEAD, BODY, WRITE, LINGER, RETRY = range(6)  # slots.pxd
CHUNK_SLOTS = 256


def test_a_token_is_good_for_one_use_of_its_slot() -> None:
    """An event that comes late must not be taken for one of the connection that came after."""
    slots = SlotsFace()
    first = slots.take()
    assert slots.found(first)
    slots.give(first)
    assert not slots.found(first)
    second = slots.take()
    assert second & 0xFFFFFFFF == first & 0xFFFFFFFF  # the same place …
    assert second >> 32 == (first >> 32) + 1  # … in its next generation
    assert slots.found(second)
    assert not slots.found(first)


@pytest.mark.parametrize("token", [0, 1, 255, 256, 1 << 32, (1 << 32) - 1, (1 << 64) - 1])
def test_tokens_that_were_never_given_are_not_found(token: int) -> None:
    slots = SlotsFace()
    assert not slots.found(token)
    slots.take()
    assert not slots.found(token) or token == 1 << 32  # the first slot in its first generation


def test_slots_come_in_chunks_and_are_used_again() -> None:
    """No slot is handed out twice at a time; what is given back is taken before new memory is."""
    slots = SlotsFace()
    tokens = [slots.take() for _ in range(3 * CHUNK_SLOTS + 1)]
    indexes = {token & 0xFFFFFFFF for token in tokens}
    assert indexes == set(range(3 * CHUNK_SLOTS + 1))
    for token in tokens:
        slots.give(token)
    assert {slots.take() & 0xFFFFFFFF for _ in tokens} == indexes
    assert not any(slots.found(token) for token in tokens)


def test_what_is_over_is_a_key_error() -> None:
    slots = SlotsFace()
    token = slots.take()
    slots.give(token)
    for use in (slots.give, slots.push, slots.disarm):
        with pytest.raises(KeyError):
            use(token)


def test_a_deadline_list_is_in_the_order_of_arming() -> None:
    """A phase's timeout is constant: the first armed is the first to expire. Arming again goes to the end."""
    slots = SlotsFace()
    a, b, c = slots.take(), slots.take(), slots.take()
    for at, token in enumerate((a, b, c)):
        slots.arm(HEAD, token, at)
    assert slots.armed(HEAD) == [a, b, c]
    slots.arm(HEAD, a, 3)
    assert slots.armed(HEAD) == [b, c, a]
    slots.arm(BODY, c, 4)
    assert (slots.armed(HEAD), slots.armed(BODY)) == ([b, a], [c])
    slots.disarm(b)
    slots.disarm(b)
    assert slots.armed(HEAD) == [a]
    slots.disarm(a)
    slots.disarm(c)
    assert slots.armed(HEAD) == slots.armed(BODY) == []


def test_lists_and_a_model_agree_under_random_use() -> None:
    """Links forth and back stay whole wherever a slot is taken out: `armed` walks both ways."""
    slots = SlotsFace()
    chance = random.Random(9)
    tokens = [slots.take() for _ in range(40)]
    model: dict[int, list[int]] = {which: [] for which in range(6)}
    for step in range(5000):
        token = chance.choice(tokens)
        for members in model.values():
            if token in members:
                members.remove(token)
        if chance.random() < 0.3:
            slots.disarm(token)
        else:
            which = chance.randrange(6)
            slots.arm(which, token, step)
            model[which].append(token)
        if step % 100 == 0:
            assert {which: slots.armed(which) for which in range(6)} == model
    assert {which: slots.armed(which) for which in range(6)} == model


def test_a_queue_is_first_in_first_out() -> None:
    slots = SlotsFace()
    tokens = [slots.take() for _ in range(5)]
    assert slots.pop() is None
    for token in tokens[:3]:
        slots.push(token)
    assert slots.queued == 3
    assert [slots.pop(), slots.pop()] == tokens[:2]
    for token in tokens[3:]:
        slots.push(token)
    assert [slots.pop(), slots.pop(), slots.pop(), slots.pop()] == [*tokens[2:], None]
    assert slots.queued == 0
    slots.push(tokens[0])
    assert slots.pop() == tokens[0]
