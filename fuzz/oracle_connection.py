"""A second opinion on a whole connection: which requests an application must see, and how it must end.

Made of the two other oracles; what they call the facts of a head becomes an expected call. And a reader of
responses, strict about their framing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from fuzz import oracle_chunks, oracle_head

LIMITS = oracle_head.Limits()
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [ -~]*")


@dataclass(frozen=True)
class Call:
    """What the application must have seen of a request."""

    method: str
    path: str
    query: str
    body: bytes


@dataclass(frozen=True)
class Story:
    """What must come of a connection's bytes. `refused`: the last answer is the server's own, with an error
    status.

    None where the oracles say "wait" and the parser may already have seen that nothing good can come.
    """

    calls: list[Call]
    refused: bool | None


def expected(data: bytes, body_bytes_max: int) -> Story:
    """The story of a client that sends `data` and then no more."""
    calls: list[Call] = []
    while data:
        head = oracle_head.judge(data, LIMITS)
        if head == "refuse":
            return Story(calls, True)
        if not isinstance(head, oracle_head.Facts):
            return Story(calls, None)
        if re.match(rb"(?:\r\n)?[^ ]+ https:", data, re.IGNORECASE):
            return Story(calls, True)  # RFC 9110 section 7.4: not over a connection without TLS
        data = data[head.length :]
        if head.chunked:
            body = oracle_chunks.judge(data, LIMITS)
            if not isinstance(body, oracle_chunks.Body):
                return Story(calls, True if body == "refuse" else None)
            payload, data = body.payload, body.rest
        else:
            length = head.content_length or 0
            if length > body_bytes_max:
                return Story(calls, True)
            if len(data) < length:
                return Story(calls, None)
            payload, data = data[:length], data[length:]
        path = unquote_to_bytes(head.path).decode("latin-1")
        calls.append(Call(head.method.decode(), path, head.query.decode(), payload))
        if not head.keep_alive:
            break
    return Story(calls, False)


def statuses(data: bytes, methods: list[str]) -> list[int]:
    """The final status of each response in `data`, which must be whole responses and nothing else.

    `methods` are those of the requests that were answered, for a response to HEAD has no body; what comes
    beyond them answers requests that never became any.
    """
    found = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        assert end, f"a response without an end: {data!r}"
        line, *lines = head.split(b"\r\n")
        match = STATUS_LINE.fullmatch(line)
        assert match, f"not a status line: {line!r}"
        fields = dict(oracle_head.field(each) for each in lines)
        assert len(fields) == len(lines), f"a field came twice: {lines!r}"
        status = int(match[1])
        if status == 100:
            assert not fields, f"100 with fields: {fields}"
            data = rest
            continue
        found.append(status)
        bodiless = methods[len(found) - 1] == "HEAD" if len(found) <= len(methods) else not rest
        length = 0 if bodiless else int(fields[b"Content-Length"])
        assert len(rest) >= length, f"a response is cut: {data!r}"
        data = rest[length:]
        assert not data or fields.get(b"Connection") != b"close", f"more after Connection: close: {data!r}"
    return found
