"""The rows of the table about what a request may take: time in the application and before it, and room."""

from __future__ import annotations

from typing import Annotated

from potstill.settings.about import MEMORY, OVERLOAD, RUNNING, TIMEOUTS, About
from potstill.settings.insight import InsightSettings
from potstill.settings.kinds import GIB, Duration, OnOff, Path, Size, Switch, Whole

# Threads, each with a stack of its own; more of them than that and the machine is the wrong tool.
HANDOVERS_MAX = 65536
REQUESTS_MAX = 1_000_000


class RequestSettings(InsightSettings, frozen=True, kw_only=True):
    """Rows of `potstill.settings.Settings`, after those about looking inside: a struct has one base."""

    request_timeout: Annotated[
        float,
        About(
            TIMEOUTS,
            Duration(0.0),
            "How long a request may be in the application; then its client is answered 504 and its thread "
            "interrupted. 0 is no limit.",
            peers=("gunicorn: timeout", "uwsgi: harakiri"),
        ),
    ] = 0.0
    interrupt_grace: Annotated[
        float,
        About(
            TIMEOUTS,
            Duration(0.0),
            "How long an interrupted thread may take to come back before its seat goes to a new one.",
        ),
    ] = 5.0
    slow_request: Annotated[
        float,
        About(
            TIMEOUTS,
            Duration(0.0),
            "A request that runs so long is logged with the stack of its thread, and again whenever that "
            "time has doubled. 0 is never.",
        ),
    ] = 10.0
    cancel_on_disconnect: Annotated[
        bool,
        About(
            RUNNING,
            Switch(),
            "Interrupt a request whose client has gone, by potstill.ClientDisconnected in its thread.",
        ),
    ] = False
    handover_limit: Annotated[
        int,
        About(
            RUNNING,
            Whole(0, HANDOVERS_MAX),
            "Requests that may leave their seat for a thread of their own: WebSockets, event streams.",
        ),
    ] = 512
    queue_timeout: Annotated[
        float,
        About(
            OVERLOAD,
            Duration(0.0),
            "How long a request may wait for a thread; then it is answered 503. 0 is no limit.",
        ),
    ] = 0.0
    backlog_limit: Annotated[
        int,
        About(
            OVERLOAD,
            Whole(0, REQUESTS_MAX, {"unlimited": 0}),
            "Whole requests that may wait for a thread; more are answered 503.",
        ),
    ] = 0
    trust_request_start: Annotated[
        bool,
        About(
            OVERLOAD,
            Switch(),
            "Believe X-Request-Start, by which a proxy tells since when a request has been waiting.",
        ),
    ] = False
    health_path: Annotated[
        str,
        About(
            OVERLOAD,
            Path(),
            "Path that is answered 200 while the process is alive, also when all threads are busy.",
        ),
    ] = ""
    ready_path: Annotated[
        str,
        About(
            OVERLOAD,
            Path(),
            "Path that is answered 200 while more requests are welcome and 503 while they are not.",
        ),
    ] = ""
    request_buffering: Annotated[
        bool,
        About(
            MEMORY,
            OnOff(),
            "Whether the application is called when the request body is there, or reads it as it arrives.",
        ),
    ] = True
    response_spool: Annotated[
        int,
        About(
            MEMORY,
            Size(0, 1024 * GIB),
            "Bytes of one response kept in a temporary file, beyond --response-memory, for a client that "
            "takes it slowly.",
        ),
    ] = GIB
