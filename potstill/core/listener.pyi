"""A listening socket as the engine sees it; the server uses the C-level face (listener.pxd)."""

import socket as sockets
from typing import Any

from potstill.core.options import Entrance, Options

class Listener:
    """A listening socket, and the environ that its requests have in common.

    SERVER_NAME and SERVER_PORT are those of its address. Where that is all addresses, the name is the host's;
    a unix socket is `localhost` and `80`, over TLS `443`: they are never empty (PEP 3333).
    """

    def __init__(self, sock: sockets.socket, options: Options, entrance: Entrance = ...) -> None: ...
    @property
    def socket(self) -> sockets.socket: ...

def peer(listener: Listener, sockaddr: bytes) -> tuple[str, str]:
    """For tests: REMOTE_ADDR and REMOTE_PORT of a client with this sockaddr_storage, of 128 bytes."""

def environ_of(listener: Listener, head: bytes) -> dict[str, Any]:
    """For tests: the environ of a request that came by the listener. ValueError where it is refused."""
