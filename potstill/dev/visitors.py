"""Who sits at this desk: a client on this machine that came here directly and by a local name.

A console in an error page runs code, and values of variables are secrets, so three things are asked of who is
to see them. The client's address is a loopback one. No proxy has passed the request on, for then the address
is the proxy's and says nothing. And the host that was asked for is a local name: a page from elsewhere can
make a browser on this machine send requests here, under a name of its own that it points at 127.0.0.1.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from typing import Any

PASSED_ON = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP", "HTTP_CF_CONNECTING_IP", "HTTP_TRUE_CLIENT_IP")
PASSED_ON_PREFIX = "HTTP_X_FORWARDED"
_LOCAL_NAME = re.compile(r"(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?", re.I)


def at_desk(environ: Mapping[str, Any]) -> bool:
    """Whether this request may see values and use a console."""
    return (
        is_loopback(str(environ.get("REMOTE_ADDR", "")))
        and not any(name in PASSED_ON or name.startswith(PASSED_ON_PREFIX) for name in environ)
        and _LOCAL_NAME.fullmatch(str(environ.get("HTTP_HOST", ""))) is not None
    )


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def away_from_desk(listeners: Iterable[socket.socket]) -> str:
    """The address of a listener that others than this machine's clients can reach; empty: there is none."""
    for listener in listeners:
        name = listener.getsockname()
        if listener.family not in (socket.AF_INET, socket.AF_INET6):
            return f"unix:{name if isinstance(name, str) else name.decode(errors='replace')}"
        if not is_loopback(name[0]):
            return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
    return ""
