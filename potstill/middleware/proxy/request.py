"""An environ → the head of the request that an upstream server is sent. Pure: no socket, no clock.

Everything is built from values, nothing is copied as it came: the framing fields come from the body's
length, the hop-by-hop fields stay here (RFC 9110 section 7.6.1), and what the client said about forwarding
is replaced by what this server knows. `Forwarded` or any other middleware in front has put the true client
into the environ.

The target is built from SCRIPT_NAME and PATH_INFO, which routing and access rules have looked at. Where the
raw target says exactly the same, it is taken instead: it alone remembers that a slash was written %2F. A
path with `.` or `..` in it is refused, since the upstream would resolve it and serve what no rule has looked
at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from potstill.middleware.proxy.options import RemoteOptions, is_authority
from potstill.middleware.upstream import RequestRefused, Upstream
from potstill.middleware.upstream_body import RequestBody

Headers = list[tuple[str, str]]

# As many proxies as this in one chain are a loop.
HOPS_MAX = 16

# RFC 9110 section 7.6.1 and what older specifications called hop-by-hop, as keys of an environ. Expect is
# met by this server, Host and the length are written anew, and HTTP_PROXY is an environment variable
# (httpoxy).
_DROPPED = frozenset(
    {
        "HTTP_CONNECTION",
        "HTTP_CONTENT_LENGTH",
        "HTTP_CONTENT_TYPE",
        "HTTP_EXPECT",
        "HTTP_FORWARDED",
        "HTTP_HOST",
        "HTTP_HTTP2_SETTINGS",
        "HTTP_KEEP_ALIVE",
        "HTTP_MAX_FORWARDS",
        "HTTP_PROXY",
        "HTTP_PROXY_AUTHENTICATE",
        "HTTP_PROXY_AUTHORIZATION",
        "HTTP_PROXY_CONNECTION",
        "HTTP_TE",
        "HTTP_TRAILER",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_UPGRADE",
        "HTTP_VIA",
        "HTTP_X_REAL_IP",
    }
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNSAFE_QUERY = re.compile(r"[^\x21-\x7e]|#")
# What quote() leaves alone in a path: the pchar of RFC 3986 section 3.3 and the slash.
_PATH_SAFE = "/!$&'()*+,;=:@~"
_BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class RequestHead:
    """What is sent ahead of the body. `upgrade` is the protocol that is asked for, or empty."""

    method: str
    target: str
    headers: Headers
    upgrade: str = ""


def request_head(
    environ: dict[str, Any], upstream: Upstream, options: RemoteOptions, body: RequestBody
) -> RequestHead:
    """The head of the upstream's request.

    Raises RequestRefused: 400 for what cannot be handed on as it is, 501 for CONNECT and for an upgrade that
    this server cannot pass through, 508 when the request goes in circles.
    """
    method = environ["REQUEST_METHOD"]
    if not _TOKEN.fullmatch(method):
        raise RequestRefused(400, f"{method!r} is not a method (RFC 9110 section 9.1)")
    if method == "CONNECT":
        raise RequestRefused(501, "this proxy opens no tunnels")
    upgrade = asked_upgrade(environ, options)
    headers: Headers = [("Host", _host(environ, upstream, options))]
    headers += _end_to_end(environ)
    headers += _length_fields(method, body)
    headers += _forwarding_fields(environ, upstream, options)
    headers.append(("Via", _via(environ.get("HTTP_VIA", ""), _version(environ), options)))
    if "HTTP_MAX_FORWARDS" in environ:
        headers.append(("Max-Forwards", _hops_left(environ["HTTP_MAX_FORWARDS"], method)))
    if upgrade:
        headers += [("Connection", "Upgrade"), ("Upgrade", upgrade)]
    return RequestHead(method, request_target(environ, upstream), headers, upgrade)


def asked_upgrade(environ: dict[str, Any], options: RemoteOptions) -> str:
    """The protocol to which the connection is to be upgraded; empty for none, or for one we do not pass.

    An offer may be ignored (RFC 9110 section 7.8), and h2c must be: behind it any request could be hidden
    from the rules. A WebSocket without the upgrade is of no use to anybody, so where the server does not
    hand its socket over, RequestRefused says so with 501.
    """
    asked = environ.get("HTTP_UPGRADE", "").strip().lower()
    if not asked or asked not in options.upgrades or "upgrade" not in _connection_options(environ):
        return ""
    if environ.get("gunicorn.socket") is None:
        raise RequestRefused(501, f"this server does not pass connections through, as {asked} needs it")
    return str(asked)


def request_target(environ: dict[str, Any], upstream: Upstream) -> str:
    """The request target in origin form (RFC 9112 section 3.2.1), or `*`."""
    script, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if raw == "*" and environ["REQUEST_METHOD"] == "OPTIONS" and not upstream.path:
        return "*"
    if {".", ".."}.intersection(f"{script}{path}".split("/")):
        raise RequestRefused(400, "a path with . or .. in it is not handed on")
    query = environ.get("QUERY_STRING", "")
    script_quoted, path_quoted = _as_written(raw, script, path) or (_quoted(script), _quoted(path))
    below = script_quoted if upstream.path is None else upstream.path
    target = f"{below}{path_quoted}"
    if not target.startswith("/"):
        target = f"/{target}"
    return f"{target}?{_query(query)}" if query else target


def _as_written(raw: str, script: str, path: str) -> tuple[str, str] | None:
    """The raw path in two parts, if these are exactly what SCRIPT_NAME and PATH_INFO decode from."""
    raw = raw.partition("?")[0]
    if not raw.startswith("/") or not raw.isascii() or unquote_to_bytes(raw) != _octets(script + path):
        return None
    at = 0
    for _ in range(len(script)):
        at += 3 if raw[at] == "%" else 1
    return raw[:at], raw[at:]


def _octets(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _quoted(path: str) -> str:
    return quote(_octets(path), safe=_PATH_SAFE)


def _query(query: str) -> str:
    """The query as it came, with what must not stand in a target encoded."""
    return _UNSAFE_QUERY.sub(lambda match: quote(_octets(match[0]), safe=""), query)


def _host(environ: dict[str, Any], upstream: Upstream, options: RemoteOptions) -> str:
    if options.host == "upstream":
        return upstream.authority
    if options.host != "client":
        return options.host
    host: str = environ.get("HTTP_HOST", "")
    if not host:  # HTTP/1.0 may do without
        return upstream.authority
    if not is_authority(host):
        raise RequestRefused(400, "the Host field is not a host and a port (RFC 9110 section 7.2)")
    return host


def _end_to_end(environ: dict[str, Any]) -> Headers:
    """The fields that are meant for whoever answers, in the order of the environ."""
    named = {f"HTTP_{option.upper().replace('-', '_')}" for option in _connection_options(environ)}
    fields = [
        (field_name(key), value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
        and key not in _DROPPED
        and key not in named
        and not key.startswith("HTTP_X_FORWARDED_")
    ]
    if content_type := environ.get("CONTENT_TYPE"):
        fields.append(("Content-Type", content_type))
    checked = []
    for name, value in fields:
        if not isinstance(value, str) or _CONTROL.search(value) or not _TOKEN.fullmatch(name):
            raise RequestRefused(400, f"the field {name} cannot be handed on (RFC 9110 section 5.5)")
        checked.append((name, value.strip(" \t")))
    return checked


def _connection_options(environ: dict[str, Any]) -> set[str]:
    options = (option.strip().lower() for option in environ.get("HTTP_CONNECTION", "").split(","))
    return {option for option in options if option}


@lru_cache(maxsize=1024)
def field_name(key: str) -> str:
    """HTTP_ACCEPT_ENCODING → Accept-Encoding."""
    return key[5:].replace("_", "-").title()


def _length_fields(method: str, body: RequestBody) -> Headers:
    if body.length is None:
        return [("Transfer-Encoding", "chunked")]
    # RFC 9110 section 8.6: a method that anticipates content says so even when there is none.
    if body.length or method in _BODY_EXPECTED:
        return [("Content-Length", str(body.length))]
    return []


def _forwarding_fields(environ: dict[str, Any], upstream: Upstream, options: RemoteOptions) -> Headers:
    """Who asked, by which name and over which scheme, as this server knows it."""
    client = environ.get("REMOTE_ADDR") or ""
    scheme = environ["wsgi.url_scheme"]
    host = environ.get("HTTP_HOST", "")
    fields: Headers = []
    if options.forwarded in ("x-forwarded", "both"):
        fields += [("X-Forwarded-For", client or "unknown"), ("X-Forwarded-Proto", scheme)]
        if host:
            fields.append(("X-Forwarded-Host", host))
        if upstream.path is not None and environ.get("SCRIPT_NAME"):
            fields.append(("X-Forwarded-Prefix", _quoted(environ["SCRIPT_NAME"])))
    if options.forwarded in ("forwarded", "both"):
        pairs = [f"for={_node(client)}", f"proto={scheme}"]
        if is_authority(host):
            pairs.append(f'host="{host}"')
        fields.append(("Forwarded", ";".join(pairs)))
    return fields


def _node(client: str) -> str:
    """RFC 7239 section 6: IPv6 in brackets and quotes, `unknown` where there is no address."""
    try:
        version = ip_address(client).version
    except ValueError:
        return "unknown"
    return f'"[{client}]"' if version == 6 else client


def _via(so_far: str, version: str, options: RemoteOptions) -> str:
    if so_far.count(",") + 1 >= HOPS_MAX:
        raise RequestRefused(508, "the request has come through too many proxies: it goes in circles")
    return via(so_far, version, options.via)


def via(so_far: str, version: str, name: str) -> str:
    """A Via field with one more hop: the version that was received, and who received it."""
    hop = f"{version} {name}"
    return f"{so_far}, {hop}" if so_far else hop


def _version(environ: dict[str, Any]) -> str:
    version: str = environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/")
    return version if re.fullmatch(r"[0-9](?:\.[0-9])?", version, re.ASCII) else "1.1"


def _hops_left(text: str, method: str) -> str:
    """Max-Forwards one lower, for the two methods that it is defined for (RFC 9110 section 7.6.2)."""
    if method not in ("OPTIONS", "TRACE"):
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise RequestRefused(400, "Max-Forwards is not a number (RFC 9110 section 7.6.2)")
    if int(text) == 0:
        raise RequestRefused(501, "Max-Forwards ends the way of the request here, and here is only a proxy")
    return str(int(text) - 1)
