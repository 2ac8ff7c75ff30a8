"""The request's body on its way: its framing, and when it can be sent twice."""

from __future__ import annotations

import io
from typing import Any

import pytest

from potstill.middleware.upstream import RequestRefused, UpstreamError
from potstill.middleware.upstream_body import REPLAY_BYTES_MAX, Attempt, RequestBody
from tests.support.upstream import environ_of


def body_of(octets: bytes, **more: Any) -> RequestBody:
    return RequestBody(environ_of("POST", body=octets, **more))


def test_a_small_body_can_be_sent_again() -> None:
    body = body_of(b"x" * REPLAY_BYTES_MAX)
    assert b"".join(body.blocks()) == b"".join(body.blocks()) == b"x" * REPLAY_BYTES_MAX
    assert body.replayable


def test_a_half_sent_small_body_can_be_sent_again() -> None:
    """What was read but not sent is not lost."""
    body = body_of(b"", **{"wsgi.input": Dribble([b"ab", b"cd"]), "CONTENT_LENGTH": "4"})
    first = body.blocks()
    assert next(first) == b"ab"
    assert b"".join(body.blocks()) == b"abcd"


def test_a_large_body_is_sent_once() -> None:
    octets = b"x" * (REPLAY_BYTES_MAX + 1)
    body = body_of(octets)
    assert body.replayable
    assert b"".join(body.blocks()) == octets
    assert not body.replayable
    with pytest.raises(RuntimeError, match="too large to be kept"):
        next(body.blocks())


class Dribble(io.BytesIO):
    """An input that gives what it likes, and blocks (here: fails) when asked for more than there is."""

    def __init__(self, parts: list[bytes]) -> None:
        super().__init__()
        self._parts = parts

    def read(self, size: int | None = -1, /) -> bytes:
        assert size, "read to an end that is not there"
        assert self._parts, "read beyond the body"
        return self._parts.pop(0)


def test_nothing_is_read_beyond_the_length() -> None:
    """PEP 3333: "a server should not attempt to read past Content-Length"; some would wait for ever."""
    body = body_of(b"", **{"wsgi.input": Dribble([b"abc"]), "CONTENT_LENGTH": "3"})
    assert list(body.blocks()) == [b"abc"]
    empty = body_of(b"", **{"wsgi.input": Dribble([]), "CONTENT_LENGTH": "0"})
    assert list(empty.blocks()) == []


def test_a_body_without_a_length_ends_where_the_input_does() -> None:
    more: dict[str, Any] = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    body = body_of(b"", **{"wsgi.input": io.BytesIO(b"abc"), **more})
    assert body.length is None
    assert list(body.blocks()) == [b"abc"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"CONTENT_LENGTH": "+5"}, 400),
        ({"CONTENT_LENGTH": "5, 5"}, 400),
        ({"CONTENT_LENGTH": "0x5"}, 400),
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": " 5"}, 400),
        ({"CONTENT_LENGTH": "٥"}, 400),
        ({"CONTENT_LENGTH": "1" * 20}, 400),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
    ],
)
def test_a_length_that_is_none_is_refused(more: dict[str, Any], status: int) -> None:
    with pytest.raises(RequestRefused) as refused:
        body_of(b"", **more)
    assert refused.value.status == status


def test_a_body_that_breaks_off_is_refused() -> None:
    """The client has left: the upstream must not get half a body for a whole one."""
    body = body_of(b"abc", CONTENT_LENGTH="5")
    blocks = body.blocks()
    assert next(blocks) == b"abc"
    with pytest.raises(RequestRefused, match="ended before"):
        next(blocks)


def test_an_input_that_fails_is_the_clients_matter() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError("gone")

    body = body_of(b"", **{"wsgi.input": Broken(), "CONTENT_LENGTH": "3"})
    with pytest.raises(RequestRefused, match="gone"):
        next(body.blocks())


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
def test_idempotent_requests_may_be_repeated(method: str) -> None:
    """RFC 9110 section 9.2.2, as long as nothing was answered."""
    attempt = Attempt(environ_of(method), 0)
    assert attempt.may_repeat(UpstreamError(502, "", unanswered=True))
    assert not attempt.may_repeat(UpstreamError(502, ""))


@pytest.mark.parametrize("method", ["POST", "PATCH", "get", "LOCK"])
def test_other_requests_only_when_they_were_not_sent(method: str) -> None:
    attempt = Attempt(environ_of(method), 0)
    assert not attempt.may_repeat(UpstreamError(502, "", unanswered=True))
    assert attempt.may_repeat(UpstreamError(503, "", unsent=True))


def test_a_body_that_is_gone_prevents_it() -> None:
    attempt = Attempt(environ_of("PUT", body=b"x" * (REPLAY_BYTES_MAX + 1)), 0)
    assert attempt.may_repeat(UpstreamError(502, "", unanswered=True))
    for _ in attempt.body.blocks():
        pass
    assert not attempt.may_repeat(UpstreamError(502, "", unanswered=True))
    assert not attempt.may_repeat(UpstreamError(503, "", unsent=True))
