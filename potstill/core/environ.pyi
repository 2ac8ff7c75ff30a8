"""A request head → the environ of PEP 3333."""

from typing import Any

KEYS: tuple[str, ...]  # what stands at the front of every environ, in this order

class EnvironBuilder:
    """Makes environs for the requests of one listener.

    Args:
        server_name, server_port: what SERVER_NAME and SERVER_PORT say.
        url_scheme: "http" or "https".
        extra: further keys that every environ of this listener carries (wsgi.errors, wsgi.multithread …).

    Raises ValueError when the name or the port is empty (PEP 3333, "environ Variables").
    """

    def __init__(
        self, server_name: str, server_port: str, url_scheme: str, extra: dict[str, Any]
    ) -> None: ...

def build(
    data: bytes,
    builder: EnvironBuilder,
    remote_addr: str = "127.0.0.1",
    remote_port: str = "50000",
) -> dict[str, Any]:
    """For tests: the environ of the request head that `data` is, with an empty body, names with "_" kept.

    Each call answers a dict of its own. Values are native strings that hold octets as latin-1 (PEP 3333,
    "Unicode Issues"). Raises ValueError where the head is incomplete or refused.
    """
