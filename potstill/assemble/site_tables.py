"""The `[[site]]` tables of a configuration → sites, or all that is wrong with them.

    [[site]]
    host = ["shop.example", "*.shop.example"]
    allow = ["10.0.0.0/8"]
    [site.routes]
    "/"       = { app = "shop.wsgi:app", threads = 6 }
    "/static" = { static = "public/", cache = "1y immutable" }

A site and a route are each one table of keys below: what the key's value is, and which kinds of route it
belongs to. Values are judged by those who use them (a network by the access rules, a cache rule by the static
files), so that nothing can pass here and fail later. Where a value stands in the file is the caller's
knowledge: `where` turns the path of a key into words to begin an error with.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from potstill.assemble import SitesError
from potstill.middleware.access import AccessRules
from potstill.middleware.basic_auth import BasicAuth, challenge
from potstill.middleware.cache_rules import cache_control
from potstill.middleware.headers import checked
from potstill.middleware.mount import not_found, parse_host, parse_path
from potstill.middleware.ratelimit_rate import Rate
from potstill.middleware.redirect import REASONS, Redirect
from potstill.middleware.sendfile import SendFile
from potstill.middleware.upstream_sources import Sources
from potstill.settings.kinds import GIB, Choice, Duration, Schema, Size, Text, Whole

# The keys that say what a route does; each route has one of them.
TARGETS = ("app", "static", "upstream", "cgi", "redirect")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What answers below one path of a site: one of the first five, and its limits. Times are seconds."""

    path: str
    app: str = ""
    static: str = ""
    upstream: tuple[str, ...] = ()
    cgi: str = ""
    redirect: str = ""
    status: int = 308
    cache: str = "no-cache"
    index: tuple[str, ...] = ("index.html",)
    single_page: str | None = None
    listing: bool = False
    symlinks: str = "refuse"
    policy: str = "round-robin"
    sendfile: tuple[str, ...] = ()
    threads: int | None = None
    queue: int = 100
    timeout: float | None = None
    body: int | None = None
    rate: str = ""
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    basic_auth: str = ""
    realm: str = "Restricted"

    @property
    def target(self) -> str:
        """Which of TARGETS it is."""
        return next(name for name in TARGETS if getattr(self, name))


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """The routes of some hosts; without a host, of all hosts that no other site has."""

    host: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    order: str = "deny-wins"
    default: str | None = None
    refuse: int = 403
    basic_auth: str = ""
    realm: str = "Restricted"
    compress: bool = False
    security_headers: bool = False
    request_id: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    routes: tuple[Route, ...] = ()


Where = Callable[[tuple[str | int, ...]], str]


def read_sites(tables: object, where: Where) -> tuple[Site, ...]:
    """The sites of the tables; SitesError with everything that is wrong.

    `where` is given the path of a key or value, such as (0, "routes", "/admin", "allow"), and returns the
    words for its place; they begin each sentence.
    """
    problems: list[str] = []
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise SitesError([f"{where(())}: sites are tables, each headed [[site]]"])
    sites = tuple(_Reader(where, problems, (number,)).site(table) for number, table in enumerate(tables))
    _find_twins(sites, where, problems)
    if problems:
        raise SitesError(problems)
    return sites


# What the keys take


class Reads(Protocol):
    """As of the kinds of options: `read` gives the value or raises ValueError(the end of a sentence)."""

    def read(self, given: object) -> Any: ...

    def schema(self) -> Schema: ...


@dataclass(frozen=True)
class Texts:
    """One text or a list of them."""

    what: str

    def read(self, given: object) -> tuple[str, ...]:
        found = [given] if isinstance(given, str) else given
        if isinstance(found, Sequence) and found and all(each and isinstance(each, str) for each in found):
            return tuple(found)
        raise ValueError(f"{self.what}, or a list of them")

    def schema(self) -> Schema:
        text = {"type": "string", "minLength": 1}
        return {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}


class Flag:
    """true or false."""

    def read(self, given: object) -> bool:
        if isinstance(given, bool):
            return given
        raise ValueError("true or false")

    def schema(self) -> Schema:
        return {"type": "boolean"}


