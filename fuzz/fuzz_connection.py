"""Fuzzes a served connection: raw bytes to a real socket, in pieces, against a second opinion
(oracle_connection.py).

What must hold, however the bytes are cut: the application sees the requests that the oracle sees, no other
and none twice; each has one whole answer, in order; behind a refused request nothing is answered; the
connection is closed.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz import harness
from fuzz.fuzz_chunks import SPIKES as CHUNK_SPIKES
from fuzz.fuzz_chunks import bodies
from fuzz.fuzz_head import SPIKES as HEAD_SPIKES
from fuzz.heads import heads
from fuzz.oracle_connection import Call, expected, statuses
from potstill.core.engine import Engine
from potstill.core.options import AccessLog, Options
from potstill.settings.log_formats import parse

BODY_BYTES_MAX = 2000
# Small, so that bodies of some bytes go through the spool file as well.
BODY_MEMORY_BYTES = 40
# A connection ends within this, or it hangs; more than a busy machine needs.
WAIT_S = 5.0

OPTIONS = Options(
    threads=2,
    limit_request_line=8190,
    limit_request_fields=100,
    limit_request_field_size=16384,
    limit_request_head=65536,
    limit_request_body=BODY_BYTES_MAX,
    header_timeout_s=60.0,
    body_timeout_s=60.0,
    min_rate_bytes_s=0,
    write_timeout_s=60.0,
    handshake_timeout_s=10.0,
    keepalive_s=60.0,
    keepalive_requests=0,
    max_connections=100,
    header_map="drop",
    server_header="potstill",
    body_memory_bytes=BODY_MEMORY_BYTES,
    response_memory_bytes=1 << 20,
    spool_dir=None,
    multiprocess=False,
    request_buffering=True,
    response_spool_bytes=1 << 30,
    request_timeout_s=0.0,
    interrupt_grace_s=5.0,
    slow_request_s=10.0,
    cancel_on_disconnect=False,
    queue_timeout_s=0.0,
    backlog_limit=0,
    trust_request_start=False,
    health_path="",
    ready_path="",
    handover_limit=512,
    server_timing=False,
    # Every field that a client sends is written out, which is where escapes go wrong.
    access_log=AccessLog(parse("json"), os.devnull, (), 1.0, 0.0),
)


class Server:
    """An engine in this process, whose application writes down what it is called with."""

    def __init__(self) -> None:
        logging.getLogger("potstill").setLevel(logging.CRITICAL)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        # A daemon's threads: it lives as long as the process, which is as long as there is something to fuzz.
        self._engine = Engine(self._application, [self._listener], OPTIONS)
        self._engine.start()

    def _application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        call = Call(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], body)
        with self._lock:
            self._calls.append(call)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"seen"]

    def exchange(self, pieces: Sequence[bytes]) -> tuple[list[Call], bytes]:
        """What the application saw of one connection, and what the client got until it was closed."""
        with self._lock:
            self._calls.clear()
        received = bytearray()
        with socket.create_connection(self._address, timeout=WAIT_S) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A server that has said its last word may close, or reset, while more is being sent: what it said
            # before counts. Only silence is not an end.
            with suppress(OSError):
                for piece in pieces:
                    client.sendall(piece)
                client.shutdown(socket.SHUT_WR)
            try:
                with suppress(ConnectionError):
                    while more := client.recv(65536):
                        received += more
            except TimeoutError:
                raise AssertionError(f"the connection is never closed; so far: {bytes(received)!r}") from None
        with self._lock:
            return list(self._calls), bytes(received)


@cache
def server() -> Server:
    return Server()


def check(data: bytes, cuts: Sequence[float]) -> None:
    """The same story whole and in pieces, and the oracle's."""
    sizes = harness.cut(data, cuts)
    pieces = [data[start:end] for start, end in zip([0, *sizes], [*sizes, len(data)], strict=True)]
    story = expected(data, BODY_BYTES_MAX)
    for sent in ([data], pieces):
        calls, received = server().exchange([piece for piece in sent if piece])
        assert calls == story.calls, f"calls: {calls}, expected: {story.calls}"
        answers = statuses(received, [call.method for call in calls])
        assert answers[: len(calls)] == [200] * len(calls), f"answers: {answers}"
        errors = answers[len(calls) :]
        assert all(status >= 400 for status in errors), f"answers: {answers}"
        assert len(errors) <= 1, f"more than one refusal: {answers}"
        if story.refused is not None:
            assert len(errors) == story.refused, f"answers: {answers}, expected: {story}"


@st.composite
def connections(draw: st.DrawFn) -> bytes:
    """A few messages, one behind the other."""
    message = st.one_of(
        heads(),
        st.sampled_from((b"GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")),
        st.builds(posted, st.binary(max_size=100)),
        st.builds(chunked, bodies()),
    )
    return b"".join(draw(st.lists(message, min_size=1, max_size=4)))


def posted(body: bytes) -> bytes:
    return b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def chunked(body: bytes) -> bytes:
    return b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body


FUZZED = harness.Target("connection", check, connections(), (*HEAD_SPIKES, *CHUNK_SPIKES))

if __name__ == "__main__":
    sys.exit(harness.main(FUZZED))
