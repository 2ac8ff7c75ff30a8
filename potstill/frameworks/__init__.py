"""Where frameworks look for commands: `flask potstill`, and Django's `manage.py potstill`.

Each hands over to the command `potstill`, in a process that has none of the application's code yet: what a
supervisor has loaded, a reload could not bring anew.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def become(app: str, arguments: Sequence[str], paths: Sequence[str] = ()) -> NoReturn:
    """Go on as `potstill APP ARGUMENTS`. `paths` are where modules are looked for besides this directory."""
    inherited = os.environ.get("PYTHONPATH")
    environ = dict(os.environ)
    whole = [*paths, *([inherited] if inherited else [])]
    if whole:
        environ["PYTHONPATH"] = os.pathsep.join(whole)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execve(sys.executable, [sys.executable, "-m", "potstill", app, *arguments], environ)
