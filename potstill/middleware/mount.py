"""Many applications in one process: by host, and by the beginning of the path.

    Mount({"/": shop, "/admin": backoffice, "static.shop.example": Static("public"), "*.shop.example": shops})

A key is a path, a host, or both (`shop.example/admin`). They are tried in order of specificity: the exact
host, then wildcards from the longest to the shortest, then no host; for each of them from the longest path to
the shortest. A path fits on the borders of segments: `/admin` fits `/admin` and `/admin/users`, and not
`/administrator`. What fitted moves from PATH_INFO to the end of SCRIPT_NAME, octet by octet, as PEP 3333
describes both; nothing is decoded, merged or resolved.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from potstill.middleware.answers import plain_answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# Host fields whose routes are remembered; clients may invent any number of them.
HOSTS_KEPT_MAX = 1024
ANY = ""

# Letters, digits, dashes and underscores between dots (the underscore is no host's, and yet in use).
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")

# Path → application; the root is the empty path.
Paths = dict[str, "WSGIApplication"]


class Mount:
    """A WSGI application that hands each request to one of many.

    Args:
        routes: applications by `/path`, `host`, `host/path`, `*.domain` or `*.domain/path`. A wildcard
            stands for one or more labels. Hosts are compared without case, port and final dot; IPv6
            addresses are written in brackets. Paths are written as they are read, not percent-encoded.
        default: who answers when nothing fits; without it, 404.

    Raises ValueError for a key that can never fit, or that means the same as another one.
    """

    def __init__(self, routes: Mapping[str, WSGIApplication], default: WSGIApplication | None = None) -> None:
        self._by_host: dict[str, _Group] = {}
        self._default = default or not_found
        self._kept: dict[str, tuple[_Group, ...]] = {}
        tables: dict[str, Paths] = {}
        for key, application in routes.items():
            host, path = parse_key(key)
            table = tables.setdefault(host, {})
            if path in table:
                raise ValueError(f"mount {key!r}: there is another route for the same place")
            table[path] = application
        self._by_host = {host: _Group(table) for host, table in tables.items()}
        anywhere = self._by_host.get(ANY)
        self._anywhere = () if anywhere is None else (anywhere,)
        self._looks_at_host = any(host != ANY for host in tables)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for group in self._groups(environ) if self._looks_at_host else self._anywhere:
            prefix = group.prefix_of(path)
            if prefix is not None:
                if prefix:
                    environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
                    environ["PATH_INFO"] = path[len(prefix) :]
                environ["potstill.route"] = environ.get("SCRIPT_NAME", "") or "/"
                return group.paths[prefix](environ, start_response)
        return self._default(environ, start_response)

    def _groups(self, environ: WSGIEnvironment) -> tuple[_Group, ...]:
        """The groups of routes for the request's host, the most specific first."""
        # PEP 3333, "URL Reconstruction": SERVER_NAME where there is no Host field.
        field = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
        groups = self._kept.get(field)
        if groups is None:
            found = (self._by_host.get(name) for name in candidates(host_of(field)))
            groups = tuple(group for group in found if group is not None)
            if len(self._kept) >= HOSTS_KEPT_MAX:
                self._kept.clear()
            self._kept[field] = groups
        return groups


class _Group:
    """The routes of one host."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self._length_max = max(len(path) for path in paths)

    def prefix_of(self, path: str) -> str | None:
        """The longest mounted path that `path` begins with, on a border of segments."""
        # Nothing behind the longest mounted path matters, so a path of thousands of slashes costs no more.
        end = len(path)
        if end > self._length_max:
            end = self._length_max if path[self._length_max] == "/" else path.rfind("/", 0, self._length_max)
        while end > 0:
            prefix = path[:end]
            if prefix in self.paths:
                return prefix
            end = path.rfind("/", 0, end)
        return "" if "" in self.paths else None


def url_routing(
    routes: Mapping[str, WSGIApplication], default: WSGIApplication | None = None
) -> WSGIApplication:
    """One application out of many: `url_routing({"/a": app_a, "/b": app_b})`; see Mount."""
    return Mount(routes, default)


def not_found(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """404, in a line of text."""
    return plain_answer(environ, start_response, "404 Not Found")


# Keys


def parse_key(key: str) -> tuple[str, str]:
    """(host, path) of a route's key, as requests are compared with it; ValueError says what is wrong."""
    if not key:
        raise ValueError("mount '': a route has a path, such as /admin, or a host")
    host, slash, path = key.partition("/")
    try:
        return parse_host(host) if host else ANY, parse_path(slash + path)
    except ValueError as error:
        raise ValueError(f"mount {key!r}: {error}") from None


def parse_path(path: str) -> str:
    """A path to mount at, without its final slash, as latin-1 text of its octets."""
    segments = path.strip("/").split("/") if path.strip("/") else []
    if "" in segments or path.startswith("//") or path.endswith("//"):
        raise ValueError("there are two slashes in a row")
    if "." in segments or ".." in segments:
        raise ValueError("there are no dots to resolve in a path to mount at")
    if any(character in path for character in "%?#\\") or any(ord(character) < 0x20 for character in path):
        raise ValueError("write the path as it is read: no %, ?, #, backslash or control character")
    return "".join(f"/{segment}" for segment in segments).encode().decode("latin-1")


def parse_host(host: str) -> str:
    """A host or `*.domain` to mount at, in canonical form."""
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host.removeprefix('[').removesuffix(']'))}]"
        except ValueError:
            raise ValueError(f"{host!r} is no IPv6 address in brackets") from None
    name = host.lower().removesuffix(".")
    star, name = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    if ":" in name:
        raise ValueError("the port is not looked at; leave it out")
    if not name.isascii():
        raise ValueError(f"write the host as it stands in a request: {punycode(name)}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{host!r} is no host and no wildcard like *.shop.example")
    return star + name


def punycode(name: str) -> str:
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return "in ASCII, with labels like xn--…"


# Requests


def host_of(field: str) -> str:
    """The host in a Host field: without its port and final dot, in lower case, IPv6 in its short form."""
    if field.startswith("["):
        address = field[1:].partition("]")[0]
        try:
            return f"[{ipaddress.IPv6Address(address)}]"
        except ValueError:
            return field.lower()
    return field.partition(":")[0].lower().removesuffix(".")


def candidates(host: str) -> Iterable[str]:
    """What may be mounted for the host, the most specific first."""
    yield host
    if not host.startswith("["):
        rest = host
        # A name has at most 127 labels (RFC 1035); a field may have any number of dots.
        for _ in range(127):
            rest = rest.partition(".")[2]
            if not rest:
                break
            yield f"*.{rest}"
    if host != ANY:
        yield ANY
