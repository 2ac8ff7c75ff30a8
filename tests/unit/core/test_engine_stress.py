"""Some seconds of everything at once: no event is lost, every request is answered once, in order, and whole.

Callers pipeline, split their bytes anywhere, half-close, read slowly, leave in the middle; views block,
compute, stream, fail. An event that is lost leaves a caller without its answer, and that fails the test by
its bound. A failure names the seed of its caller.
"""

from __future__ import annotations

import itertools
import logging
import random
import select
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from potstill.core.engine import EngineStatistics
from tests.support.engine import Environ, Running, StartResponse, engine_on, request
from tests.support.wire import Client, CutError

CALLERS = 10
SECONDS = 1.5
HARMLESS = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)
SWITCH_S = 0.0001  # of the interpreter, for many more interleavings


def body_of(number: int, size: int) -> bytes:
    """Octets that tell whose they are."""
    return (b"%d," % number * (size // 2 + 1))[:size]


class Views:
    """What is asked for is in the target: /view/size?number. Every call is counted by its number."""

    def __init__(self) -> None:
        self.called: list[int] = []
        self.failures = 0

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        _, view, size = environ["PATH_INFO"].split("/")
        number = int(environ["QUERY_STRING"])
        self.called.append(number)
        if view == "block":
            threading.Event().wait(int(size) / 1e6)
        elif view == "compute":
            end = time.thread_time() + int(size) / 1e6
            while time.thread_time() < end:
                pass
        elif view == "stream":
            return self.stream(number, int(size), start_response)
        elif view == "fail":
            return self.fail(number, start_response)
        elif view == "echo":
            start_response("200 OK", [("X-Number", str(number))])
            return [environ["wsgi.input"].read()]
        start_response("200 OK", [("X-Number", str(number))])
        return [body_of(number, int(size))]

    def stream(self, number: int, size: int, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("X-Number", str(number))])
        body = body_of(number, size)
        for start in range(0, size, max(1, size // 7)):
            yield body[start : start + max(1, size // 7)]

    def fail(self, number: int, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("X-Number", str(number)), ("Content-Length", "10")])
        yield b"half"
        self.failures += 1
        raise ConnectionError("a failure that is meant")


class Asked:
    """A request and the answer that it has to get."""

    def __init__(self, number: int, chance: random.Random, *, may_fail: bool) -> None:
        self.number = number
        kinds = ["plain", "plain", "large", "stream", "echo", "chunked", "block", "compute", "head"]
        self.kind = chance.choice([*kinds, "fail"] if may_fail else kinds)
        view = {"large": "plain", "head": "plain", "chunked": "echo"}.get(self.kind, self.kind)
        most = {
            "large": 400_000,
            "stream": 100_000,
            "echo": 40_000,
            "chunked": 40_000,
            "block": 4000,
            "compute": 400,
        }
        size = chance.randrange(most.get(self.kind, 100))
        target = f"/{view}/{size}?{number}"
        self.body = body_of(number, size)
        if self.kind == "head":
            self.raw, self.body = request(target, method="HEAD"), b""
        elif self.kind == "echo":
            self.raw = request(target, method="POST", body=self.body)
        elif self.kind == "chunked":
            middle = chance.randrange(size + 1)
            parts = [part for part in (self.body[:middle], self.body[middle:]) if part]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
            self.raw = request(target, "Transfer-Encoding: chunked", method="PATCH") + chunks + b"0\r\n\r\n"
        else:
            self.raw = request(target)

    def check(self, client: Client) -> None:
        """The next answer is the one to this request; a cut one is where a view fails."""
        if self.kind == "fail":
            with pytest.raises(CutError):
                client.response()
            return
        response = client.response(head=self.kind == "head")
        assert response.get("x-number") == str(self.number), (
            f"the answer to another request than {self.number}"
        )
        assert response.body == self.body, f"the body of {self.kind} {self.number} is another"


class Caller(threading.Thread):
    """Talks to the engine, one connection after the other, until the time is up."""

    def __init__(self, seed: int, running: Running, numbers: Iterator[int], until: float) -> None:
        super().__init__(name=f"caller {seed}")
        self.seed, self.running, self.numbers, self.until = seed, running, numbers, until
        self.chance = random.Random(seed)
        self.pause = threading.Event()
        self.answered: list[int] = []
        self.connections = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while time.monotonic() < self.until:
                self.connections += 1
                with self.running.client() as client:
                    self.talk(client)
        except BaseException as error:
            error.add_note(f"caller {self.seed}, connection {self.connections}")
            self.error = error

    def talk(self, client: Client) -> None:
        """Some requests at once; all answers, or a farewell in the middle."""
        chance = self.chance
        count = chance.choice((1, 1, 2, 5, 20))
        asked = [Asked(next(self.numbers), chance, may_fail=at == count - 1) for at in range(count)]
        leaves = chance.random() < 0.2
        half_closes = not leaves and chance.random() < 0.3
        sender = threading.Thread(target=self.send, args=(client, asked, leaves, half_closes))
        sender.start()
        try:
            if leaves:
                self.leave(client, asked)
                return
            for each in asked:
                if chance.random() < 0.1:
                    self.pause.wait(chance.random() * 0.01)
                each.check(client)
                self.answered.append(each.number)
            if half_closes and asked[-1].kind != "fail":
                client.expect_end()
        finally:
            sender.join()

    def leave(self, client: Client, asked: list[Asked]) -> None:
        """After some of the answers, perhaps none, perhaps in the middle of one."""
        with suppress(*HARMLESS):
            for each in asked[: self.chance.randrange(len(asked))]:
                each.check(client)
            if self.chance.random() < 0.5 and select.select([client.socket], [], [], 0)[0]:
                client.socket.recv(self.chance.randrange(1, 2000))
        with suppress(OSError):
            client.socket.shutdown(socket.SHUT_RDWR)  # wakes the sender
        if self.chance.random() < 0.5:
            client.reset()

    def send(self, client: Client, asked: list[Asked], leaves: bool, half_closes: bool) -> None:
        """All bytes, cut anywhere, a pause here and there. Only a caller that leaves may fail in this."""
        chance = random.Random(asked[0].number)
        raw = b"".join(each.raw for each in asked)
        cuts = sorted(chance.sample(range(1, len(raw)), chance.choice((0, 0, 1, 3, 20))))
        pause = threading.Event()
        try:
            for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
                client.socket.sendall(raw[start:end])
                if chance.random() < 0.3:
                    pause.wait(chance.random() * 0.003)
            if half_closes:
                client.half_close()
        except OSError as error:
            if not leaves and not (asked[-1].kind == "fail" and isinstance(error, HARMLESS)):
                self.error = error


def watch(running: Running, ended: threading.Event, wrong: list[EngineStatistics]) -> None:
    """Keep every state of the engine that must not be."""
    seats = running.engine.options.threads
    while not ended.wait(0.002):
        now = running.now
        if max(now.running, now.in_application) > seats or not 1 <= now.awake <= seats + 1:
            wrong.append(now)


@pytest.fixture
def impatient() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    yield
    sys.setswitchinterval(before)


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "one seat": {"threads": 1},
    "four seats, little memory": {"threads": 4, "response_memory_bytes": 20_000, "body_memory_bytes": 10_000},
    "eight seats, few connections": {"threads": 8, "max_connections": 6},
}


@pytest.mark.slow
@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.usefixtures("impatient")
def test_everything_at_once(
    configuration: str, unix: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request that a caller waits for is answered; each call of the application is of one request."""
    views = Views()
    numbers = itertools.count(1)
    wrong: list[EngineStatistics] = []
    ended = threading.Event()
    monkeypatch.setattr(
        logging.getLogger("potstill"), "disabled", True
    )  # hundreds of failures that are meant
    changes = {"spool_dir": str(tmp_path), **CONFIGURATIONS[configuration]}
    with engine_on(views, path=tmp_path / "socket" if unix else None, **changes) as running:
        watcher = threading.Thread(target=watch, args=(running, ended, wrong))
        watcher.start()
        until = time.monotonic() + SECONDS
        callers = [Caller(seed, running, numbers, until) for seed in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        for caller in callers:
            if caller.error is not None:
                raise caller.error
        running.wait_idle()
        ended.set()
        watcher.join()
        now = running.now
        running.engine.drain()
        assert running.engine.wait_drained(10)
    called = Counter(views.called)
    assert [number for number, count in called.items() if count > 1] == []
    answered = [number for caller in callers for number in caller.answered]
    assert set(answered) <= set(called)
    assert wrong == []
    assert now.requests == len(views.called)
    assert now.failures == views.failures
    assert now.accepted == sum(caller.connections for caller in callers)
    assert len(answered) > 50
