"""Where an upstream server is, and what can go wrong with it.

    http://10.0.0.1:8080                 the whole path of the request is asked for there
    http://10.0.0.1:8080/shop weight=3   what stands behind the mount point is asked for below /shop
    https://app.internal                 TLS; the certificate is verified for this name
    unix:/run/app.sock                   a unix socket, `unix:/run/app.sock:/shop` with a path
    dns+http://app.internal:8080         each address that the name has is a server of its own

The rule about the path is nginx's for `proxy_pass`: an address without a path hands on the path as it came,
one with a path (`/` is one) replaces what the route was mounted at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

WEIGHT_MAX = 1000
DEFAULT_PORTS = {"http": 80, "https": 443}

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_PATH = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*", re.ASCII)
_EXAMPLES = "write http://10.0.0.1:8080, https://app.internal or unix:/run/app.sock"


class RequestRefused(Exception):
    """The client's request cannot be handed on; `status` is the answer to it, the text says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class UpstreamError(Exception):
    """An upstream server did not answer as it should.

    `status` is what the client is told (RFC 9110 section 15.6): 502 when what came was no answer, 503 when
    nobody could be reached or is free, 504 when it took too long. `unsent`: not an octet of the request can
    have been acted on, since there was no connection. `unanswered`: not an octet of an answer came. `blamed`:
    it says something about the server's health.
    """

    def __init__(
        self, status: int, text: str, *, unsent: bool = False, unanswered: bool = False, blamed: bool = True
    ) -> None:
        super().__init__(text)
        self.status = status
        self.unsent = unsent
        self.unanswered = unanswered or unsent
        self.blamed = blamed


@dataclass(frozen=True)
class Upstream:
    """The address of one upstream server.

    `host` is connected to; `name` is what the Host field and the certificate speak of. They differ when the
    name was looked up before. `path` is None where the request's own path is handed on whole.
    """

    scheme: str
    host: str
    port: int
    name: str
    path: str | None = None
    socket_path: str = ""
    weight: int = 1
    from_dns: bool = False

    @property
    def authority(self) -> str:
        """What a Host field says: the name, and the port where it is not the scheme's own (RFC 9110 §7.2)."""
        host = f"[{self.name}]" if ":" in self.name else self.name
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """The address for logs and statistics; two with the same are the same server."""
        path = self.path or ""
        if self.socket_path:
            return f"unix:{self.socket_path}{':' if path else ''}{path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{path}"

    def at(self, address: str) -> Upstream:
        """The same server at one of the addresses that its name has."""
        return replace(self, host=address, from_dns=False)


def parse_upstream(text: str) -> Upstream:
    """The upstream that a text names: an address, and perhaps `weight=N` behind it.

    Raises ValueError that says what is wrong with it and how it is written.
    """
    address, *options = text.split() or [""]
    weight = 1
    for option in options:
        name, _, value = option.partition("=")
        if name != "weight" or not (value.isascii() and value.isdigit() and 1 <= int(value) <= WEIGHT_MAX):
            raise ValueError(f"upstream {text!r}: {option!r} is not weight=N with N from 1 to {WEIGHT_MAX}")
        weight = int(value)
    if address.startswith("unix:"):
        return _unix(text, address.removeprefix("unix:"), weight)
    return _url(text, address, weight)


def _unix(text: str, rest: str, weight: int) -> Upstream:
    socket_path, colon, path = rest.removeprefix("//").partition(":")
    if not socket_path.startswith("/"):
        raise ValueError(
            f"upstream {text!r}: a unix socket is named by its full path, like unix:/run/app.sock"
        )
    checked = _path(text, path) if colon else None
    return Upstream("http", "", 80, "localhost", checked, socket_path, weight)


def _url(text: str, address: str, weight: int) -> Upstream:
    from_dns = address.startswith("dns+")
    try:
        parts = urlsplit(address.removeprefix("dns+"))
        port = parts.port
    except ValueError as error:
        raise ValueError(f"upstream {text!r}: {error}") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"upstream {text!r}: there is no scheme {parts.scheme!r}; {_EXAMPLES}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"upstream {text!r} holds more than host, port and path; {_EXAMPLES}")
    host = parts.hostname or ""
    if not _is_host(host) or port == 0:
        raise ValueError(f"upstream {text!r} has no host or no port that could be connected to; {_EXAMPLES}")
    if from_dns and _is_address(host):
        raise ValueError(f"upstream {text!r}: an address is not looked up; write it without dns+")
    path = _path(text, parts.path) if parts.path else None
    return Upstream(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], host, path, "", weight, from_dns)


def _path(text: str, path: str) -> str:
    """The path below which requests are asked for, without a slash at its end."""
    if not _PATH.fullmatch(path) or {".", ".."}.intersection(path.split("/")):
        raise ValueError(f"upstream {text!r}: {path!r} is not a path like /shop, percent-encoded")
    return path.rstrip("/")


def _is_host(host: str) -> bool:
    return _is_address(host) if ":" in host else bool(_HOST_NAME.fullmatch(host))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
