"""What can be chosen about one upstream server: plain values, checked when they are given."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, fields
from typing import Literal, get_args

Forwarding = Literal["x-forwarded", "forwarded", "both", "off"]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True)
class RemoteOptions:
    """How one upstream server is asked. Times are seconds.

    connect_timeout_s: for the connection, TLS included (nginx: proxy_connect_timeout, 60; here a dead machine
        must not hold a thread for long).
    try_timeout_s: until the head of the answer has come, for each try (nginx: proxy_read_timeout, 60).
    idle_timeout_s: between two blocks of the body, in either direction.
    upgraded_timeout_s: on an upgraded connection, without an octet in either direction.
    idle_connections_max, idle_connection_s: how many unused connections are kept, and for how long. Less than
        the 60 s and more after which common servers close them.
    connections_max: how many there may be at a time in this process, 0 for any number; beyond it requests are
        answered 503.
    head_bytes_max: of an answer's head (nginx: proxy_buffer_size, 8 KiB; browsers take 256 KiB).
    host: "client" hands on the Host that was asked for, "upstream" says the upstream's own, anything else is
        said as it is.
    forwarded: which fields tell the upstream of the client: X-Forwarded-For, -Proto, -Host and -Prefix, the
        Forwarded of RFC 7239, both or none. What the client itself sent under these names is never passed on.
    via: the name of this proxy in the Via fields (RFC 9110 section 7.6.3).
    upgrades: the protocols to which a connection may be upgraded, in lower case. Only those belong here whose
        upstream end cannot be talked into serving further HTTP requests.
    tls: for https; None verifies the certificate against the system's authorities.
    """

    connect_timeout_s: float = 5.0
    try_timeout_s: float = 30.0
    idle_timeout_s: float = 60.0
    upgraded_timeout_s: float = 300.0
    idle_connections_max: int = 32
    idle_connection_s: float = 30.0
    connections_max: int = 0
    head_bytes_max: int = 65536
    host: str = "client"
    forwarded: Forwarding = "x-forwarded"
    via: str = "potstill"
    upgrades: tuple[str, ...] = ("websocket",)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        """Raises ValueError that names the option."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_s") and not value > 0:
                raise ValueError(f"{field.name} must be a number of seconds above 0, not {value!r}")
            if field.name.endswith("_max") and not value >= 0:
                raise ValueError(f"{field.name} must not be below 0, as {value!r} is")
        if self.head_bytes_max < 1024:
            raise ValueError(f"head_bytes_max must be at least 1024, not {self.head_bytes_max!r}")
        if self.forwarded not in get_args(Forwarding):
            raise ValueError(
                f"forwarded must be one of {', '.join(get_args(Forwarding))}, not {self.forwarded!r}"
            )
        if not _TOKEN.fullmatch(self.via):
            raise ValueError(f"via must be a name without spaces, not {self.via!r}")
        if not _AUTHORITY.fullmatch(self.host):
            raise ValueError(f"host must be 'client', 'upstream' or a host, not {self.host!r}")


def is_authority(text: str) -> bool:
    """Whether a Host field says a host and perhaps a port, and nothing else (RFC 9110 section 7.2)."""
    return bool(_AUTHORITY.fullmatch(text))
