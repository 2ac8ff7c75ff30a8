"""The supervisor of a program that called `run_simple` with the reloader.

    python -m potstill.simple '{"program": …, "settings": …}'

What it is given is written by `become_supervisor`; nobody else is meant to start it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from potstill.config import keyword_layer, resolve
from potstill.supervisor.haste import DeskError
from potstill.supervisor.parts import StartError
from potstill.supervisor.program import Program
from potstill.supervisor.serve import serve_command


class Told(msgspec.Struct):
    """The argument."""

    program: Program
    settings: dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    told = msgspec.json.decode(arguments[0], type=Told)
    settings = resolve([keyword_layer(told.settings)]).settings
    try:
        return serve_command(settings, lambda: settings, told.program)
    except (OSError, DeskError, StartError) as error:
        sys.stderr.write(f"potstill: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
