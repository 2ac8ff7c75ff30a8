"""A transport that speaks TLS; the server uses the C-level face (tls.pxd)."""

import ssl

from potstill.core.transport import TransportFace

class TlsTransportFace(TransportFace):
    """A transport over a non-blocking socket whose descriptor it takes over (`sock.detach()`), for tests.

    `ahead` is what was read of the client's first octets before.
    """

    def __init__(self, fd: int, context: ssl.SSLContext, ahead: bytes = b"") -> None: ...
    def shake(self) -> str | None:
        """Take the handshake further: None once it is over, "more", "lost", or why it has failed."""
