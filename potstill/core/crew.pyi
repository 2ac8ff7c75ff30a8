"""The engine's threads. All of it is for other compiled modules (crew.pxd)."""