class FieldTable:
    """Response fields and their values; the empty value takes a field away."""

    def read(self, given: object) -> tuple[tuple[str, str], ...]:
        if isinstance(given, Mapping) and all(isinstance(value, str) for value in given.values()):
            return tuple((str(name), value) for name, value in given.items())
        raise ValueError('a table of fields, such as { "X-Frame-Options" = "DENY" }')

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": {"type": "string"}}


class Folder:
    """A directory that is there."""

    def read(self, given: object) -> str:
        if isinstance(given, str) and given and os.path.isdir(given):
            return given
        raise ValueError(f"a directory, taken from {os.getcwd()}")

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class StatusOf:
    """One of a few status codes."""

    codes: tuple[int, ...]

    def read(self, given: object) -> int:
        if given in self.codes and not isinstance(given, bool):
            return int(str(given))
        raise ValueError(f"one of {', '.join(map(str, self.codes))}")

    def schema(self) -> Schema:
        return {"enum": list(self.codes)}


@dataclass(frozen=True)
class Key:
    """A key of a table. `judge` raises ValueError(a whole sentence) for what `kind` lets pass."""

    kind: Reads
    targets: tuple[str, ...] = TARGETS
    judge: Callable[[Any], object] | None = None


def _hosts(hosts: Sequence[str]) -> None:
    for host in hosts:
        parse_host(host)


def _fields(fields: Sequence[tuple[str, str]]) -> None:
    for name, value in fields:
        checked(name, value)


def _sendfile_roots(roots: Sequence[str]) -> None:
    SendFile(not_found, roots=roots)


ALLOW = Key(
    Texts("a network, an address, unix or another entry of an access list"),
    judge=lambda entries: AccessRules(not_found, allow=entries),
)
USERS = {
    "basic-auth": Key(Text("FILE"), judge=lambda path: BasicAuth(not_found, path)),
    "realm": Key(Text("TEXT"), judge=challenge),
}
SITE_KEYS = {
    "host": Key(Texts("a host such as shop.example or *.shop.example"), judge=_hosts),
    "allow": ALLOW,
    "deny": ALLOW,
    "order": Key(Choice(("deny-wins", "allow-wins"), "ORDER")),
    "default": Key(Choice(("allow", "deny"), "WORD")),
    "refuse": Key(StatusOf((403, 404, 444))),
    **USERS,
    "compress": Key(Flag()),
    "security-headers": Key(Flag()),
    "request-id": Key(Flag()),
    "headers": Key(FieldTable(), judge=_fields),
}
CALLED = ("app", "upstream", "cgi")
ROUTE_KEYS = {
    "app": Key(Text("APP"), ("app",)),
    "static": Key(Folder(), ("static",)),
    "upstream": Key(
        Texts("a URL such as http://10.0.0.1:8080"), ("upstream",), judge=lambda urls: Sources(list(urls))
    ),
    "cgi": Key(Folder(), ("cgi",)),
    "redirect": Key(Text("URL"), ("redirect",), judge=Redirect),
    "status": Key(StatusOf(tuple(REASONS)), ("redirect",)),
    "cache": Key(Text("RULE"), ("static",), judge=cache_control),
    "index": Key(Texts("the name of a file"), ("static",)),
    "single-page": Key(Text("FILE"), ("static",)),
    "listing": Key(Flag(), ("static",)),
    "symlinks": Key(Choice(("refuse", "inside", "follow"), "WORD"), ("static",)),
    "policy": Key(Choice(("round-robin", "least-connections", "hash"), "WORD"), ("upstream",)),
    "sendfile": Key(Texts("a directory, as an absolute path"), CALLED, judge=_sendfile_roots),
    "threads": Key(Whole(1, 4096), CALLED),
    "queue": Key(Whole(0, 1_000_000), CALLED),
    "timeout": Key(Duration(0.001), CALLED),
    "body": Key(Size(0, 1024 * GIB), CALLED),
    "rate": Key(Text("RATE"), judge=Rate.parse),
    **USERS,
    "allow": ALLOW,
    "deny": ALLOW,
}


