"""The applications that every server serves, each a WSGI callable named by a scenario (`apps:hello`).

They give Content-Length wherever it is known, as frameworks do, so that no server is slowed by chunking
what another sends whole. `python -m bench.apps` prints how many turns of the spinning view's loop take a
millisecond here; the harness asks once per run and hands the number to every server, so that all of them
compute the same.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HELLO = b"Hello, World!"
RECORD = {
    "id": 4711,
    "name": "Ardbeg Uigeadail",
    "age": None,
    "proof": 54.2,
    "tags": ["islay", "peat", "sherry"],
    "stock": {"glasgow": 12, "london": 3, "oban": 0},
}
BODY = b"b" * 1_048_576
CHUNK = b"c" * 1024
CHUNKS = 64
PAUSED, IN_TIME, LATE = b"first,", b"in time", b"late"
PAUSE_S_MAX = 2.0
SLEEP_S = 0.010
LARGE_BODIES = 20
FILE_BLOCK_BYTES = 65536

# Set by the harness; the defaults let a curious reader serve this module by hand.
SPIN_TURNS = int(os.environ.get("BENCH_SPIN_TURNS", "20000"))
FILE_PATH = os.environ.get("BENCH_FILE", __file__)
SEEN_PATH = os.environ.get("BENCH_SEEN", "")


def _headers(body_bytes: int, kind: str = "text/plain") -> list[tuple[str, str]]:
    return [("Content-Type", kind), ("Content-Length", str(body_bytes))]


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [HELLO]


def record(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = json.dumps(RECORD).encode()
    start_response("200 OK", _headers(len(body), "application/json"))
    return [body]


def body(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", _headers(len(BODY), "application/octet-stream"))
    return [BODY]


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Chunks; `/paused` is the question whether they are sent as they come, see answers.py."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return _paused() if environ["PATH_INFO"] == "/paused" else _chunks()


def _chunks() -> Iterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


def _paused() -> Iterator[bytes]:
    """A first block, and whether the client had it before it was asked for the second."""
    yield PAUSED
    deadline = time.monotonic() + PAUSE_S_MAX
    while time.monotonic() < deadline:
        if os.path.exists(SEEN_PATH):
            yield IN_TIME
            return
        time.sleep(0.005)
    yield LATE


def file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    opened = open(FILE_PATH, "rb")  # noqa: SIM115 (the server closes it, by the iterable's close())
    size = os.fstat(opened.fileno()).st_size
    start_response("200 OK", _headers(size, "application/octet-stream"))
    # The frameworks' own fallback for servers without a wrapper: blocks of the same size.
    wrapper: Callable[[BinaryIO, int], Iterable[bytes]] = environ.get("wsgi.file_wrapper", _FileBlocks)
    return wrapper(opened, FILE_BLOCK_BYTES)


class _FileBlocks:
    def __init__(self, opened: BinaryIO, block_bytes: int) -> None:
        self._opened = opened
        self._block_bytes = block_bytes
        self.close = opened.close

    def __iter__(self) -> Iterator[bytes]:
        while block := self._opened.read(self._block_bytes):
            yield block


def upload(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    received = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = b"%d" % len(received)
    start_response("200 OK", _headers(len(answer)))
    return [answer]


def sleep(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    time.sleep(SLEEP_S)
    return hello(environ, start_response)


def sleep_for_slow(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """`/` sleeps; `/large` is taken slowly and `/upload` sent slowly by the clients of slow.py."""
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", _headers(len(BODY) * LARGE_BODIES, "application/octet-stream"))
        return itertools.repeat(BODY, LARGE_BODIES)
    if environ["PATH_INFO"] == "/upload":
        return upload(environ, start_response)
    return sleep(environ, start_response)


def spin(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    _compute(SPIN_TURNS)
    return hello(environ, start_response)


def two_routes(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """`/spin` computes for a millisecond; anything else is hello."""
    if environ["PATH_INFO"] == "/spin":
        _compute(SPIN_TURNS)
    return hello(environ, start_response)


def _compute(turns: int) -> int:
    total = 0
    for number in range(turns):
        total = (total + number) & 0xFFFF
    return total


def turns_per_ms() -> int:
    """How many turns of `_compute` take one millisecond of CPU time on this core, undisturbed."""
    turns = 20_000
    durations_s: list[float] = []
    # Many short tries: on a machine that does something else besides, one of them is left alone.
    for _ in range(500):
        begun = time.thread_time()
        _compute(turns)
        durations_s.append(time.thread_time() - begun)
    return round(turns * 0.001 / min(durations_s))


if __name__ == "__main__":
    print(turns_per_ms())
