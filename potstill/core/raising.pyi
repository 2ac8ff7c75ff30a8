"""Exceptions raised in another thread, and taken back. For compiled modules (raising.pxd)."""
