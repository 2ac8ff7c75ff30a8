"""Sites → the one WSGI application that serves them all.

The host chooses the site, the longest path its route. Around a route's application stand its limits, around
a site's routes what holds for all of them. The order is the same everywhere, outermost first: proxies, rate,
access, users, path, body, threads, time, content.

Each application that routes name is loaded once, however many of them name it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from potstill.assemble import SitesError, load
from potstill.assemble.rates import RateTables
from potstill.assemble.site_tables import Route, Site, read_sites
from potstill.middleware import (
    AccessRules,
    Afresh,
    BasicAuth,
    BodyLimit,
    Bulkhead,
    Compression,
    Deadline,
    Forwarded,
    Headers,
    Mount,
    RateLimit,
    Redirect,
    RequestId,
    SecurityHeaders,
    SendFile,
    Static,
)
from potstill.settings import Settings
from potstill.settings.sites import ROUTE_FLAGS

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from potstill.middleware.ratelimit_table import SharedTable

Load = Callable[[str], "WSGIApplication"]

# The name of an application that a program has given; no module has such a name.
GIVEN = "(given):application"


def assemble_sites(sites: Iterable[Site], load_app: Load, rates: RateTables | None = None) -> WSGIApplication:
    """One application for all sites. `load_app` turns the name of an application into it.

    `rates` has the counts that this process shares with others; without it, rate limits count here alone.

    Raises whatever that raises, and OSError for a directory that has gone since the sites were read.
    """
    load_once = cache(load_app)
    hosts: dict[str, WSGIApplication] = {}
    for site in sites:
        application = _site(site, load_once, rates or RateTables())
        for host in site.host or ("/",):
            hosts[host] = application
    # One site for all hosts needs nobody to choose it.
    return hosts["/"] if hosts.keys() == {"/"} else Mount(hosts)


def assemble(
    settings: Settings, given: WSGIApplication | None = None, rates: RateTables | None = None
) -> WSGIApplication:
    """What the settings and their sites amount to; arguments and errors as of `application_of`."""
    names = {} if given is None else {GIVEN: given}
    root = GIVEN if names else settings.app
    sites = with_flags(settings, settings.sites, root)
    application = assemble_sites(sites, lambda name: names.get(name) or load(name), rates)
    application = with_forwarded(with_access(application, settings), settings)
    limited = any(route.threads is not None for site in sites for route in site.routes)
    return Afresh(application) if limited else application


def with_flags(settings: Settings, sites: Sequence[Site] = (), root: str = "") -> tuple[Site, ...]:
    """The sites of a file together with what stands on the command line.

    The flags with a path make routes of the site that is for all other hosts, and so does `root`, the
    application of all other paths. Where the file has a route for the same path, the command line wins.
    Raises SitesError for what is wrong with the flags.
    """
    table: dict[str, dict[str, Any]] = {}
    places: dict[str, list[str]] = {}
    for flag, key in ROUTE_FLAGS.items():
        for text in getattr(settings, flag):
            path, _, value = text.partition("=")
            places.setdefault(path, []).append(f"--{flag} {text}")
            route = table.setdefault(path, {})
            # Several upstreams of one path share its requests; of anything else a path has one.
            if key == "upstream":
                value = [*route.get(key, ()), value]
            elif key in route:
                raise SitesError([f"{' and '.join(places[path])}: there are two routes for {path}"])
            route[key] = value
    if root and "/" not in table:
        table["/"] = {"app": root}
    if not table:
        return tuple(sites)

    def where(path: tuple[str | int, ...]) -> str:
        return " and ".join(places.get(str(path[2]), ())) if len(path) > 2 else "the command line"

    (flags,) = read_sites([{"routes": table}], where)
    return tuple(_merged(sites, flags))


def _merged(sites: Sequence[Site], flags: Site) -> Iterator[Site]:
    written = {route.path for route in flags.routes}
    whole = flags
    for site in sites:
        if site.host:
            yield site
        else:
            kept = [route for route in site.routes if route.path not in written]
            whole = msgspec.structs.replace(site, routes=(*flags.routes, *kept))
    yield whole


def with_access(application: WSGIApplication, settings: Settings) -> WSGIApplication:
    """The application behind --allow and --deny, which hold for all sites; SitesError for a wrong entry."""
    problems: list[str] = []
    for flag in ("allow", "deny"):
        for entry in getattr(settings, flag):
            try:
                AccessRules(application, allow=[entry])
            except (ValueError, OSError) as error:
                problems.append(f"--{flag}: {error}")
    if problems:
        raise SitesError(problems)
    if not settings.allow and not settings.deny:
        return application
    return AccessRules(application, allow=settings.allow, deny=settings.deny)


def with_forwarded(application: WSGIApplication, settings: Settings) -> WSGIApplication:
    """The application behind the proxies that are trusted; SitesError for options that do not fit."""
    if not settings.forwarded_trust and not settings.forwarded_hops:
        return application
    try:
        return Forwarded(
            application,
            trusted=settings.forwarded_trust,
            hops=settings.forwarded_hops,
            family=settings.forwarded_family,  # type: ignore[arg-type]
            believe=settings.forwarded_believe,
        )
    except ValueError as error:
        raise SitesError([f"--forwarded-…: {error}"]) from None


def _site(site: Site, load_app: Load, rates: RateTables) -> WSGIApplication:
    application: WSGIApplication = Mount(
        {route.path: _route(route, load_app, rates.of(site, route)) for route in site.routes}
    )
    if site.compress:
        application = Compression(application)
    if site.security_headers:
        application = SecurityHeaders(application)
    if site.headers:
        said = {name: value for name, value in site.headers if value}
        gone = [name for name, value in site.headers if not value]
        application = Headers(application, set=said, remove=gone)
    if site.request_id:
        application = RequestId(application)
    if site.basic_auth:
        application = BasicAuth(application, site.basic_auth, realm=site.realm)
    if site.allow or site.deny or site.default == "deny":
        application = AccessRules(
            application,
            allow=site.allow,
            deny=site.deny,
            order=site.order,  # type: ignore[arg-type]
            default=site.default,  # type: ignore[arg-type]
            status=site.refuse,
        )
    return application


def _route(route: Route, load_app: Load, counts: SharedTable | None) -> WSGIApplication:
    application = _content(route, load_app)
    if route.sendfile:
        application = SendFile(application, roots=route.sendfile)
    if route.timeout is not None:
        application = Deadline(application, route.timeout)
    if route.threads is not None:
        application = Bulkhead(application, route.threads, backlog=route.queue)
    if route.body is not None:
        application = BodyLimit(application, route.body)
    if route.basic_auth:
        application = BasicAuth(application, route.basic_auth, realm=route.realm)
    if route.allow or route.deny:
        application = AccessRules(application, allow=route.allow, deny=route.deny)
    if route.rate:
        application = RateLimit(application, route.rate, shared=counts)
    return application


def _content(route: Route, load_app: Load) -> WSGIApplication:
    """What a route leads to."""
    match route.target:
        case "app":
            return load_app(route.app)
        case "static":
            return Static(
                route.static,
                cache=route.cache,
                index=route.index,
                single_page=route.single_page,
                listing=route.listing,
                symlinks=route.symlinks,  # type: ignore[arg-type]
            )
        case "upstream":
            # Only who forwards needs the extra, and only who uses CGI what runs it.
            from potstill.middleware.proxy import Proxy

            if route.timeout is None:
                return Proxy(route.upstream, policy=route.policy)
            return Proxy(route.upstream, policy=route.policy, total_timeout_s=route.timeout)
        case "cgi":
            from potstill.gateway.cgi_directory import CGIDirectory

            if route.timeout is None:
                return CGIDirectory(route.cgi)
            return CGIDirectory(route.cgi, run_timeout_s=route.timeout)
        case _:
            return Redirect(route.redirect, route.status)
