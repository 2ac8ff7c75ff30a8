"""Clients that ask without end and count every request: answered, or lost.

    with Crowd(server.address) as crowd:
        crowd.wait_for_answers(100)
        …what must not lose a request…
    assert crowd.lost == []

A request is lost when it was sent and no whole answer with status 200 came, or when nobody took the
connection for it. Half of the clients ask without pause on kept-alive connections; the others are idle
between requests, for a while that differs each time, so that the server may close on them at the worst
moment. A client reconnects when an answer says `Connection: close`, and only then: whoever closes without
saying so loses the request that is on its way.
"""

from __future__ import annotations

import http.client
import random
import threading
from collections import Counter
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self

CLIENTS = 6
THINK_S = 0.02
WAIT_S = 20.0


class Crowd:
    """Owned by the test; each client is a thread of its own."""

    def __init__(self, address: tuple[str, int], clients: int = CLIENTS) -> None:
        self._address = address
        self._changed = threading.Condition()
        self._over = threading.Event()
        self.answers: Counter[str] = Counter()  # by what was answered: a process's number
        self.lost: list[str] = []
        # When the server is to stop, a refused connection is the end and no loss.
        self.may_be_refused = False
        self._threads = [
            threading.Thread(target=self._run, args=(number % 2 == 0,), daemon=True)
            for number in range(clients)
        ]

    def _run(self, restless: bool) -> None:
        client = self._connect()
        while client is not None and not self._over.is_set():
            if not restless:
                self._over.wait(random.uniform(0, THINK_S))
            try:
                client.request("GET", "/")
                answer = client.getresponse()
                body = answer.read().decode()
                assert answer.status == 200, answer.status
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self._note(None, repr(error))
                client.close()
                client = self._connect()
                continue
            self._note(body, "")
            if answer.will_close:
                client.close()
                client = self._connect()
        if client is not None:
            client.close()

    def _connect(self) -> http.client.HTTPConnection | None:
        client = http.client.HTTPConnection(*self._address, timeout=WAIT_S)
        try:
            client.connect()
        except ConnectionRefusedError as error:
            if not self.may_be_refused:
                self._note(None, f"connecting: {error!r}")
            return None
        except OSError as error:
            self._note(None, f"connecting: {error!r}")
            return None
        return client

    def _note(self, body: str | None, error: str) -> None:
        with self._changed:
            if body is None:
                self.lost.append(error)
            else:
                self.answers[body] += 1
            self._changed.notify_all()

    def wait_until(self, fact: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """Until it is true after some answer; AssertionError when it does not become so."""
        deadline = monotonic() + timeout_s
        with self._changed:
            while not fact():
                left_s = deadline - monotonic()
                assert left_s > 0, f"{self.answers}, lost: {self.lost}"
                self._changed.wait(left_s)

    def wait_for_answers(self, more: int) -> None:
        """Until so many more have come."""
        aim = self.answers.total() + more
        self.wait_until(lambda: self.answers.total() >= aim)

    def wait_for_the_end(self) -> None:
        """Until every client has been refused."""
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(WAIT_S)
