"""The client that everything here relies on: what it takes, and that it takes nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.wire import BadResponseError, CutError, Responses, pieces

OK = b"HTTP/1.1 200 OK\r\n"
ENDINGS: list[bytes | None] = [b"", None]


def stream(*parts: bytes | None) -> Callable[[], bytes]:
    """A connection that yields these parts and then ends: cleanly, or by a reset if the last part is None."""
    waiting = list(parts)

    def receive() -> bytes:
        part = waiting.pop(0) if waiting else b""
        if part is None:
            raise ConnectionResetError
        return part

    return receive


WHOLE = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", "length"),
    "chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "chunked"),
    "close": (OK + b"\r\nhello", "close"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_body_is_read_whole_and_bytewise_in_each_framing(name: str) -> None:
    """Where the bytes are cut does not matter."""
    raw, framing = WHOLE[name]
    for parts in ([raw], [raw[at : at + 1] for at in range(len(raw))]):
        response = Responses(stream(*parts)).response()
        assert (response.status, response.body, response.framing) == (200, b"hello", framing)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_bodiless_status_leaves_the_stream_to_the_next_response(status: bytes) -> None:
    """RFC 9112 §6.3, rule 1."""
    responses = Responses(stream(b"HTTP/1.1 " + status + b"\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"))
    assert responses.response().body == b""
    assert responses.response().status == 200


def test_the_answer_to_head_keeps_its_length_and_has_no_body() -> None:
    """The length is that of the body a GET would have got."""
    responses = Responses(stream(OK + b"Content-Length: 5\r\n\r\n", OK + b"\r\n"))
    assert responses.response(head=True).get("content-length") == "5"
    assert responses.response().body == b""


def test_interim_responses_are_kept_with_the_final_one() -> None:
    """100, then the answer."""
    response = Responses(
        stream(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n")
    ).response()
    assert [interim.status for interim in response.interim] == [100]


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 200 OK\n\r\n",
        OK + b"X-A : b\r\n\r\n",
        OK + b"X-A: b\n\r\n",
        OK + b"X-A: b\r\n c\r\n\r\n",
        OK + b"X A: b\r\n\r\n",
        OK + b"X-A: b\x00\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Content-Length: +5\r\n\r\nhello",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_is_not_http_is_not_taken(raw: bytes) -> None:
    """Nothing is repaired."""
    with pytest.raises(BadResponseError):
        Responses(stream(raw)).response()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_response_that_is_not_whole_is_cut(ending: bytes | None) -> None:
    """With what did come, and whether a reset ended it."""
    for head in (b"Content-Length: 9\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello"):
        with pytest.raises(CutError) as cut:
            Responses(stream(OK + head, ending)).response()
        assert cut.value.partial is not None
        assert cut.value.partial.body == b"hello"
        assert cut.value.reset == (ending is None)


def test_a_body_that_the_close_delimits_is_cut_by_a_reset_alone() -> None:
    """A clean end is its only sign of being whole."""
    with pytest.raises(CutError):
        Responses(stream(OK + b"\r\nhello", None)).response()


def test_the_remainder_ends_cleanly_or_not_at_all() -> None:
    """Bytes are handed out; a reset is an error."""
    assert Responses(stream(b"ab", b"c")).remainder() == b"abc"
    with pytest.raises(AssertionError, match="reset"):
        Responses(stream(b"ab", None)).remainder()


@pytest.mark.parametrize("size", [0, 1, 100, 2400, 2401, 5000, 100_000])
def test_pieces_make_up_the_whole(size: int) -> None:
    """And the first and last of them are single bytes."""
    raw = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    parts = list(pieces(raw))
    assert b"".join(parts) == raw
    assert all(len(part) == 1 for part in (*parts[:600], *parts[-600:]))
