"""Behind a proxy: who really asks, for what, is in fields that the proxy adds.

    Forwarded(app, trusted=["10.0.0.0/8", "unix"])

forwarded_trust.py decides what is believed. Here it is written into the environ, so that the application
needs to know of no proxy, and everything about forwarding is taken out, so that the application cannot
believe what was not to be believed. What was there before stands under `potstill.forwarded`: a dictionary of
every key that was changed, added or removed, with its old value, or None where there was none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from potstill.middleware.answers import plain_answer
from potstill.middleware.forwarded_nodes import MalformedError
from potstill.middleware.forwarded_trust import HOPS_MAX, Family, Told, Trust, judge, split_host
from potstill.middleware.networks import Networks

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ORIGINALS = "potstill.forwarded"
DEFAULT_PORTS = {"http": "80", "https": "443"}

# Every X-Forwarded-… and these: what some proxy sets, some application reads, and any client can send.
REMOVED_PREFIX = "HTTP_X_FORWARDED_"
REMOVED = frozenset(
    {
        "HTTP_CF_CONNECTING_IP",
        "HTTP_CLIENT_IP",
        "HTTP_FORWARDED",
        "HTTP_FORWARDED_FOR",
        "HTTP_FRONT_END_HTTPS",
        "HTTP_TRUE_CLIENT_IP",
        "HTTP_X_CLIENT_IP",
        "HTTP_X_CLUSTER_CLIENT_IP",
        "HTTP_X_FORWARDED",
        "HTTP_X_ORIGINAL_HOST",
        "HTTP_X_ORIGINAL_URL",
        "HTTP_X_REAL_IP",
        "HTTP_X_REWRITE_URL",
        "HTTP_X_SCHEME",
        "HTTP_X_URL_SCHEME",
    }
)


class Forwarded:
    """Middleware that makes the environ what it would be without the trusted proxies in between.

    Args:
        app: the application behind.
        trusted: networks of the proxies, as networks.py reads them. The peer must be in one.
        hops: instead of `trusted`: how many proxies there are. Whoever reaches this server around them can
        say
            what he likes, so nobody must.
        family: "x-forwarded" or "forwarded" (RFC 7239): what the proxies set. The other is never believed.
        believe: of "for", "proto", "host", "port" and "prefix" what is taken over. Name only what your proxy
            sets or removes on every request: what it passes on untouched comes from the client. Forwarded has
            no port and no prefix.

    A request whose trusted fields are malformed is answered 400. Raises ValueError for options that do not
    fit.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        trusted: Iterable[str] = (),
        hops: int = 0,
        family: Family = "x-forwarded",
        believe: Iterable[str] = ("for", "proto"),
    ) -> None:
        entries = [trusted] if isinstance(trusted, str) else list(trusted)
        wanted = frozenset(believe)
        known = {"for", "proto", "host", *([] if family == "forwarded" else ["port", "prefix"])}
        if bool(entries) == bool(hops):
            raise ValueError("give either the networks of the trusted proxies or the number of hops")
        if not 0 <= hops <= HOPS_MAX:
            raise ValueError(f"hops is the number of proxies, 1 to {HOPS_MAX}, not {hops}")
        if family not in ("x-forwarded", "forwarded"):
            raise ValueError(f"family is 'x-forwarded' or 'forwarded', not {family!r}")
        if not wanted <= known:
            unknown = ", ".join(sorted(wanted - known))
            raise ValueError(f"{family} has no {unknown}: believe may name {', '.join(sorted(known))}")
        self._app = app
        self.trust = Trust(Networks(entries) if entries else None, hops, family, wanted)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            told = judge(environ, self.trust)
        except MalformedError as error:
            # One line a request and no more: what is in it comes from the client, and is shown as a literal.
            logging.getLogger(__name__).info("refused 400: %s", error)
            return plain_answer(environ, start_response, "400 Bad Request", text=str(error))
        changes: dict[str, str | None] = dict.fromkeys(
            key for key in environ if key in REMOVED or key.startswith(REMOVED_PREFIX)
        )
        if told is not None:
            changes |= changes_for(told, environ, self.trust)
        if changes:
            _apply(changes, environ)
        return self._app(environ, start_response)


def changes_for(told: Told, environ: WSGIEnvironment, trust: Trust) -> dict[str, str | None]:
    """What is to be set in the environ, or removed from it where the value is None."""
    changes: dict[str, str | None] = {}
    if told.client is not None and "for" in trust.believe:
        changes["REMOTE_ADDR"] = told.client.address
        changes["REMOTE_PORT"] = told.client.port or None
        changes["REMOTE_HOST"] = None  # the name of the proxy, where a server looks it up
    if "prefix" in told.values:
        changes["SCRIPT_NAME"] = told.values["prefix"] + environ.get("SCRIPT_NAME", "")
    if told.values.keys() & {"proto", "host", "port"}:
        changes |= _authority(told.values, environ)
    return changes


def _authority(values: dict[str, str], environ: WSGIEnvironment) -> dict[str, str | None]:
    """Scheme, host and port as one: a port that goes without saying is not said, and one that was said
    fits."""
    scheme = values.get("proto", str(environ["wsgi.url_scheme"]))
    host = values.get("host", str(environ.get("HTTP_HOST", "")))
    name, port = split_host(host)
    port = values.get("port", port)
    changes: dict[str, str | None] = {
        "wsgi.url_scheme": scheme,
        "SERVER_PORT": port or DEFAULT_PORTS[scheme],
    }
    if scheme == "http":
        changes["HTTPS"] = None
    if "host" in values:
        changes["SERVER_NAME"] = name
    if host and ("host" in values or "port" in values):
        changes["HTTP_HOST"] = name if port in ("", DEFAULT_PORTS[scheme]) else f"{name}:{port}"
    return changes


def _apply(changes: dict[str, str | None], environ: WSGIEnvironment) -> None:
    originals = environ.setdefault(ORIGINALS, {})
    for key, value in changes.items():
        before = environ.get(key)
        if before == value:
            continue
        originals.setdefault(key, before)
        if value is None:
            del environ[key]
        else:
            environ[key] = value
