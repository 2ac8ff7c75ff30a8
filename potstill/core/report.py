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