def sites_schema() -> Schema:
    """The JSON Schema of the tables, for editors; `read_sites` knows more than it says."""
    site = _table_schema(SITE_KEYS)
    site["properties"]["routes"] = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            **_table_schema(ROUTE_KEYS),
            "oneOf": [{"required": [target]} for target in TARGETS],
        },
    }
    return {"type": "array", "items": {**site, "required": ["routes"]}}


def _table_schema(keys: Mapping[str, Key]) -> Schema:
    properties = {name: key.kind.schema() for name, key in keys.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


class _Reader:
    """Reads one site; what is wrong is added to the problems, and reading goes on."""

    def __init__(self, where: Where, problems: list[str], path: tuple[str | int, ...]) -> None:
        self._where = where
        self._problems = problems
        self._path = path

    def site(self, table: Mapping[str, Any]) -> Site:
        values = self._values(
            {key: value for key, value in table.items() if key != "routes"}, SITE_KEYS, "routes"
        )
        routes = table.get("routes")
        if not isinstance(routes, Mapping) or not routes:
            self._wrong("a site has routes, as [site.routes] with a line for each path", "routes")
            return Site(**values)
        return Site(
            **values, routes=tuple(filter(None, (self._route(path, routes[path]) for path in routes)))
        )

    def _route(self, path: str, table: object) -> Route | None:
        inner = _Reader(self._where, self._problems, (*self._path, "routes", path))
        try:
            if not path.startswith("/"):
                raise ValueError("a path begins with a slash; hosts are the site's")
            parse_path(path)
        except ValueError as error:
            inner._wrong(f"{path!r} is no path of a route: {error}")
            return None
        if not isinstance(table, Mapping):
            inner._wrong(f'a route is a table such as {{ app = "shop:app" }}, not {table!r}')
            return None
        targets = [name for name in TARGETS if name in table]
        if len(targets) != 1:
            found = f"this one has {' and '.join(targets)}" if targets else "this one has none"
            inner._wrong(f"a route has one of {', '.join(TARGETS)}; {found}")
            return None
        values = inner._values(table, ROUTE_KEYS)
        for key in table:
            if key in ROUTE_KEYS and targets[0] not in ROUTE_KEYS[key].targets:
                of = " and ".join(ROUTE_KEYS[key].targets)
                inner._wrong(f"{key} belongs to routes with {of}, not to one with {targets[0]}", key)
        return Route(path=path.rstrip("/") or "/", **values) if targets[0] in values else None

    def _values(self, table: Mapping[str, Any], keys: Mapping[str, Key], *more: str) -> dict[str, Any]:
        """The values of the keys that are right, by field."""
        values: dict[str, Any] = {}
        for name, given in table.items():
            key = keys.get(name)
            if key is None:
                self._wrong(f"there is no key {name!r} here{_near(name, [*keys, *more])}", name)
                continue
            try:
                value = key.kind.read(given)
            except ValueError as error:
                self._wrong(f"{name}: {given!r} is not {error}", name)
                continue
            try:
                if key.judge is not None:
                    key.judge(value)
            except (ValueError, OSError) as error:
                self._wrong(f"{name}: {error}", name)
                continue
            values[name.replace("-", "_")] = value
        return values

    def _wrong(self, sentence: str, *path: str) -> None:
        self._problems.append(f"{self._where((*self._path, *path))}: {sentence}")


def _find_twins(sites: Sequence[Site], where: Where, problems: list[str]) -> None:
    """Two sites for the same host, or two routes for the same path, of which one would never be asked."""
    seen: dict[str, int] = {}
    for number, site in enumerate(sites):
        for host in {parse_host(host) for host in site.host} or {""}:
            if host in seen:
                named = f"the host {host}" if host else "all other hosts"
                problems.append(f"{where((number, 'host'))}: site {seen[host] + 1} is for {named} already")
            seen.setdefault(host, number)
        paths = [route.path for route in site.routes]
        for path in sorted({path for path in paths if paths.count(path) > 1}):
            problems.append(f"{where((number, 'routes'))}: there are two routes for {path}")


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.replace("_", "-"), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
