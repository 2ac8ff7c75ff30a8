"""What the operator reads on standard error: the start line, and the log when nobody else has set one up."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from potstill import __version__

LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG_TIME_FORMAT = "%Y-%m-%d %H:%M:%S %z"


def set_up_logging(level: str) -> None:
    """The `potstill` logger at this level, writing to standard error unless the program has handlers already.

    To be called after the application was loaded, for that may configure logging: its handlers are then used,
    and so is a level that it gave to this logger. A dictConfig that disables existing loggers meant others.
    The root logger is never touched.
    """
    logger = logging.getLogger("potstill")
    logger.disabled = False
    if logger.level == logging.NOTSET:
        logger.setLevel(level.upper())
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(LOG_FORMAT, LOG_TIME_FORMAT))
        logger.addHandler(handler)


def start_line(application: str, urls: Sequence[str], threads: int) -> str:
    """One line with the address to click and how to stop."""
    plural = "" if threads == 1 else "s"
    return (
        f"potstill {__version__} serving {application} on {', '.join(urls)} "
        f"({threads} thread{plural}, pid {os.getpid()}); Ctrl+C stops it"
    )


def tell(line: str) -> None:
    """A line for the operator that no log level hides."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
