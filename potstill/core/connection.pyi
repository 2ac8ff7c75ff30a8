"""One client: bytes in, exchanges, bytes out. All of it is for other compiled modules (connection.pxd)."""
