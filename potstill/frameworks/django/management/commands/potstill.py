"""`manage.py potstill`: the options are those of `potstill serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from django.core.management.base import BaseCommand

from potstill.frameworks import become
from potstill.frameworks.django import APPLICATION

# Django has obeyed these before it asks for a command.
OF_DJANGO = ("--settings", "--pythonpath")


class Command(BaseCommand):
    """Hands over to the command `potstill`."""

    help = "Serve the project with Potstill; takes the options of `potstill serve`."

    def run_from_argv(self, argv: Sequence[str]) -> None:
        """The words after `manage.py potstill` are not Django's to judge."""
        become(f"{APPLICATION}()", without_djangos(argv[2:]), [project()])

    def handle(self, *arguments: str, **options: object) -> None:
        """For call_command("potstill", "--bind", ":8000")."""
        become(f"{APPLICATION}()", arguments, [project()])


def project() -> str:
    """The directory of manage.py."""
    return os.path.abspath(sys.path[0])


def without_djangos(words: Sequence[str]) -> list[str]:
    """The words but for --settings and --pythonpath, with their values."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in OF_DJANGO:
            next(rest, "")
        elif not word.startswith(tuple(f"{name}=" for name in OF_DJANGO)):
            kept.append(word)
    return kept
