"""Sockets without HTTP: what an address means, and listening on it."""
