"""The connections to one upstream server that are open and have nothing to do.

The one that was used last is taken first, so that the others grow old and are closed. A connection is looked
at before it is used: if its server has closed it, or says something unasked, it is dropped. What no look can
see is a server that closes in the very moment when a request is on its way; such a request is sent once more
if that is safe, and one for which it is not (a POST) gets only a connection that has just been used, or a
new one.

Any thread may call. A fork leaves the connections to the parent: two processes must not share them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic

from potstill.middleware.proxy.connection import Connection
from potstill.middleware.upstream import UpstreamError

# Servers close what has been idle for seconds, never what was busy a moment ago.
JUST_USED_S = 1.0


class Pool:
    """Connections that are made by `connect`, at most `connections_max` at a time (0: any number)."""

    def __init__(
        self, connect: Callable[[float], Connection], idle_max: int, idle_s: float, connections_max: int
    ) -> None:
        self._connect = connect
        self._idle_max = idle_max
        self._idle_s = idle_s
        self._connections_max = connections_max
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._idle: list[Connection] = []  # the one used last stands last
        self._open = 0
        self._closed = False

    def take(self, deadline: float, *, repeatable: bool) -> Connection:
        """A connection that can be used, idle or new. It has to come back by `give` or `drop`.

        `repeatable` says that the request may be sent again. Raises UpstreamError, `unsent`.
        """
        patience_s = self._idle_s if repeatable else min(JUST_USED_S, self._idle_s)
        while (connection := self._take_idle(patience_s)) is not None:
            if not connection.is_stale:
                return connection
            self.drop(connection)
        return self.take_new(deadline)

    def take_new(self, deadline: float) -> Connection:
        """A new connection, as `take`. Where no more are allowed, one that is idle makes room."""
        replaced = None
        with self._lock:
            self._leave_to_parent()
            if self._connections_max and self._open >= self._connections_max:
                if not self._idle:
                    raise UpstreamError(503, "all its connections are in use", unsent=True, blamed=False)
                replaced = self._idle.pop(0)
                self._open -= 1
            self._open += 1
        if replaced is not None:
            replaced.close()
        try:
            return self._connect(deadline)
        except BaseException:
            with self._lock:
                self._open -= 1
            raise

    def _take_idle(self, patience_s: float) -> Connection | None:
        """The connection that was used last, if not too long ago."""
        now = monotonic()
        with self._lock:
            self._leave_to_parent()
            old = [one for one in self._idle if now - one.idle_since > self._idle_s]
            self._idle = self._idle[len(old) :]
            self._open -= len(old)
            fresh = bool(self._idle) and now - self._idle[-1].idle_since <= patience_s
            taken = self._idle.pop() if fresh else None
        for connection in old:
            connection.close()
        return taken

    def give(self, connection: Connection) -> None:
        """Back, ready for the next request."""
        connection.idle_since = monotonic()
        with self._lock:
            if not self._closed and len(self._idle) < self._idle_max:
                self._idle.append(connection)
                return
        self.drop(connection)

    def drop(self, connection: Connection) -> None:
        """Back, to be closed."""
        connection.close()
        with self._lock:
            self._open -= 1

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for connection in idle:
            connection.close()

    @property
    def idle(self) -> int:
        """How many connections wait."""
        with self._lock:
            return len(self._idle)

    def _leave_to_parent(self) -> None:
        """Close our copies of the descriptors after a fork; the parent's connections stay open. TLS would say
        farewell in the parent's name, but only when asked to unwrap, and nobody asks."""
        if self._process == os.getpid():
            return
        for connection in self._idle:
            connection.close()
        self._process, self._idle, self._open = os.getpid(), [], 0
