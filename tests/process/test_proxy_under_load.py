"""Upstream servers are killed and started again under load, and every request is counted."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from potstill.middleware import Proxy
from tests.support.engine import engine_on, wait_until
from tests.support.server import READY, ROOT, START_S, STOP_S

CLIENTS = 6
ROUNDS = 3
# How many answers are waited for between two deaths.
ANSWERS = 60
METHODS = ("GET", "PUT", "DELETE", "OPTIONS")


class Upstream:
    """A Potstill of its own that can be killed and started again on the same port."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
            self.process = self._start(listener)
        self._wait_ready()

    def _start(self, listener: socket.socket) -> subprocess.Popen[bytes]:
        bind = ["--bind", f"fd://{listener.fileno()}", "--log-level", "error"]
        return subprocess.Popen(
            [sys.executable, "-m", "potstill", "tests.process.upstream_app:app", *bind],
            cwd=ROOT,
            env=dict(os.environ),
            pass_fds=(listener.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _wait_ready(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_S) as probe:
            probe.sendall(READY)
            assert probe.recv(12).startswith(b"HTTP/1.1 200")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_S)

    def restart(self) -> None:
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            self.process = self._start(listener)
        self._wait_ready()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()


class Load:
    """Clients that ask without pause, each on a connection that is kept, and check each answer."""

    def __init__(self, address: Any) -> None:
        self._address = address
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.answered_by: Counter[int] = Counter()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(STOP_S)

    @property
    def answers(self) -> int:
        with self._lock:
            return self.answered_by.total()

    def wait_more(self, count: int = ANSWERS) -> None:
        before = self.answers
        wait_until(lambda: self.failures or self.answers >= before + count, "the load goes on")

    def wait_answered_by(self, pid: int) -> None:
        wait_until(lambda: self.failures or self.answered_by[pid] > 5, "it is asked again")

    def _run(self, number: int) -> None:
        client = http.client.HTTPConnection(*self._address, timeout=START_S)
        turn = 0
        while not self._over.is_set():
            turn += 1
            method, path = METHODS[turn % len(METHODS)], f"/{number}/{turn}"
            try:
                self._ask(client, method, path)
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.failures.append(f"{method} {path}: {error!r}")
        client.close()

    def _ask(self, client: http.client.HTTPConnection, method: str, path: str) -> None:
        body = path.encode() * 100 if method == "PUT" else b""
        client.request(method, path, body)
        response = client.getresponse()
        pid, *rest = response.read().split(b"\n", 3)
        right = rest == [method.encode(), path.encode(), body]
        with self._lock:
            if response.status == 200 and right:
                self.answered_by[int(pid)] += 1
            else:
                self.failures.append(f"{method} {path}: {response.status} {pid!r}")


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["round-robin", "least-connections", "hash"])
def test_no_request_fails_while_servers_die(policy: str) -> None:
    """Three servers; one after the other dies by SIGKILL, is missed for a while, and comes back."""
    with ExitStack() as end:
        upstreams = [Upstream() for _ in range(3)]
        for upstream in upstreams:
            end.callback(upstream.close)
        urls = [f"http://127.0.0.1:{upstream.port}" for upstream in upstreams]
        proxy = Proxy(urls, policy=policy, key="path", eject_s=0.05, eject_max_s=0.2)
        end.callback(proxy.close)
        running = end.enter_context(engine_on(proxy, threads=CLIENTS))
        load = Load(running.address)
        with load.running():
            load.wait_more()
            for turn in range(ROUNDS):
                upstream = upstreams[turn % len(upstreams)]
                upstream.kill()
                load.wait_more()
                upstream.restart()
                load.wait_answered_by(upstream.process.pid)
        assert load.failures == []
        assert len(load.answered_by) == len(upstreams) + ROUNDS, "each process of each server has answered"
        now = proxy.statistics()
        assert sum(one.failures for one in now) >= ROUNDS, "nobody died"
        assert sum(one.requests - one.failures for one in now) == load.answers
        assert [one.in_flight for one in now] == [0, 0, 0]
