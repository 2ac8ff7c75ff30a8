"""Run a gunicorn.conf.py and tell what it sets: `python -m potstill.moving_in.conf_runner FILE`.

A gunicorn.conf.py is a program, and what it sets is known when it has run. It runs here, in a process of its
own that `potstill.moving_in.gunicorn` bounds in time: whatever it starts, prints or breaks stays out of the
command. As with gunicorn, the current directory is on the path and the module is called `__config__`.

What it sets is written to standard output as JSON: name → value, with {"dict": …} for a dictionary and
{"text": …} for a function or an object. What the file itself prints goes to standard error.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import json
import os
import sys
import traceback
from types import ModuleType
from typing import Any

MODULE, FILE = "python:", "file:"
DEPTH_MAX = 5


def main(location: str) -> None:
    """Run it; what it raises is shown as its author would see it, and ends the process with exit code 1."""
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        module = loaded(location)
    except Exception as error:
        shown = traceback.TracebackException.from_exception(error)
        shown.stack[:] = [frame for frame in shown.stack if not is_ours(frame.filename)]
        sys.stderr.write("".join(shown.format()))
        sys.exit(1)
    values = {
        name: plain(value, DEPTH_MAX)
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        json.dump(values, out)


def loaded(location: str) -> ModuleType:
    """The module at `FILE`, `file:FILE` or `python:MODULE`."""
    if location.startswith(MODULE):
        return importlib.import_module(location.removeprefix(MODULE))
    path = os.path.abspath(location.removeprefix(FILE))
    loader = importlib.machinery.SourceFileLoader("__config__", path)
    spec = importlib.util.spec_from_file_location("__config__", path, loader=loader)
    if spec is None:
        raise ImportError(f"{path} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules["__config__"] = module
    loader.exec_module(module)
    return module


def plain(value: Any, depth: int) -> Any:
    """A value that JSON can hold; what it cannot is described."""
    if value is None or isinstance(value, (bool, str, int, float)):
        return value
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth - 1) for item in value]
    if depth and isinstance(value, dict):
        return {"dict": {str(key): plain(item, depth - 1) for key, item in value.items()}}
    if callable(value):
        return {"text": f"function {getattr(value, '__qualname__', type(value).__name__)}"}
    return {"text": f"object of {type(value).__qualname__}"}


def is_ours(filename: str) -> bool:
    return filename in {__file__, importlib.__file__} or filename.startswith("<frozen ")


if __name__ == "__main__":
    main(sys.argv[1])
