"""What the operator reads on standard error: the start line, and the log when nobody else has set one up."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from potstill import __version__

LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG_FORMAT_OF_MANY = "%(asctime)s [%(process)d] %(levelname)s %(message)s"
LOG_TIME_FORMAT = "%Y-%m-%d %H:%M:%S %z"


def set_up_logging(level: str, *, of_many: bool = False) -> None:
    """The `potstill` logger at this level, writing to standard error unless the program has handlers already.

    To be called after the application was loaded, for that may configure logging: its handlers are then used,
    and so is a level that it gave to this logger. A dictConfig that disables existing loggers meant others.
    The root logger is never touched. `of_many` processes each names itself.
    """
    logger = logging.getLogger("potstill")
    logger.disabled = False
    if logger.level == logging.NOTSET:
        logger.setLevel(level.upper())
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(
            logging.Formatter(LOG_FORMAT_OF_MANY if of_many else LOG_FORMAT, LOG_TIME_FORMAT)
        )
        logger.addHandler(handler)


def forget_logging() -> None:
    """Undo `set_up_logging`, in a process that is to load an application which may have its own idea."""
    logger = logging.getLogger("potstill")
    logger.setLevel(logging.NOTSET)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)


def start_line(application: str, urls: Sequence[str], threads: int, workers: int = 0) -> str:
    """One line with the address to click and how to stop; `workers` only where there is a supervisor."""
    size = f"{threads} thread{'' if threads == 1 else 's'}"
    if workers:
        size = f"{workers} worker{'' if workers == 1 else 's'}, {size} each"
    return (
        f"potstill {__version__} serving {application} on {', '.join(urls)} "
        f"({size}, pid {os.getpid()}); Ctrl+C stops it"
    )


def tell(line: str) -> None:
    """A line for the operator that no log level hides."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
