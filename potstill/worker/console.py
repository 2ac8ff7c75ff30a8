"""What the operator reads on standard error: the start line, and the log when nobody else has set one up."""

from __future__ import annotations

import json
import logging
import logging.config
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from potstill import __version__

LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG_FORMAT_OF_MANY = "%(asctime)s [%(process)d] %(levelname)s %(message)s"
LOG_TIME_FORMAT = "%Y-%m-%d %H:%M:%S %z"
LEVELS = ("debug", "info", "warning", "error", "critical")


class LogConfigError(Exception):
    """The logs cannot be set up as was asked for; the text is for the operator."""


class JSONFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        return json.dumps(entry)


def set_up_logging(level: str, *, of_many: bool = False, form: str = "text") -> None:
    """The `potstill` logger at this level, writing to standard error unless the program has handlers already.

    To be called after the application was loaded, for that may configure logging: its handlers are then used,
    and so is a level that it gave to this logger. A dictConfig that disables existing loggers meant others.
    The root logger is never touched. `of_many` processes each names itself; `form` is "text" or "json".
    """
    logger = logging.getLogger("potstill")
    logger.disabled = False
    if logger.level == logging.NOTSET:
        logger.setLevel(level.upper())
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        plain = logging.Formatter(LOG_FORMAT_OF_MANY if of_many else LOG_FORMAT, LOG_TIME_FORMAT)
        handler.setFormatter(JSONFormatter() if form == "json" else plain)
        logger.addHandler(handler)


def configure_logging(file: str) -> None:
    """Use the dictConfig in a file, .json or .toml, or none where there is no file. Raises LogConfigError.

    To be called before the application is loaded, which may have another idea.
    """
    if not file:
        return
    try:
        text = Path(file).read_text(encoding="utf-8")
        found = tomllib.loads(text) if file.endswith(".toml") else json.loads(text)
        logging.config.dictConfig({"disable_existing_loggers": False, **found})
    except (OSError, ValueError, TypeError, AttributeError, ImportError, KeyError) as error:
        why = f"{error}; {error.__cause__}" if error.__cause__ else str(error)
        raise LogConfigError(f"--log-config {file}: {why}") from error


def forget_logging() -> None:
    """Undo `set_up_logging`, in a process that is to load an application which may have its own idea."""
    logger = logging.getLogger("potstill")
    logger.setLevel(logging.NOTSET)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)


def set_level(level: str) -> str:
    """The least important messages to log from now on; a sentence about it."""
    logging.getLogger("potstill").setLevel(level.upper())
    return f"log level {level}"


def reopen_log_files() -> None:
    """Close the files of all handlers of `logging`, which open them anew by their names with the next
    record.
    """
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    for handler in {each for logger in [logging.root, *loggers] for each in logger.handlers}:
        if isinstance(handler, logging.FileHandler):
            handler.acquire()
            try:
                if handler.stream is not None:
                    handler.stream.close()
                    handler.stream = None
            finally:
                handler.release()


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
