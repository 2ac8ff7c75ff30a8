"""The rows of the table about looking inside: logs, metrics, the admin listener."""

from __future__ import annotations

from typing import Annotated

import msgspec

from potstill.settings.about import INSIGHT, LOGS, About
from potstill.settings.kinds import Addresses, Choice, Duration, Switch, Text
from potstill.settings.log_kinds import (
    Fraction,
    HostPort,
    LogFormat,
    LogTarget,
    Secret,
    Skips,
)


class InsightSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of `potstill.settings.Settings`."""

    access_log: Annotated[
        str,
        About(
            LOGS,
            LogTarget(),
            "Where a line for each request goes: auto (standard output, where that is a terminal), off, "
            "- for standard output, stderr, a path, syslog or syslog:udp://HOST:PORT.",
            peers=("gunicorn: accesslog", "gunicorn: access-logfile", "granian: access-log"),
        ),
    ] = "auto"
    access_log_format: Annotated[
        str,
        About(
            LOGS,
            LogFormat(),
            "What a line says: common, combined, json, logfmt, terminal, or a text with atoms like %(h)s.",
            peers=(
                "gunicorn: access-log-format",
                "gunicorn: access-logformat",
                "granian: access-log-fmt",
            ),
        ),
    ] = "common"
    access_log_skip: Annotated[
        tuple[str, ...],
        About(LOGS, Skips(), "Requests without a line, by path and status; may be repeated."),
    ] = ()
    access_log_sample: Annotated[
        float,
        About(LOGS, Fraction(), "Part of the requests that get a line; those from status 500 on all do."),
    ] = 1.0
    access_log_slower: Annotated[
        float,
        About(LOGS, Duration(0.0), "Only requests that took so long get a line; 0 is all."),
    ] = 0.0
    log_format: Annotated[
        str,
        About(LOGS, Choice(("text", "json"), "WORD"), "How the log of the server itself is written."),
    ] = "text"
    log_config: Annotated[
        str,
        About(
            LOGS,
            Text("FILE"),
            "A dictConfig of Python's logging, in a .json or .toml, in place of the server's own set-up.",
            peers=("gunicorn: logconfig-json", "gunicorn: log-config-json"),
        ),
    ] = ""
    admin: Annotated[
        tuple[str, ...],
        About(
            INSIGHT,
            Addresses(optional=True),
            "Where to answer questions about the server itself: HOST:PORT or unix:/PATH; may be repeated.",
            reload=False,
        ),
    ] = ()
    admin_token: Annotated[
        str,
        About(
            INSIGHT,
            Secret(),
            "Whoever has it may reload, drain and change the number of workers there; rather set it in the "
            "environment than on a command line.",
            reload=False,
        ),
    ] = ""
    statsd: Annotated[
        str,
        About(
            INSIGHT,
            HostPort(),
            "A StatsD server to send the numbers to, every ten seconds.",
            reload=False,
            peers=("gunicorn: statsd-host",),
        ),
    ] = ""
    statsd_prefix: Annotated[
        str,
        About(
            INSIGHT,
            Text(),
            "What the names sent to StatsD begin with.",
            reload=False,
            peers=("gunicorn: statsd-prefix",),
        ),
    ] = "potstill"
    server_timing: Annotated[
        bool,
        About(
            INSIGHT,
            Switch(),
            "Tell clients in a Server-Timing field how long their request waited and was in the application.",
        ),
    ] = False
    otel: Annotated[
        bool,
        About(
            INSIGHT,
            Switch(),
            "Record a span of OpenTelemetry for each request; needs potstill[otel].",
        ),
    ] = False
