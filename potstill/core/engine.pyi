"""The engine: one thread more than there are runner seats, all with the same life."""

import socket
import threading
from collections.abc import Callable, Iterable, Sequence

from potstill.core.options import Entrance, Options
from potstill.core.report import EngineStatistics as EngineStatistics
from potstill.core.report import InFlight
from potstill.core.stats import Stats

def slots_of(options: Options) -> int:
    """In how many slots of a `Stats` an engine counts that has these options."""

class Engine:
    """Serves `application` on `listeners` until it is drained and stopped.

    Its life: made, started (after any fork), drained, stopped. `drain` is for a graceful end; `stop` alone
    cuts. The methods may be called from any thread, but not at the same time from several.

    Args:
        application: the WSGI callable (PEP 3333).
        listeners: bound and listening stream sockets. They become non-blocking and stay the caller's, who
            closes them after `stop`.
        options: plain values; nothing is checked here.
        stats: where to count, made before the fork so that a parent may read it, with `slots_of(options)`
            slots; None: in memory of its own.
        entrances: how clients come in by each of the listeners; none: by plain HTTP.

    Raises OSError when the kernel refuses a poller, ValueError when `stats` has another number of slots.
    """

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        listeners: Sequence[socket.socket],
        options: Options,
        stats: Stats | None = None,
        entrances: Sequence[Entrance] = (),
    ) -> None: ...
    @property
    def options(self) -> Options: ...
    @property
    def stats(self) -> Stats: ...
    def start(self) -> None:
        """Start `threads` + 1 threads and the watch, and begin to accept. Returns at once.

        Raises RuntimeError when called twice, OSError when a listener cannot be watched.
        """

    retiring: bool
    """It will drain before long, and says so to who asks whether it is ready; nothing else changes."""

    def shut(self, close: bool = False) -> None:
        """Take in who waits already, and accept no more; answers do not change. Idempotent.

        With `close` each listener is closed in the same moment, so that nobody waits in vain between the two.
        """

    def drain(self, dismiss: bool = True) -> None:
        """Accept no more, end idle connections, let the others finish with `Connection: close`.

        Without `dismiss` an idle connection may send one more request, so that none is lost which is on its
        way already, and a later call dismisses those that have not. Returns at once; idempotent. Requests
        that have been received are answered, those in the backlog too (RFC 9112 section 9.6).
        """

    def wait_drained(self, timeout_s: float | None = None) -> bool:
        """Wait, for `timeout_s` seconds at the most, until the last connection has ended after `drain`."""

    def stop(self, timeout_s: float = 5.0) -> list[str]:
        """End the threads, and with them whatever is still open. Idempotent.

        A thread that is inside the application cannot be ended. It is waited for until `timeout_s` seconds
        are over; then its name is in the list that is returned, and the process has it until the application
        returns.
        """

    def reopen_log(self) -> None:
        """Open the file of the access log anew, by its name. Returns at once."""

    def statistics(self) -> EngineStatistics:
        """What it is doing now. May be called at any time, also after `stop`."""

    def advance_clock(self, seconds: float) -> None:
        """For tests: let so much time pass for every deadline of every connection."""

    def in_flight(self) -> list[InFlight]:
        """The requests that are in the application now, the oldest first."""

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """Its threads that have not ended, those that have left their seats among them."""
