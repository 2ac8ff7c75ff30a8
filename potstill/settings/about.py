"""What there is to say about an option, and the groups that options are shown in."""

from __future__ import annotations

from dataclasses import dataclass

from potstill.settings.kinds import Kind

LISTENING, RUNNING, SITES, TIMEOUTS, LIMITS, HEADERS, MEMORY = (
    "Listening",
    "Running",
    "Sites",
    "Timeouts",
    "Limits of a request",
    "Header fields",
    "Memory",
)
OVERLOAD, TLS = "Overload and health", "TLS and proxies"
DESK = "Developing"
WORKERS, PROCESS, HOOKS = "Workers", "Process", "Hooks"
LOGS, INSIGHT = "Logs", "Looking inside"
GROUPS = (
    LISTENING,
    RUNNING,
    TLS,
    SITES,
    WORKERS,
    PROCESS,
    HOOKS,
    TIMEOUTS,
    LIMITS,
    OVERLOAD,
    HEADERS,
    MEMORY,
    LOGS,
    INSIGHT,
    DESK,
)


@dataclass(frozen=True)
class About:
    """What there is to say about an option besides its name and its default, which are the field's own."""

    group: str
    kind: Kind
    help: str
    # May a reload of the running server change it? What the listening sockets were opened with stays.
    reload: bool = True
    # What other servers call the same thing, as "server: name".
    peers: tuple[str, ...] = ()
