"""Messages that nobody wrote: rows of the tables, damaged at random from a fixed seed.

What they deserve is not known here. But however a message is cut into segments, it must lead to the same
answers, each of them HTTP, and to a clean end of the connection.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.support.server import Server
from tests.support.wire import Client, CutError, Response, pieces
from tests.wire.corpus import TABLES
from tests.wire.judge import facts_of

SEEDS = range(20)
MESSAGES_PER_SEED = 25
BYTES_MAX = 2000

# Not of HEAD: without knowing how a damaged message is read, nobody knows which answers have no body.
MESSAGES = [
    row.raw
    for row in chain.from_iterable(TABLES.values())
    if len(row.raw) <= BYTES_MAX and b"HEAD" not in row.raw
]
SCRAPS = [
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b",", b";", b"=", b'"', b"%", b"\x00", b"\xa0", b"0", b"5"),
    *(b"chunked", b"HTTP/1.0", b"0\r\n\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Host: b.test\r\n"),
    b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
]


def damaged(chance: random.Random) -> bytes:
    """A message with one to three accidents."""
    raw = bytearray(chance.choice(MESSAGES))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(5):
            case 0:
                del raw[at : at + chance.randint(1, 5)]
            case 1 | 2:
                raw[at:at] = chance.choice(SCRAPS)
            case 3:
                raw[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                other = chance.choice(MESSAGES)
                raw[at:] = other[chance.randrange(len(other)) :]
    return bytes(raw)


def scattered(raw: bytes, chance: random.Random) -> Iterator[bytes]:
    """The message in segments of 1 to 40 bytes."""
    while raw:
        size = chance.randint(1, 40)
        yield raw[:size]
        raw = raw[size:]


def answers(server: Server, segments: Iterator[bytes]) -> list[tuple[object, ...]]:
    """What the application and the client have seen when the message was sent so, and then half-closed."""
    seen: list[tuple[object, ...]] = []
    with Client(server.address) as client:
        for segment in segments:
            client.send(segment)
        client.half_close()
        while response := next_response(client):
            if response.status == 200:
                facts = facts_of(response)
                del facts["environ"]["REMOTE_PORT"]
                seen.append((200, facts["environ"], facts["body"], facts["complaint"]))
            else:
                seen.append((response.status, response.body))
    return seen


def next_response(client: Client) -> Response | None:
    """The next answer, or None at a clean end between two answers."""
    try:
        return client.response()
    except CutError as end:
        if end.partial is not None or end.reset:
            raise
    client.expect_end()
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_where_a_message_is_cut_does_not_matter(server: Server, seed: int) -> None:
    """Whole, byte by byte, and in segments of any size."""
    chance = random.Random(seed)
    for _ in range(MESSAGES_PER_SEED):
        raw = damaged(chance)
        whole = answers(server, iter([raw]))
        assert answers(server, pieces(raw)) == whole, raw
        assert answers(server, scattered(raw, chance)) == whole, raw
        assert [answer for answer in whole if answer[0] == 200 and answer[3]] == [], raw
