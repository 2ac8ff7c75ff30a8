"""A request that waits because the application wants it to. For compiled modules (held.pxd)."""
