"""The part of the table that is about what is served: routes beside the application, and who may ask."""

from __future__ import annotations

from typing import Annotated, Any

from potstill.settings.about import SITES, About
from potstill.settings.kinds import Choice, Several, Whole
from potstill.settings.tls import TlsSettings

# In one text, a comma before a path begins the next route.
NEXT_ROUTE = r",(?=\s*/)"
# An entry of an access list may itself hold commas and spaces.
ENTRIES = Several(
    r"[^\x00-\x1f\x7f]+", "a network such as 10.0.0.0/8, an address or unix", "NETWORK", r"\s*;\s*"
)

# As long a row of proxies as anybody has; the middleware says the same.
HOPS_MAX = 64

# The options that add a route, with the key of a route that each stands for.
ROUTE_FLAGS = {
    "mount": "app",
    "static": "static",
    "upstream": "upstream",
    "cgi": "cgi",
    "redirect": "redirect",
}


def routes(of: str, example: str) -> Several:
    """Routes, written PATH=TARGET."""
    form = r"/[^=\x00-\x1f]*=[^\x00-\x1f\x7f]+"
    return Several(form, f"PATH={of}, as in {example}", f"PATH={of}", NEXT_ROUTE)


class SiteSettings(TlsSettings, frozen=True, kw_only=True):
    """Rows of `potstill.settings.Settings`. It continues another part: structs have one base."""

    # The [[site]] tables of the file, as `potstill.assemble.site_tables` has read them; no option.
    sites: tuple[Any, ...] = ()

    mount: Annotated[
        tuple[str, ...],
        About(
            SITES,
            routes("APP", "/admin=backoffice:app"),
            "Another application below a path; may be repeated.",
        ),
    ] = ()
    static: Annotated[
        tuple[str, ...],
        About(
            SITES,
            routes("DIRECTORY", "/static=public"),
            "The files of a directory below a path; may be repeated.",
            peers=("uwsgi: static-map", "granian: static-path-mount"),
        ),
    ] = ()
    upstream: Annotated[
        tuple[str, ...],
        About(
            SITES,
            routes("URL", "/api=http://10.0.0.1:8080"),
            "An upstream server for a path; several for one path share its requests.",
        ),
    ] = ()
    cgi: Annotated[
        tuple[str, ...],
        About(
            SITES,
            routes("DIRECTORY", "/cgi-bin=cgi-bin"),
            "The programs of a directory, run as CGI, below a path; may be repeated.",
        ),
    ] = ()
    redirect: Annotated[
        tuple[str, ...],
        About(
            SITES,
            routes("URL", "/old=/new"),
            "Send clients that ask below a path to another one (308); may be repeated.",
        ),
    ] = ()
    allow: Annotated[
        tuple[str, ...],
        About(SITES, ENTRIES, "Who may ask; others are answered 403. May be repeated."),
    ] = ()
    deny: Annotated[
        tuple[str, ...],
        About(SITES, ENTRIES, "Who may not ask, whatever --allow says; may be repeated."),
    ] = ()
    forwarded_trust: Annotated[
        tuple[str, ...],
        About(
            SITES,
            ENTRIES,
            "Networks of the proxies whose word about the client is believed, or unix; may be repeated.",
            peers=("gunicorn: forwarded-allow-ips",),
        ),
    ] = ()
    forwarded_hops: Annotated[
        int,
        About(
            SITES,
            Whole(0, HOPS_MAX),
            "Instead of --forwarded-trust: so many proxies stand in front, whatever their addresses.",
        ),
    ] = 0
    forwarded_family: Annotated[
        str,
        About(
            SITES,
            Choice(("x-forwarded", "forwarded"), "FAMILY"),
            "What the proxies set: X-Forwarded-For and the like, or Forwarded (RFC 7239).",
        ),
    ] = "x-forwarded"
    forwarded_believe: Annotated[
        tuple[str, ...],
        About(
            SITES,
            Several("for|proto|host|port|prefix", "for, proto, host, port or prefix", "NAME", r"\s*,\s*"),
            "What the proxies are believed about; name only what they set or remove with every request.",
        ),
    ] = ("for", "proto")

    @property
    def served(self) -> str:
        """What is served, in a word for people."""
        return getattr(self, "app", "") or "its routes"

    @property
    def has_routes(self) -> bool:
        """Whether there is something to serve besides APP."""
        return any(getattr(self, flag) for flag in ROUTE_FLAGS)

    @property
    def has_rules(self) -> bool:
        """Whether something stands between the server and whatever is served."""
        return bool(self.allow or self.deny or self.forwarded_trust or self.forwarded_hops)
