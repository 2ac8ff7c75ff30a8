"""What is said to gunicorn: in a gunicorn.conf.py, in GUNICORN_CMD_ARGS, on a command line.

The file is run, in a process of its own (`conf_runner`), because it is a program. Besides, its text is
parsed: for the line on which each setting stands, and for the expression behind a value that was computed.

Who counts is as with gunicorn: the command line, then GUNICORN_CMD_ARGS, then the file, then a few variables.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from potstill.moving_in.gunicorn_table import GUNICORN, ROWS, SYNC
from potstill.moving_in.mapping import Found, Function, MovingInError, Said, Takes
from potstill.settings import BY_FIELD

DEFAULT_FILE = "gunicorn.conf.py"
MODULE, FILE = "python:", "file:"
# A file that asks a cloud for its secrets may take a while; one that serves by mistake would never end.
RUN_S = 20
ARGUMENTS_VARIABLE = "GUNICORN_CMD_ARGS"
# Variables that gunicorn takes a default from; PORT means the same here.
VARIABLES = {"WEB_CONCURRENCY": "workers", "FORWARDED_ALLOW_IPS": "forwarded_allow_ips"}
# Of other classes it depends on their libraries how many requests a worker works on.
SYNC_CLASSES = frozenset({"sync", "none", ""})
ONE_THREAD_CLASSES = SYNC_CLASSES | {"gthread"}
ONE_THREAD = "gunicorn's default: a worker works on one request at a time"
ONE_WORKER = "gunicorn's default: one worker, and an arbiter that watches it"


def from_file(path: str, environ: Mapping[str, str], *, use_environ: bool) -> Found:
    """What a file says, and GUNICORN_CMD_ARGS if `use_environ`. Raises MovingInError."""
    return found(path, [], [path], environ, use_environ=use_environ)


def from_command_line(arguments: Sequence[str], environ: Mapping[str, str], *, use_environ: bool) -> Found:
    """What `gunicorn` would be told by these arguments, its own name not among them. Raises MovingInError.

    The file that they name, or else gunicorn.conf.py of the current directory, is run as well.
    """
    said = from_arguments(arguments, "command line")
    named = [str(each.value) for each in said if each.name == "config"]
    files = named or [DEFAULT_FILE] * os.path.isfile(DEFAULT_FILE)
    said = [each for each in said if each.name != "config"]
    origin = f"gunicorn {shlex.join(arguments)}"
    return found(origin, said, files, environ, use_environ=use_environ)


def found(
    origin: str, strongest: list[Said], files: list[str], environ: Mapping[str, str], *, use_environ: bool
) -> Found:
    """All places together, the strongest last."""
    said: list[Said] = []
    if use_environ:
        said += [
            Said(name, environ[variable], f"environment {variable}")
            for variable, name in VARIABLES.items()
            if environ.get(variable)
        ]
    for file in files:
        said += run(file)
    if use_environ and environ.get(ARGUMENTS_VARIABLE):
        place = f"environment {ARGUMENTS_VARIABLE}"
        said += from_arguments(shlex.split(environ[ARGUMENTS_VARIABLE]), place)
    last = {each.name: each for each in [*said, *strongest]}
    if "threads" not in last and class_of(last) in ONE_THREAD_CLASSES:
        last["threads"] = Said("threads", 1, ONE_THREAD)
    if "workers" not in last and "workers" in BY_FIELD:
        last["workers"] = Said("workers", 1, ONE_WORKER)
    rows = SYNC if class_of(last) in SYNC_CLASSES and str(last["threads"].value) == "1" else GUNICORN
    return Found("gunicorn", origin, rows, list(last.values()))


def class_of(said: Mapping[str, Said]) -> str:
    """`sync` of `gunicorn.workers.sync.SyncWorker` as well."""
    value = str(said["worker_class"].value) if "worker_class" in said else "sync"
    return value.rpartition(".")[2].lower().removesuffix("worker").replace("threaded", "gthread")


# A command line


class Parser(argparse.ArgumentParser):
    """Argument errors are ours to tell."""

    def error(self, message: str) -> NoReturn:
        raise MovingInError(f"gunicorn would not understand this command line: {message}")


def from_arguments(arguments: Sequence[str], place: str) -> list[Said]:
    """What the arguments set, in the order of gunicorn's table; the application is `wsgi_app`."""
    parser = Parser(prog="gunicorn", add_help=False)
    for row in ROWS:
        if row.flags:
            extra: dict[str, Any] = {"action": row.takes.value}
            if row.takes is Takes.PERHAPS:
                extra = {"nargs": "?", "const": "auto"}
            parser.add_argument(*row.flags, dest=row.name, default=None, **extra)
    parser.add_argument("application", nargs="*")
    values = vars(parser.parse_args(list(arguments)))
    applications = values.pop("application")
    if applications:
        values["wsgi_app"] = applications[0]
    return [Said(name, value, place) for name, value in values.items() if value is not None]


# A file


def run(location: str) -> Iterator[Said]:
    """What the program at `location` sets, of the names that gunicorn knows, in the order of its lines."""
    values = executed(location)
    sources = assignments(location)
    for name in sorted(values, key=lambda name: sources.get(name, (0, ""))[0]):
        if name in GUNICORN:
            line, source = sources.get(name, (0, ""))
            yield Said(name, values[name], f"{location}:{line}" if line else location, source)


def executed(location: str) -> dict[str, Any]:
    """Run it, within RUN_S and with what it prints on our standard error."""
    path = location.removeprefix(FILE)
    if not location.startswith(MODULE) and (os.path.isdir(path) or not os.path.exists(path)):
        raise MovingInError(f"{path} does not exist, or is a directory")
    command = [sys.executable, "-m", "potstill.moving_in.conf_runner", location]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=RUN_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise MovingInError(f"{location} ran for {RUN_S} s without an end; what does it wait for?") from None
    if done.returncode != 0 or not done.stdout:
        raise MovingInError(f"{location} ended with exit code {done.returncode} before all of it had run")
    return {name: revived(value) for name, value in json.loads(done.stdout).items()}


def revived(value: Any) -> Any:
    """A value as `conf_runner` has packed it."""
    match value:
        case {"dict": dict(items)}:
            return {key: revived(item) for key, item in items.items()}
        case {"text": str(text)}:
            return Function(text)
        case list(items):
            return [revived(item) for item in items]
        case _:
            return value


def assignments(location: str) -> dict[str, tuple[int, str]]:
    """Name → the line where it was set last, and the expression when that is no literal."""
    try:
        with open(location.removeprefix(FILE), "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return {}  # a module, or a file that has changed since it ran: there is only less to say
    sources: dict[str, tuple[int, str]] = {}
    for statement in statements(tree.body):
        match statement:
            case ast.Assign(targets=targets, value=value):
                names = [name for target in targets for name in names_in(target)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                names = [name]
            case ast.FunctionDef(name=name):
                names, value = [name], ast.Constant(None)
            case _:
                continue
        source = "" if is_literal(value) else ast.unparse(value)
        sources |= dict.fromkeys(names, (statement.lineno, source))
    return sources


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of a module, also the ones inside its conditions, not those of its functions."""
    for statement in body:
        yield statement
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for inner in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, inner, []))
            for handler in getattr(statement, "handlers", []):
                yield from statements(handler.body)


def names_in(target: ast.expr) -> list[str]:
    """`a` of `a = …`, `a` and `b` of `a, b = …`."""
    return [
        each.id for each in ast.walk(target) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]


def is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError):
        return False
    return True
