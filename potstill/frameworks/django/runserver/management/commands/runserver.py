"""`manage.py runserver`, by Potstill: the arguments are Django's.

Django makes error pages of its own, so those of --dev are left without values and consoles, and any address
may be listened on, as with Django's server.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from potstill.frameworks import become
from potstill.frameworks.django import APPLICATION
from potstill.frameworks.django.management.commands.potstill import project

_ADDRESS = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:]+\]|[^:\[\]]+):)?(?P<port>\d+)")


class Command(BaseCommand):
    """Hands over to the command `potstill`."""

    help = "Serve the project with Potstill, and reload when it changes."
    requires_system_checks: ClassVar[list[str]] = []  # `handle` makes them all, and tells how many

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("addrport", nargs="?", default="", help="port, or address:port")
        parser.add_argument("--ipv6", "-6", action="store_true", dest="ipv6", help="listen on IPv6")
        parser.add_argument("--nothreading", action="store_false", dest="threading", help="one thread")
        parser.add_argument("--noreload", action="store_false", dest="reload", help="do not reload")
        parser.add_argument("--nostatic", action="store_false", dest="static", help="no static files")
        parser.add_argument("--insecure", action="store_true", help="static files without DEBUG too")

    def handle(self, *arguments: str, **options: Any) -> None:
        self.check(display_num_errors=True)
        said = [name for name in ("insecure",) if options[name]]
        static = [f"{name}=True" for name in said] + ([] if options["static"] else ["static=False"])
        words = ["--bind", bind_of(options["addrport"], ipv6=options["ipv6"])]
        words += [] if options["threading"] else ["--threads", "1"]
        words += ["--dev", "--no-debugger"] if options["reload"] else []
        become(f"{APPLICATION}({', '.join(static)})", words, [project()])


def bind_of(text: str, *, ipv6: bool) -> str:
    """What Django means by `8000`, `0:8000`, `[::1]:8000` or nothing, as --bind has it."""
    found = _ADDRESS.fullmatch(text or "8000")
    if found is None:
        raise CommandError(f"{text!r} is not a port number or an address and a port")
    host = found["host"] or ("[::1]" if ipv6 else "127.0.0.1")
    if host == "0":
        host = "[::]" if ipv6 else "0.0.0.0"
    return f"{host}:{found['port']}"
