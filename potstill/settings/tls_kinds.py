"""Kinds of values that only TLS and proxies have: files, where a password comes from, networks, HSTS."""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from dataclasses import dataclass

from potstill.settings.kinds import Schema, Several, matching

FROM_FILE, FROM_COMMAND = "file:", "command:"
HSTS_FORM = r"max-age=[0-9]{1,10}( *; *(includeSubDomains|preload)){0,2}"


@dataclass(frozen=True)
class File:
    """The path of something to read; whether it can be read is found out by who does."""

    metavar: str = "FILE"
    directory: bool = False

    def read(self, given: object) -> str:
        """An absolute path, or the empty text for none."""
        if given in ("", "none"):
            return ""
        if isinstance(given, (str, os.PathLike)):
            path = os.path.abspath(os.fspath(given))
            if isinstance(path, str) and (os.path.isdir(path) if self.directory else os.path.exists(path)):
                return path
        raise ValueError(f"a {'directory' if self.directory else 'file'} that exists")

    def show(self, value: str) -> str:
        return value or "none"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[^\x00-\x1f\x7f]*$"}


@dataclass(frozen=True)
class Networks(Several):
    """Networks of peers, by prefix."""

    form: str = r"unix|all|[0-9A-Fa-f.:]+(/[0-9]{1,3})?"
    allowed: str = "a network such as 10.0.0.0/8, an address, unix or all"
    metavar: str = "NETWORK"
    separator: str = r"\s*[;,\s]\s*"

    def read(self, given: object) -> tuple[str, ...]:
        networks = super().read(given)
        for network in networks:
            if network not in ("unix", "all"):
                try:
                    ipaddress.ip_network(network)
                except ValueError as error:
                    raise ValueError(f"{self.allowed}: {error}") from None
        return networks


@dataclass(frozen=True)
class PasswordSource:
    """`file:/run/secrets/key`, or `command:pass show tls/key`, which is run without a shell."""

    metavar: str = "SOURCE"

    def read(self, given: object) -> str:
        if given in ("", "none"):
            return ""
        if isinstance(given, str) and given.startswith((FROM_FILE, FROM_COMMAND)):
            kind, _, rest = given.partition(":")
            try:
                if rest.strip() and (kind == "file" or shlex.split(rest)):
                    return given
            except ValueError:
                pass  # a quote that is never closed
        raise ValueError(
            f"{FROM_FILE}/PATH or {FROM_COMMAND}PROGRAM ARGUMENTS; the password itself does not stand here, "
            "where `ps` and logs would show it"
        )

    def show(self, value: str) -> str:
        return value or "none"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^(none|({FROM_FILE}|{FROM_COMMAND}).+)?$"}


@dataclass(frozen=True)
class Hsts:
    """The value of Strict-Transport-Security (RFC 6797 section 6.1); empty: none."""

    metavar: str = "DIRECTIVES"

    def read(self, given: object) -> str:
        if given in ("", "none"):
            return ""
        if isinstance(given, str) and re.fullmatch(HSTS_FORM, given.strip()):
            return given.strip()
        raise ValueError(
            "max-age=SECONDS with ; includeSubDomains or ; preload behind it, as in "
            "'max-age=31536000; includeSubDomains'"
        )

    def show(self, value: str) -> str:
        return value or "none"

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": ["", "none"]}, matching(HSTS_FORM)]}
