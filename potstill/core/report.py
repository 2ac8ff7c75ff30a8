"""What an engine tells of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """What an engine is doing at one moment. The numbers are read one after the other, while it works."""

    connections: int  # open now
    accepted: int  # since the start
    requests: int  # exchanges ended since the start, whatever their fate; refused requests are not among them
    failures: int  # exceptions that the application did not catch
    in_application: int  # threads inside the application
    running: int  # runner seats taken, Options.threads at the most
    awake: int  # threads that are not parked
    target: int  # how many may be, 1 to Options.threads + 1; learnt from what the application does
    ready: int  # connections with news that nobody has looked at
    backlog: int  # whole requests waiting for a seat
    held: int  # whole requests beside it, which the application has postponed
    octets_received: int  # of connections that have ended
    octets_sent: int
    refused: dict[str, int]  # slug of the rule that a request broke → how many did
    draining: bool
    handed_over: int  # threads that have left their seats for a connection or a request that lasts
    lost: int  # threads that were interrupted and did not come back, since the start


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request that is inside the application."""

    method: str
    target: str  # as the client sent it
    peer: str  # address:port, or "unix"
    request_id: str  # as middleware or the client named it; "-" where nobody did
    elapsed_s: float  # since the application was called
    queued_s: float  # before that
    thread: str  # the name of its thread
    stack: str  # where that thread is now, a traceback without its first line

    def __str__(self) -> str:
        return (
            f"{self.method} {self.target} from {self.peer}, request id {self.request_id}: "
            f"{self.elapsed_s:.3f} s in the application, {self.queued_s:.3f} s queued, "
            f"in thread {self.thread}"
        )


@dataclass(frozen=True, slots=True)
class Flight:
    """A request in the application, or waiting for it, by shared memory: texts are cut, and visible ASCII."""

    method: str
    target: str
    peer: str  # address:port, or "unix"
    route: str  # this and the request id are known when a request is older than a tenth of a second
    request_id: str
    since_s: float  # when the application was called, or it came, by the monotonic clock of the machine
    queued_s: float  # before the application was called
    phase: str  # "queued", "running", and "writing" when the head of the answer is made
    sent: int  # octets of the answer's body
    slot: int  # of the engine's statistics
    thread_id: int = 0  # the kernel's; 0: none has it yet

    def line(self, now_s: float) -> str:
        """One line of a log; `now_s` by the same clock."""
        what = f"{self.method} {self.target} from {self.peer}, request id {self.request_id or '-'}:"
        age_s = max(0.0, now_s - self.since_s)
        if self.phase == "queued":
            return f"{what} {age_s:.3f} s queued"
        return (
            f"{what} {age_s:.3f} s in the application, {self.queued_s:.3f} s queued, "
            f"{self.phase}, {self.sent} bytes sent, in thread {self.thread_id}"
        )


@dataclass(frozen=True, slots=True)
class Gauges:
    """How much of everything a worker has at one moment, no older than a millisecond."""

    connections: int
    reading: int  # of these: sending a request
    writing: int  # … taking an answer that is made
    closing: int  # … refused, or at their end
    running: int  # runner seats taken
    seats: int
    target: int  # threads that may be awake
    backlog: int  # whole requests waiting for a seat
    ready: int  # connections with news that nobody has looked at
    handed_over: int  # threads that have left their seats for what lasts
    lost: int  # threads that were interrupted and did not come back, since the start
    accepting: bool
    gil_wait_s: float  # how long the GIL took to be had when it was last asked for

    @property
    def idle(self) -> int:
        """Connections between two requests."""
        busy = self.reading + self.writing + self.closing + self.running + self.backlog + self.handed_over
        return max(0, self.connections - busy)
