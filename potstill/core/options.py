"""The plain values that the compiled core is given: no file, no environment variable, no argv is read in
this room.

There are no defaults here. An option's default is written once, in `potstill.settings`; `potstill.assemble`
makes these values of it. Durations are seconds, sizes are bytes, and 0 means "no limit" only where a
comment says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl


class Security(Protocol):
    """What ends TLS for a listener; `potstill.net.tls` has one. Any thread may ask it."""

    @property
    def context(self) -> ssl.SSLContext:
        """What the next handshake is made by."""

    def facts(self, session: ssl.SSLObject) -> dict[str, str]:
        """What every environ of a connection says of its handshake, which is over."""


class Peers(Protocol):
    """A set of addresses; the empty text is a peer on a unix socket."""

    def __contains__(self, address: str, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Entrance:
    """How clients come in by one listener. By default they begin with HTTP, and ask the application."""

    tls: Security | None = None
    proxies: Peers | None = None  # who has to say first, by the PROXY protocol, whom it speaks for
    application: Callable[..., Iterable[bytes]] | None = None  # answers here without a seat


@dataclass(frozen=True, slots=True)
class AccessLog:
    """What is written of each request, and where to."""

    steps: tuple[tuple[str, str, int, str], ...]  # atom, text or key, escape, fence, as line.pyx has them
    target: str  # "-" for standard output, "stderr", the path of a file, or "syslog:" and its address
    skip: tuple[tuple[str, bool, int, int], ...]  # path, longer ones too, first and last status: no line
    sample: float  # of the requests below status 500, 0 to 1
    slower_s: float  # only what takes longer; 0: everything


@dataclass(frozen=True, slots=True)
class Options:
    """Everything an `Engine` may be told, checked and converted by its caller."""

    threads: int  # runner seats: how many threads may be inside the application at once
    limit_request_line: int
    limit_request_fields: int
    limit_request_field_size: int
    limit_request_head: int
    limit_request_body: int  # 0: no limit
    header_timeout_s: float  # from the first byte of a request to the end of its head
    body_timeout_s: float  # without a byte of the body
    min_rate_bytes_s: int  # average over a body or a response once it has lasted ten seconds; 0: none
    write_timeout_s: float  # without the client taking a byte
    handshake_timeout_s: float  # for all that comes before HTTP: the word of a proxy, TLS
    keepalive_s: float  # idle between requests; 0: close after each response
    keepalive_requests: int  # on one connection; 0: no limit
    max_connections: int  # accepting pauses beyond it
    header_map: str  # "drop", "refuse" or "keep": field names with an underscore
    server_header: str  # value of the Server field; "": none
    body_memory_bytes: int  # a request body beyond it goes to an unlinked temporary file
    response_memory_bytes: int  # what a slow client leaves unread beyond it goes to disk
    spool_dir: str | None  # None: the system's directory for temporary files
    multiprocess: bool  # what wsgi.multiprocess says
    request_buffering: bool  # the application is called when the body is whole, not before
    response_spool_bytes: int  # what a slow client leaves unread beyond response_memory_bytes goes to disk
    request_timeout_s: float  # in the application; 0: no limit
    interrupt_grace_s: float  # how long an interrupted thread may take to come back
    slow_request_s: float  # a request is reported when it has run so long; 0: none is
    cancel_on_disconnect: bool  # a request whose client has gone is interrupted
    queue_timeout_s: float  # waiting for a seat; 0: no limit
    backlog_limit: int  # whole requests waiting for a seat; 0: no limit
    trust_request_start: bool  # X-Request-Start tells since when a request waits
    health_path: str  # answered without a seat; "": none
    ready_path: str  # likewise
    handover_limit: int  # threads that may leave their seats for what lasts
    server_timing: bool  # the client is told how long its request has waited and been in the application
    access_log: AccessLog | None
