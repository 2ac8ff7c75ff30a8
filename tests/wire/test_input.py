"""wsgi.input: the methods of PEP 3333, by what they return, for a body with a length and for a chunked one.

Every row is a list of calls and the results they must have. The application makes the calls
(`answers.read_input`).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.support.wire import Client
from tests.wire.rows import HOST, message, post

BODY = b"ab\ncd\r\n\nef"
LINES = ["ab\n", "cd\r\n", "\n", "ef"]
TEXT = BODY.decode()

Call = list[Any]

# (name, body, calls, results)
CALLS: list[tuple[str, bytes, list[Call], list[Any]]] = [
    ("read-all", BODY, [["read"]], [TEXT]),
    ("read-minus-one", BODY, [["read", -1]], [TEXT]),
    ("read-nothing", BODY, [["read", 0], ["read"]], ["", TEXT]),
    ("read-some", BODY, [["read", 4], ["read", 4], ["read", 4]], ["ab\nc", "d\r\n\n", "ef"]),
    ("read-more-than-there-is", BODY, [["read", 1000]], [TEXT]),
    ("read-exactly-all", BODY, [["read", len(BODY)], ["read", 1]], [TEXT, ""]),
    ("read-at-the-end", BODY, [["read"], ["read"], ["read", 5], ["read", -1]], [TEXT, "", "", ""]),
    ("read-a-large-number", BODY, [["read", 2**31]], [TEXT]),
    ("read-byte-by-byte", b"abc", [["read", 1]] * 5, ["a", "b", "c", "", ""]),
    ("readline", BODY, [["readline"]] * 6, [*LINES, "", ""]),
    ("readline-minus-one", BODY, [["readline", -1]] * 5, [*LINES, ""]),
    ("readline-nothing", BODY, [["readline", 0], ["readline"]], ["", "ab\n"]),
    ("readline-short", BODY, [["readline", 2], ["readline", 2], ["readline", 3]], ["ab", "\n", "cd\r"]),
    ("readline-exactly", BODY, [["readline", 3], ["readline", 4]], ["ab\n", "cd\r\n"]),
    ("readline-long", BODY, [["readline", 1000]], ["ab\n"]),
    ("readline-after-read", BODY, [["read", 1], ["readline"]], ["a", "b\n"]),
    ("read-after-readline", BODY, [["readline"], ["read", 2], ["read"]], ["ab\n", "cd", "\r\n\nef"]),
    ("readlines", BODY, [["readlines"], ["readlines"]], [LINES, []]),
    ("readlines-after-readline", BODY, [["readline"], ["readlines"]], ["ab\n", LINES[1:]]),
    ("iterate", BODY, [["list"], ["list"]], [LINES, []]),
    ("iterate-after-read", BODY, [["read", 4], ["list"]], ["ab\nc", ["d\r\n", "\n", "ef"]]),
    ("iterate-then-read", BODY, [["list"], ["read"], ["readline"]], [LINES, "", ""]),
    ("no-line-end", b"abc", [["readline"], ["readline"]], ["abc", ""]),
    ("a-line-end-last", b"abc\n", [["list"]], [["abc\n"]]),
    ("only-line-ends", b"\n\n\n", [["readlines"]], [["\n"] * 3]),
    ("cr-is-no-line-end", b"a\rb\rc", [["readline"]], ["a\rb\rc"]),
    ("nul-is-a-byte", b"a\x00b\n\x00", [["list"]], [["a\x00b\n", "\x00"]]),
    ("empty-read", b"", [["read"], ["read", 5], ["read", -1], ["read", 0]], ["", "", "", ""]),
    ("empty-lines", b"", [["readline"], ["readlines"], ["list"], ["readline", 5]], ["", [], [], ""]),
    ("a-long-line", b"a" * 100_000 + b"\nb", [["readline"], ["readline"]], ["a" * 100_000 + "\n", "b"]),
    ("a-long-line-in-parts", b"a" * 9000 + b"\n", [["readline", 8192]] * 2, ["a" * 8192, "a" * 808 + "\n"]),
    ("many-lines", b"ab\n" * 5000, [["readlines"]], [["ab\n"] * 5000]),
]  # fmt: skip

rows = pytest.mark.parametrize(("name", "body", "calls", "results"), CALLS, ids=[row[0] for row in CALLS])


def asking(calls: list[Call], *framing: bytes, body: bytes) -> bytes:
    """A request for these calls."""
    wish = b"X-Calls: " + json.dumps(calls).encode()
    return message(b"POST /input HTTP/1.1", HOST, wish, *framing, body=body)


def in_chunks(body: bytes, size: int = 3) -> bytes:
    """The body in chunks that no line ends with."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@rows
def test_a_body_with_a_length_reads_like_a_file(
    client: Client, name: str, body: bytes, calls: list[Call], results: list[Any]
) -> None:
    """And ends where its length ends, however often it is asked."""
    client.send(asking(calls, b"Content-Length: %d" % len(body), body=body))
    assert json.loads(client.response().body) == results


@rows
def test_a_chunked_body_reads_like_a_file(
    client: Client, name: str, body: bytes, calls: list[Call], results: list[Any]
) -> None:
    """Chunks are not to be seen."""
    client.send(asking(calls, b"Transfer-Encoding: chunked", body=in_chunks(body, max(3, len(body) // 500))))
    assert json.loads(client.response().body) == results


@rows
def test_a_body_does_not_run_into_the_next_request(
    client: Client, name: str, body: bytes, calls: list[Call], results: list[Any]
) -> None:
    """Whatever was read or left unread of it."""
    one = asking(calls, b"Content-Length: %d" % len(body), body=body)
    client.send(one + one)
    assert json.loads(client.response().body) == results
    assert json.loads(client.response().body) == results


@pytest.mark.parametrize("hint", [1, 3, 4, 100])
def test_readlines_may_follow_its_hint_or_ignore_it(client: Client, hint: int) -> None:
    """PEP 3333 leaves it to the server; but lines stay whole, and the rest stays readable."""
    client.send(asking([["readlines", hint], ["read"]], b"Content-Length: %d" % len(BODY), body=BODY))
    lines, rest = json.loads(client.response().body)
    assert lines == LINES[: len(lines)]
    assert len("".join(lines)) >= min(hint, len(BODY))
    assert "".join(lines) + rest == TEXT


@pytest.mark.parametrize("size", [100_000, 1_048_576, 1_048_577, 3_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_of_any_size_arrives_unchanged(client: Client, framing: str, size: int) -> None:
    """Below, at and above what is kept in memory."""
    body = hashlib.shake_256(b"seed").digest(size)
    if framing == "length":
        raw = post(b"Content-Length: %d" % size, body=body)
    else:
        raw = post(b"Transfer-Encoding: chunked", body=in_chunks(body, 10_007))
    client.send(raw.replace(b"POST / ", b"POST /digest ", 1))
    assert client.response().body.decode() == f"{size} {hashlib.sha256(body).hexdigest()}"
    client.send(post(b"Content-Length: 0"))
    assert client.response().status == 200
