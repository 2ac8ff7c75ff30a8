"""Every option of Potstill, written once.

`Settings` is the table: one field an option, with its default, and beside it an `About` that says what kind
of value it takes, what it does, whether a reload may change it, and what other servers call it. The command
line, `--help`, `--print-config`, the POTSTILL_* variables, docs/settings.md and the keywords of `serve()` are
derived from that table through `OPTIONS`; nothing about an option is said a second time. `kinds.py` has the
kinds of values, `processes.py` the rows about processes, `requests.py` those about what a request may take,
`insight.py` those about logs and metrics, `sites.py` those about what is served, `desk.py` those about
developing.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import msgspec

from potstill.settings.about import (
    GROUPS,
    HEADERS,
    LIMITS,
    LISTENING,
    MEMORY,
    RUNNING,
    TIMEOUTS,
    About,
)
from potstill.settings.desk import DeskSettings
from potstill.settings.kinds import (
    GIB,
    KIB,
    MIB,
    Addresses,
    Choice,
    Directory,
    Duration,
    Paths,
    Several,
    Size,
    Switch,
    Text,
    Whole,
)
from potstill.settings.log_kinds import Skips
from potstill.settings.processes import WORKERS_MAX

__all__ = [
    "BY_FIELD",
    "GROUPS",
    "OPTIONS",
    "WORKERS_MAX",
    "About",
    "Option",
    "Settings",
    "max_connections_auto",
]

# A program that opens files and database connections of its own needs some descriptors for itself.
MAX_CONNECTIONS_SHARE = 0.8
# What is taken for "unlimited" descriptors: nobody asks one process to hold over a million connections.
OPEN_FILES_UNLIMITED = 1 << 20


@dataclass(frozen=True)
class Option:
    """A row of the table, as the derived faces see it."""

    field: str
    default: Any
    about: About

    @property
    def name(self) -> str:
        return self.field.replace("_", "-")

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return f"POTSTILL_{self.field.upper()}"

    @property
    def help(self) -> str:
        """A sentence or two; of a choice, with the words there are to choose from."""
        text, kind = self.about.help, self.about.kind
        return f"{text.removesuffix('.')}: {', '.join(kind.words)}." if isinstance(kind, Choice) else text

    @property
    def repeatable(self) -> bool:
        return isinstance(self.about.kind, (Addresses, Paths, Several, Skips))

    @property
    def switch(self) -> bool:
        """It is turned on and off instead of given a value."""
        return isinstance(self.about.kind, Switch)

    @property
    def positional(self) -> bool:
        """The application stands on the command line without a flag."""
        return self.field == "app"

    def show(self, value: Any) -> str:
        return self.about.kind.show(value)


class Settings(DeskSettings, frozen=True, kw_only=True):
    """One whole configuration. Nobody changes it; a reload makes a new one."""

    app: Annotated[
        str,
        About(
            RUNNING,
            Text("APP"),
            "The application: module:name, module:factory(), package.module:object.attribute, or a module "
            "that has an 'application' or 'app'.",
        ),
    ] = ""
    bind: Annotated[
        tuple[str, ...],
        About(
            LISTENING,
            Addresses(),
            "Where to listen: HOST:PORT, :PORT, [IPV6]:PORT, unix:/PATH or fd://NUMBER; may be repeated.",
            reload=False,
            peers=("gunicorn: bind", "waitress: listen", "uwsgi: http-socket"),
        ),
    ] = ("127.0.0.1:8000",)
    backlog: Annotated[
        int,
        About(
            LISTENING,
            Whole(1, 65535),
            "Connections that may wait in the kernel; net.core.somaxconn is another bound.",
            reload=False,
            peers=("gunicorn: backlog", "waitress: backlog", "granian: backlog", "uwsgi: listen"),
        ),
    ] = 2048
    max_connections: Annotated[
        int | None,
        About(
            LISTENING,
            Whole(1, OPEN_FILES_UNLIMITED, {"auto": None}),
            "Connections open at the same time; auto: 80 % of the limit on open files.",
            peers=("gunicorn: worker-connections", "waitress: connection-limit"),
        ),
    ] = None
    threads: Annotated[
        int,
        About(
            RUNNING,
            Whole(1, 4096),
            "Threads that may be inside the application at the same time.",
            peers=("gunicorn: threads", "waitress: threads", "granian: blocking-threads", "uwsgi: threads"),
        ),
    ] = 8
    graceful_timeout: Annotated[
        float,
        About(
            RUNNING,
            Duration(0.0),
            "How long a stop waits for responses to be finished.",
            peers=("gunicorn: graceful-timeout",),
        ),
    ] = 30.0
    log_level: Annotated[
        str,
        About(
            RUNNING,
            Choice(("debug", "info", "warning", "error", "critical"), "LEVEL"),
            "The least important messages to log.",
            peers=("gunicorn: log-level", "granian: log-level"),
        ),
    ] = "info"
    header_timeout: Annotated[
        float,
        About(
            TIMEOUTS,
            Duration(0.001),
            "From the first byte of a request to the end of its header.",
            peers=("granian: http1-header-read-timeout",),
        ),
    ] = 20.0
    body_timeout: Annotated[
        float,
        About(TIMEOUTS, Duration(0.001), "Without a byte of a request body arriving."),
    ] = 30.0
    write_timeout: Annotated[
        float,
        About(TIMEOUTS, Duration(0.001), "Without the client taking a byte of the response."),
    ] = 30.0
    min_rate: Annotated[
        int,
        About(
            TIMEOUTS,
            Whole(0, GIB, {"none": 0}),
            "Bytes a second that a body or a response must reach on average once it has lasted 10 seconds.",
        ),
    ] = 240
    keepalive: Annotated[
        float,
        About(
            TIMEOUTS,
            Duration(0.0),
            "How long a connection may be idle between two requests; 0 closes it after each response.",
            peers=("gunicorn: keep-alive", "waitress: channel-timeout"),
        ),
    ] = 75.0
    keepalive_requests: Annotated[
        int,
        About(LIMITS, Whole(0, 1_000_000_000, {"unlimited": 0}), "Requests on one connection."),
    ] = 0
    limit_request_line: Annotated[
        int,
        About(
            LIMITS,
            Size(1, MIB),
            "Bytes of the request line, beyond which the answer is 414.",
            peers=("gunicorn: limit-request-line",),
        ),
    ] = 8190
    limit_request_fields: Annotated[
        int,
        About(
            LIMITS,
            Whole(1, 32768),
            "Number of header fields, beyond which the answer is 431.",
            peers=("gunicorn: limit-request-fields",),
        ),
    ] = 100
    limit_request_field_size: Annotated[
        int,
        About(
            LIMITS,
            Size(1, 16 * MIB),
            "Bytes of one header field, beyond which the answer is 431.",
            peers=("gunicorn: limit-request-field-size",),
        ),
    ] = 16 * KIB
    limit_request_head: Annotated[
        int,
        About(
            LIMITS,
            Size(1, 16 * MIB),
            "Bytes of the request line and all header fields, beyond which the answer is 431.",
            peers=("waitress: max-request-header-size",),
        ),
    ] = 64 * KIB
    limit_request_body: Annotated[
        int,
        About(
            LIMITS,
            Size(0, 1024 * GIB),
            "Bytes of the request body, beyond which the answer is 413; 0 is no limit.",
            peers=("waitress: max-request-body-size", "uwsgi: limit-post"),
        ),
    ] = GIB
    header_map: Annotated[
        str,
        About(
            HEADERS,
            Choice(("drop", "refuse", "keep"), "WORD"),
            "What to do with a request field whose name has an underscore, which the application cannot tell "
            "from the name with a dash.",
            peers=("gunicorn: header-map",),
        ),
    ] = "drop"
    server_header: Annotated[
        str,
        About(
            HEADERS,
            Text(),
            "The Server field of responses; the empty text removes it.",
            peers=("waitress: ident",),
        ),
    ] = "potstill"
    body_memory: Annotated[
        int,
        About(
            MEMORY,
            Size(1, GIB),
            "Bytes of one request body kept in memory; a longer one goes to an unlinked temporary file.",
            peers=("waitress: inbuf-overflow", "uwsgi: post-buffering"),
        ),
    ] = MIB
    response_memory: Annotated[
        int,
        About(
            MEMORY,
            Size(1, GIB),
            "Bytes of one response kept in memory for a client that takes it slowly.",
            peers=("waitress: outbuf-overflow",),
        ),
    ] = MIB
    spool_dir: Annotated[
        str | None,
        About(MEMORY, Directory(), "Where temporary files go; by default where the system puts them."),
    ] = None


def rows(table: type[msgspec.Struct]) -> tuple[Option, ...]:
    """The rows of a table, in the order of their groups and within a group in the table's."""
    hints = get_type_hints(table, include_extras=True)
    found = [
        Option(field.name, field.default, hints[field.name].__metadata__[0])
        for field in msgspec.structs.fields(table)
        if hasattr(hints[field.name], "__metadata__")
    ]
    order = {group: number for number, group in enumerate(GROUPS)}

    def place(option: Option) -> tuple[bool, int, bool]:
        """Rows that a table has from its bases come after its own."""
        return not option.positional, order[option.about.group], option.field not in table.__annotations__

    return tuple(sorted(found, key=place))


OPTIONS = rows(Settings)
BY_FIELD = {option.field: option for option in OPTIONS}


def max_connections_auto() -> int:
    """What `max-connections auto` means in this process, now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_files = OPEN_FILES_UNLIMITED if soft == resource.RLIM_INFINITY else soft
    return max(1, int(min(open_files, OPEN_FILES_UNLIMITED) * MAX_CONNECTIONS_SHARE))
