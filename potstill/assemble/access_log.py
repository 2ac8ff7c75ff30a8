"""Settings → what the core is told about the access log."""

from __future__ import annotations

import os
import sys

import msgspec

from potstill.core.options import AccessLog
from potstill.settings import Settings
from potstill.settings.log_formats import parse
from potstill.settings.log_kinds import skip_of

STANDARD_OUTPUT = 1
STREAMS = {"-": STANDARD_OUTPUT, "stderr": 2}
FILE_MODE = 0o644


def access_log_options(settings: Settings) -> AccessLog | None:
    """None where there is to be none; in a terminal there is, and in colour."""
    target, form = settings.access_log, settings.access_log_format
    if target == "auto":
        target = "-" if is_terminal(STANDARD_OUTPUT) else "off"
    if target == "off":
        return None
    if form == "common" and is_terminal(STREAMS.get(target, -1)):
        form = "terminal"
    return AccessLog(
        steps=parse(form),
        target=target if target in STREAMS or target.startswith("syslog:") else os.path.abspath(target),
        skip=tuple(skip_of(rule) for rule in settings.access_log_skip),
        sample=settings.access_log_sample,
        slower_s=settings.access_log_slower,
    )


def without_terminal(settings: Settings) -> Settings:
    """For a server inside of a program: what was not asked for is not printed."""
    if settings.access_log != "auto":
        return settings
    return msgspec.structs.replace(settings, access_log="off")


def prepare_access_log(settings: Settings) -> str:
    """The path of the file that lines go to, made if need be; "" where it is none. Raises OSError."""
    options = access_log_options(settings)
    if options is None or options.target in STREAMS or options.target.startswith("syslog:"):
        return ""
    os.close(os.open(options.target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    return options.target


def is_terminal(descriptor: int) -> bool:
    """Whether somebody reads along. A process without standard streams has no terminal."""
    return descriptor >= 0 and sys.stdout is not None and os.isatty(descriptor)
