"""The `[[tls]]` tables of a configuration → certificates by host, or all that is wrong with them.

    [[tls]]
    hosts = ["shop.example", "*.shop.example"]
    certfile = "shop.pem"
    keyfile = "shop.key"

What the files hold is judged when they are loaded.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from potstill.assemble import SitesError
from potstill.assemble.site_tables import Flag, Key, Texts
from potstill.middleware.mount import parse_host
from potstill.net.certificates import Source
from potstill.settings.kinds import Schema
from potstill.settings.tls_kinds import File, PasswordSource

KEYS = {
    "hosts": Key(Texts("a host such as shop.example or *.shop.example")),
    "certfile": Key(File()),
    "keyfile": Key(File()),
    "chainfile": Key(File()),
    "keyfile-password": Key(PasswordSource()),
    "default": Key(Flag()),
}

Where = Callable[[tuple[str | int, ...]], str]


def read_certificates(tables: object, where: Where) -> tuple[Source, ...]:
    """The certificates of the tables; SitesError with everything that is wrong.

    `where` gives the words for the place of a key or value, by its path; they begin each sentence.
    """
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise SitesError([f"{where(())}: certificates are tables, each headed [[tls]]"])
    problems: list[str] = []
    sources = [_read(table, number, where, problems) for number, table in enumerate(tables)]
    owners: dict[str, int] = {}
    for number, source in enumerate(sources):
        for host in source.hosts:
            if owners.setdefault(host, number) != number:
                problems.append(f"{where((number, 'hosts'))}: {host} has a certificate in another [[tls]]")
    if problems:
        raise SitesError(problems)
    return tuple(sources)


def _read(table: Mapping[str, Any], number: int, where: Where, problems: list[str]) -> Source:
    values: dict[str, Any] = {}
    for name, given in table.items():
        if name not in KEYS:
            near = difflib.get_close_matches(name, KEYS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"{where((number, name))}: a [[tls]] has no key {name!r}{hint}")
            continue
        try:
            values[name] = KEYS[name].kind.read(given)
            if name == "hosts":
                for host in values[name]:
                    parse_host(host)
        except ValueError as error:
            problems.append(f"{where((number, name))}: {name}: {given!r} is not {error}")
    if "certfile" not in table:
        problems.append(f"{where((number,))}: a [[tls]] needs a certfile")
    if "hosts" not in table and not values.get("default"):
        problems.append(f"{where((number,))}: a [[tls]] needs hosts, or default = true")
    return Source(
        certfile=values.get("certfile", ""),
        keyfile=values.get("keyfile", ""),
        chainfile=values.get("chainfile", ""),
        password=values.get("keyfile-password", ""),
        hosts=tuple(host.lower() for host in values.get("hosts", ())),
        default=values.get("default", False),
    )


def certificates_schema() -> Schema:
    """The JSON Schema of the tables."""
    table = {
        "type": "object",
        "additionalProperties": False,
        "required": ["certfile"],
        "properties": {name: key.kind.schema() for name, key in KEYS.items()},
    }
    return {"type": "array", "items": table}
